"""What the model may call: the registry and the kinds of tool."""
