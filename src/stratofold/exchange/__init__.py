"""A paper exchange: replayed data, the simulated venue of the fold, and a real broker's API around them.

What comes in: requests and frames as bytes, and the replay's pace.  What goes out: answers, trade updates, bars.
Why it is shaped so: everything but `server` is plain functions and classes without I/O, so that tests and the
simulator run the same exchange that the command serves; each account is an engine of the fold driven by `fold/run.py`,
so an order fills here exactly as it fills in a backtest.

    server   sockets and the wall clock
    api      routes → handlers        data      history        stream   frames in and out        faults   what goes wrong
    core     accounts over one market account   one engine     intake   requests checked         dialect  JSON shapes
    market   the replayed data        moments   times as text
"""
