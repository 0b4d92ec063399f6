"""The legs' WebSockets against a suite of cases for the protocol: ``make conformance``."""
