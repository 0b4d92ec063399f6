"""Handing finished calls on, to the store and to the webhook, whatever those do.

::

    call ends → Archive.keep → an outbox for each sink ─┬─ its keeper: a file for each entry
                (never waits)  (bounded, in memory)     └─ its sender: until it is delivered

What is in a file outlives the process: the next one takes it over.
"""
