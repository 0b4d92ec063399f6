"""The conversation core: messages in, commands out, no I/O.

Time comes in as ``now``, in seconds of any monotonic clock. What must happen later is a
deadline that the shell reads, waits for and answers with ``tick(now)``.
"""
