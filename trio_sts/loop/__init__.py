"""What is added to Trio's loop: a pace, alarms and a reactor, for the process as a whole.

Nothing here knows what a call, a leg or a message is. Each addition replaces something
that Trio does once for every task by something done once for all of them. The figures
are shares of the CPU of a process with 50 calls, which is 3,000 messages a second; how
they were measured stands in ``docs/performance.md``.

`pace.Pace`, an instrument of `trio.run`
    A loop that is woken more often than every 1.5 ms in the long run sleeps before it
    waits for I/O, and then handles together what arrived meanwhile. 23 %, for half a
    millisecond more in the median.

`alarms.Alarms`, a task
    One task sleeps until the first deadline of all calls and wakes those that are due.
    A timer of Trio's for each would be a cancellation each, ten a second and call.

`reactor.run_reactor`, a task
    One task reads the sockets of all calls through an epoll object of its own. A task
    that waits for its own socket costs a pass of the scheduler and a call of
    ``epoll_ctl`` for each message. 7 %. On Linux only; elsewhere each reader waits for
    its own socket.

Who uses what: ``service`` starts all three, a call sets its alarm, and the fast path of a
leg has its socket read by the reactor.
"""
