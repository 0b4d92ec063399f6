"""The port: who listens, who may come in, and the calls that come of it."""
