"""The fast path: text frames taken off a leg's wire before trio-websocket sees them.

`tap.FrameTap` is what a transport uses; the other modules are its parts.
"""
