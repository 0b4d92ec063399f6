"""Measurements: a load on the running service, and the media path piece by piece.

Nothing here is part of the package. ``python -m bench`` is the load, ``load.c`` says what
it measures; ``test_media_path.py`` holds the pieces.
"""
