"""Typed messages of both wires and the codecs that know their JSON."""
