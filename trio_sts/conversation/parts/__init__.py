"""What a conversation remembers: one class each, and none imports another.

A part is changed through its own methods only. Its docstring says which rules do so.
Its ``deadline``, where it has one, is the time at which the rule that reads it has
something to do: `AT_ONCE` if that is now, `NEVER` if only an event can change it.
"""
