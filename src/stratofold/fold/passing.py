"""What the passing of time brings, and what goes back and forth between book and venue.

What comes in: an engine and the time that it has come to.  What goes out: sessions closed and sampled, borrowing paid,
orders expired, late groups heard, and book and venue silent towards each other.  Why it is shaped so: bars and sparse
events alike come at a time and end in a delivery, so both drivers of them stand on this.
"""

from stratofold.fold.engine import HEARS_BARS, Engine
from stratofold.fold.marks import few_turns, inside, often, seldom
from stratofold.fold.step import hear_group, hear_report
from stratofold.fold.strategy import Strategy


@seldom
def arrive(engine: Engine, strategy: Strategy, time: int) -> None:
    """Time has come to `time`: a session may have begun, day orders may be over, a group may be late."""
    if time > engine.sessions.close:
        turn_session(engine, time)
    elif time > engine.book.time:
        pass_time(engine, engine.bar.symbol)
    if engine.venue.expiry < time:
        engine.book.time = time
        engine.venue.expire_before(time)
        deliver(engine, strategy)
    if engine.hears & HEARS_BARS and engine.bars.pending and time > engine.bars.time + engine.grace:
        engine.book.time = time
        hear_group(engine, strategy)
        deliver(engine, strategy)


@seldom
def turn_session(engine: Engine, time: int) -> None:
    """The session is over: sample its return, charge for what was borrowed until this one, and come to `time`.

    Time passes here otherwise than in `pass_time`, which must not be called before it: a run that was broken off comes
    here by `arrive`, and what it notes would be noted in no other.
    """
    if engine.unobserved:
        observe(engine, engine.bar.symbol)
    sessions = engine.sessions
    before = sessions.index
    if before < 0:
        engine.tally.begin(time - engine.bar.span)
    elif engine.bar_index != engine.tally.bar_count:
        sample_session(engine)
    sessions.walk(time)
    sessions.stamp(engine.bar)
    if engine.book.ledger.lends:
        charge_borrowing(engine, before)
    engine.book.time = time


def close_session(engine: Engine) -> None:
    """Sample the return and exposure of the session that ends, if it had a bar."""
    if engine.bar_index != engine.tally.bar_count:
        sample_session(engine)


def sample_session(engine: Engine) -> None:
    """Sample the return and exposure of the session that ends, which had a bar.

    Equity is worked out here, so the last price of a watched symbol need not be noted (`Ledger.note`) for later.
    """
    tally = engine.tally
    tally.bar_count = engine.bar_index
    ledger = engine.book.ledger
    if ledger.watched >= 0:
        equity = ledger.equity_steps
        tally.sink(equity)
    else:
        equity = ledger.marked_steps
    gross = ledger.gross_steps
    time = engine.book.time
    tally.sample(equity, gross, engine.sessions.index, time)
    engine.logs.equity.add(time, equity, ledger.cash_steps[0], gross)


@seldom
def charge_borrowing(engine: Engine, before: int) -> None:
    """Shorts pay for the calendar days since session `before`, if there was one."""
    ledger = engine.book.ledger
    if before < 0 or ledger.shorts == 0:
        return
    sessions = engine.sessions
    days = sessions.day_of(sessions.index) - sessions.day_of(before)
    for symbol in range(ledger.symbol_count):
        steps = ledger.borrow_steps(symbol, days)
        if steps != 0.0:
            pay(engine, symbol, 0.0 - steps)
    ledger.alarm()


def pay(engine: Engine, symbol: int, steps: float) -> None:
    """Money that comes with the position of `symbol`: both ledgers, and its round trip."""
    currency = engine.book.ledger.holdings[symbol].currency
    engine.book.ledger.pay(currency, steps)
    engine.venue.ledger.pay(currency, steps)
    engine.tally.credit(symbol, steps)


@often
def pass_time(engine: Engine, symbol: int) -> None:
    """Time moves on from what was heard last; `symbol` is the one that is likely to have moved equity.

    Done again before the next event, as after a break of the run, it changes nothing.
    """
    if engine.unobserved:
        observe(engine, symbol)
    engine.book.ledger.note(symbol)


@seldom
def observe(engine: Engine, symbol: int) -> None:
    """The equity of the time that has passed, for the drawdown; `symbol` is the one that is likely to have moved it."""
    observe_now(engine, symbol)


@often
def observe_now(engine: Engine, symbol: int) -> None:
    """As `observe`, where it is no detour."""
    engine.unobserved = False
    ledger = engine.book.ledger
    tally = engine.tally
    tally.sink(ledger.take_lowest())
    tally.observe(engine.equity_steps, engine.book.time)
    if engine.equity_steps < 0.0:
        ledger.unwatch()
    ledger.watch(symbol, engine.equity_steps, tally.peak_steps)


@seldom
@few_turns
@inside("heard", "reports")
@inside("sent", "outbox")
def deliver(engine: Engine, strategy: Strategy) -> None:
    """Carry reports to the fold and messages to the venue until both are silent."""
    venue = engine.venue
    book = engine.book
    heard = 0
    sent = 0
    while heard < venue.report_count or sent < book.outbox_count:
        if heard < venue.report_count:
            reports = venue.reports
            hear_report(engine, strategy, reports[heard])
            heard += 1
        else:
            outbox = book.outbox
            venue.receive(outbox[sent], book.time, engine.sessions)
            sent += 1
    book.outbox_count = 0
    venue.report_count = 0
