"""The fast path: text frames taken off a leg's wire before trio-websocket sees them.

`tap.FrameTap` is the way in; the other modules are its parts.
"""
