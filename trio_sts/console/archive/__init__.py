"""Calls that are over, read in a process of its own.

Reading a store, replaying a call and looking through a recording take whole seconds of one
core; in a thread of the service each of them would hold up the audio of running calls.
"""
