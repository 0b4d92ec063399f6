"""Traces of calls for OpenTelemetry: on where the usual ``OTEL_*`` variables ask for it.

`opening` decides and is all that is imported without them; `provider` has the SDK, `call`
makes the spans of one call, `names` is the conventions' vocabulary.
"""
