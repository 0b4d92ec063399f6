"""What happens in a conversation, across its parts: one file for each feature.

A rule is a function of the state, an event (or nothing, in the pass) and the time. It
changes parts through their methods and puts commands into ``state.out``. Which rule
reacts to what, and in which order, stands in ``reactions.py`` alone.
"""
