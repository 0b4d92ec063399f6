"""The plain HTTP side of the port: health and readiness."""
