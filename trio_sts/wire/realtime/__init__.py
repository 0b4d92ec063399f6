"""The Realtime API: events from the model, requests to it, in both dialects."""
