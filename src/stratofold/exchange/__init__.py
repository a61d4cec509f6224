"""A paper exchange: replayed data, the simulated venue of the fold, and a real broker's API around them.

What comes in: requests and frames as bytes, and the replay's pace.  What goes out: answers, trade updates, bars.
Why it is shaped so: everything but `server` is plain functions and classes without I/O, so that tests and the
simulator run the same exchange that the command serves; each account is an engine of the fold driven by `fold/run.py`,
so an order fills here exactly as it fills in a backtest.

    server   sockets and the wall clock          state    what survives a death
    api      who asks, and which handler answers: trading, portfolio, data (candles), admin
    stream   frames in and out                   faults   what goes wrong on purpose
    core     accounts over one market            market   the data, and how much of them is out
    account  ids and updates                     desk     one engine, and what it hears
    intake   requests checked                    limits   what the broker turns away
    dialect  the API's words as JSON             moments  times as text      activities  what moved money
"""
