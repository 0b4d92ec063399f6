"""Independent peers: they share no code with what they test."""
