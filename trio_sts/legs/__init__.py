"""The two WebSockets of a call: the caller leg and the model leg."""
