"""A built-in Realtime endpoint, so that a call runs with no key and no network."""
