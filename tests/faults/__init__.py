"""What a call survives: faults of either leg at every point of it, as a program.

``python -m tests.faults`` holds whole calls through proxies that spoil one leg at a
chosen moment, and judges each by what the caller heard and the model was told.
"""
