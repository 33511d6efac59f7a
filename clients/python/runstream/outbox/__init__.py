"""The outbox of a process for a server: what was logged and is not answered yet.

    RunBuffer ──Collector──> OutgoingBatches ──StreamWindow──> LogStream
    (what was logged         (a BatchQueue:    <───answer────┘
    to one run)              memory or disk)

Three parties meet here:

- Threads that log append to buffers. An interrupt (Ctrl-C, an exception of a signal handler) may
  come between any two of their steps, so they take no lock and change nothing in two steps: what
  a call queues is appended by one step in C, and for everything else they post a task to the
  uploader's thread. A call that waits waits for a reply in a queue of its own.
- The uploader's thread alone makes batches of what buffers hold, retires buffers, and runs the
  tasks that were posted.
- The two threads of a stream take batches to send them, and drop them when they are answered.

The objects of the outbox, and what keeps each of them safe:

    RunBuffer        the way in for one run        no lock: each change is one step
    BufferContents   what waits there              no lock: each change is one step
    Collector        the buffers, those in use     no lock: only the uploader removes
    OutgoingBatches  batches without an answer     its lock
    BatchQueue       the same, kept in order       the lock of the batches
    StreamWindow     what of them is on a stream   the lock of the batches
    WaitList         calls that wait               the lock of the batches
    Refusals         what the server refused       no lock: each change is one step
    KeptRefusals     the same, kept on disk        the lock of the batches
    StartedRuns      answers to starts             no lock: each change is one step
    DeliveryState    what is wrong with delivery   no lock: each change is one step
    TaskQueue        what the uploader shall do    no lock: each change is one step
    DeferredWork     work left for later           no lock that a call takes
    BackgroundTasks  uploads left for later        no lock that a call takes
    DiskWatch        whether the disk hangs        its own thread, and no lock
    TaskLog          the same, kept on disk        the uploader's thread alone writes
    TaskWorker       does them, on its thread      no lock: each change is one step
    Heartbeats       the open runs                 the uploader's thread alone
    Outage           when to try again             the uploader's thread alone

What each party does with them has a module of its own:

    gate.py          threads that log, which may log or have to wait
    waits.py         threads that wait
    outbox.py        what other calls ask
    drain.py         the end of a program
    dispatch.py      the uploader's thread, which is in uploader.py
    answers.py       the thread of a stream, which is in log_stream.py

The uploader looks at the buffers that are in use. A call that logs to another one finds `must_wake`
set, and puts it among them before it wakes the uploader.

Two flags of a buffer keep calls fast: a call reads `is_open` before it queues something, and
`must_wake` after it. Another thread that sets one of them against a call does so first, and looks
at what the buffer holds afterwards; the call does it the other way round. So one of the two sees
the other, and nothing is queued where nobody looks. A buffer is retired only in that way, and what
a call still logs to it is moved to the buffer that took its place.

Memory: what is on disk takes `disk_queue.HEAD_BYTES`, and what is being made into batches a few MiB
more. What is in memory alone, because the disk takes no more or there is no spool, may take
`outgoing_batches.LIMIT_BYTES`. When that is reached, which takes an outage or a server that is
slower than its clients, calls that log wait until a quarter is free again, at most
`waits.ROOM_SECONDS`, and a warning is logged.
"""
