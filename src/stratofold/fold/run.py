"""The driver of a simulation: bars and the events between them, in order, each carried through the one step.

What comes in: an engine, a strategy and a feed.  What goes out: an engine that has heard `stop` events, or fewer when
a log wants lengthening (`CROWDED`): Python does that, and calls again.
"""

from stratofold.events import Bar
from stratofold.fold.desk import CLOSE, LIMITS, OPEN, Place
from stratofold.fold.engine import FOREVER, HEARS_BARS, LONG_AGO, Engine, Feed
from stratofold.fold.leap import leap, leap_inside, look_ahead
from stratofold.fold.marks import few_turns, inside, leaps, often, seldom, turns
from stratofold.fold.passing import arrive, close_session, deliver, observe_now, pass_time, turn_session
from stratofold.fold.sparse import hear_event, hear_own_timer
from stratofold.fold.step import gather, hear_bar
from stratofold.fold.strategy import Strategy

DONE, CROWDED, HEARD = 0, 1, 2  # the feed is at its end; a log wants lengthening; an event was heard
READY = 0  # instead of `DONE` where bars follow: nothing stands before the next
_PATIENCE_MAX = 64  # bars
_AHEAD = 32  # bars: four lines of memory, some 300 ns


@often
def run(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> int:
    """Hear events until `stop` of them have been heard or the feed is at its end; returns `DONE` or `CROWDED`."""
    engine.bar.span = feed.span
    if len(feed.symbol) > 1:
        ended = hear_feed(engine, strategy, feed, stop, True)
    else:
        ended = hear_feed(engine, strategy, feed, stop, False)
    look_up(engine)  # in the next run, so that no state depends on where a run breaks off
    return ended


@often
@inside("index", "times", "symbols", "opens", "highs", "lows", "closes", "volumes")
def hear_feed(engine: Engine, strategy: Strategy, feed: Feed, stop: int, has_many: bool) -> int:
    """The loop of a run; `has_many` says whether each bar brings its symbol.

    What is due between bars is looked for only when time has passed `quiet_until`, or after a bar that moved something.
    Where it is not `calm_until` that has passed, it is the session's close.
    No way out of the loop leads past the prices of a bar before they are read: so machine code reads those that it seldom
    needs on the ways out alone.
    """
    bar = engine.bar
    times = feed.time
    symbols = feed.symbol
    opens = feed.open
    highs = feed.high
    lows = feed.low
    closes = feed.close
    volumes = feed.volume
    shift = feed.shift
    symbol = symbols[0]
    index = engine.bar_index
    ahead = -1
    patience = 1  # bars, after a leap that came nowhere
    while True:
        count = len(times)
        end = min(count, stop - engine.event_index)
        if (
            index < 0
            or len(opens) != count
            or len(highs) != count
            or len(lows) != count
            or len(closes) != count
            or len(volumes) != count
            or (has_many and len(symbols) != count)
            or not 0 <= symbol < len(engine.venue.places)
            or symbol >= len(engine.book.ledger.holdings)
        ):
            raise ValueError("the feed's columns differ in length, or its symbol is none of the book's")
        found = READY
        if not has_many:
            bar.symbol = symbol
        while index < end:
            if has_many:
                symbol = symbols[index]
                bar.symbol = symbol
            bar.open = opens[index]
            bar.high = highs[index]
            bar.low = lows[index]
            bar.close = closes[index]
            bar.volume = volumes[index]
            time = times[index] + shift
            if index & 7 == 0:
                look_ahead(feed, index + _AHEAD)
            if time > engine.quiet_until:
                if engine.book.busy or time > engine.calm_until:
                    found = attend(engine, strategy, feed, time)
                    if found:
                        break
                else:
                    turn_session(engine, time)
                    if leaps() and turns() and index != ahead:
                        ahead = leap(engine, strategy, feed, index, end)
                        if ahead > index:
                            index = ahead
                            engine.bar_index = index
                            be_quiet(engine)
                            continue
                be_quiet(engine)
            elif leaps() and not turns() and index >= ahead:
                ahead = leap_inside(engine, strategy, feed, index, end)
                if ahead > index:
                    index = ahead
                    engine.bar_index = index
                    ahead += 1  # this bar has more to it
                    patience = 1
                    continue
                ahead += patience
                patience = min(patience + patience, _PATIENCE_MAX)
            trade_bar(engine, strategy, bar, time)
            index += 1
            engine.bar_index = index
        if index >= end:
            if index + engine.event_index >= stop:
                return DONE
            found = conclude(engine, strategy, feed)
        if found != HEARD:
            return found


@seldom
def attend(engine: Engine, strategy: Strategy, feed: Feed, time: int) -> int:
    """What stands before the bar of `time`: `CROWDED`, `HEARD` where it was an event, or `READY`."""
    book = engine.book
    if book.busy:
        if engine.logs.crowded:
            return CROWDED
        book.busy = False
    if time > engine.calm_until:
        if hear_sparse(engine, strategy, feed, time):
            return HEARD
        arrive(engine, strategy, time)
        engine.calm_until = calm_until(engine, feed)
    elif time > engine.sessions.close:
        turn_session(engine, time)
    return READY


@often
def be_quiet(engine: Engine) -> None:
    """Until when nothing but bars is due."""
    close = engine.sessions.close
    engine.quiet_until = close if close < engine.calm_until else engine.calm_until  # noqa: FURB136  `min` is slow here


@seldom
def conclude(engine: Engine, strategy: Strategy, feed: Feed) -> int:
    """What comes after the last bar: `CROWDED`, `HEARD` where it was an event, or `DONE`."""
    if engine.book.busy and engine.logs.crowded:
        return CROWDED
    engine.book.busy = False
    return HEARD if hear_sparse(engine, strategy, feed, FOREVER) else DONE


def calm_until(engine: Engine, feed: Feed) -> int:
    """The last nanosecond before which nothing but bars and a new session is due, as things stand."""
    until = engine.venue.expiry
    if engine.event_index < len(feed.event_key):
        until = min(until, (feed.event_key[engine.event_index] - 1) // 2)
    if engine.book.timer_count > 0:
        until = min(until, engine.book.timer_due[0])
    if engine.hears & HEARS_BARS and engine.bars.pending:
        until = min(until, engine.bars.time + engine.grace)
    return until


def look_up(engine: Engine) -> None:
    """What is due next may have changed: it is looked up before the next bar."""
    engine.quiet_until = LONG_AGO
    engine.calm_until = LONG_AGO


@seldom
def hear_sparse(engine: Engine, strategy: Strategy, feed: Feed, time: int) -> bool:
    """Hear the next timer or sparse event if it comes before the bar of `time`; returns whether there was one."""
    book = engine.book
    index = engine.event_index
    key = 2 * time + 1 if time < FOREVER else FOREVER
    next_key = feed.event_key[index] if index < len(feed.event_key) else FOREVER
    if book.timer_count > 0 and 2 * book.timer_due[0] + 2 <= next_key and 2 * book.timer_due[0] + 2 < key:
        hear_own_timer(engine, strategy)
        return True
    if next_key < key:
        hear_event(engine, strategy, feed, index)
        engine.event_index = index + 1
        return True
    return False


@often
def trade_bar(engine: Engine, strategy: Strategy, bar: Bar, time: int) -> None:
    """One bar, complete at `time`: the venue matches, the fold hears, messages go out.

    Equity is observed when time moves on, not between two bars of one time: a pair whose one leg is marked and whose
    other is not has lost nothing.
    """
    book = engine.book
    venue = engine.venue
    bar.time = time
    bar.known = time
    if time > book.time:
        pass_time(engine, bar.symbol)
    place = venue.places[bar.symbol]
    book.time = time
    was_filled = False
    if place.phases:
        was_filled = reach(engine, strategy, bar, place)
    place.last_time = time
    place.price = bar.close
    if book.ledger.hear(bar.symbol, bar.close) or was_filled:
        weigh(engine)
    hear_bar(engine, strategy, bar)
    if book.busy or engine.thorough:
        after_bar(engine, strategy)


@often
def weigh(engine: Engine) -> None:
    """Equity may have moved: note it, to be observed when time moves on; below 0 it is a margin call."""
    engine.equity_steps = engine.book.ledger.marked_steps
    engine.unobserved = True
    if engine.equity_steps < 0.0:
        engine.venue.check_margin(engine.book.time)


@seldom
def after_bar(engine: Engine, strategy: Strategy) -> None:
    """What only some bars need: groups, messages, margins, the equity curve, and a look at what they made due."""
    if engine.hears & HEARS_BARS:
        gather(engine, strategy, engine.bar)
    if engine.book.outbox_count > 0 or engine.venue.report_count > 0:
        deliver(engine, strategy)
    if engine.thorough:
        if engine.venue.watches_margin:
            engine.venue.check_margin(engine.book.time)
        if len(engine.logs.curve) > 0:
            engine.logs.curve[engine.bar_index] = engine.book.ledger.equity
    if engine.book.busy:
        rest(engine)
    if engine.unobserved and engine.book.symbol_count == 1 and engine.book.time < engine.calm_until:
        observe_now(engine, engine.bar.symbol)  # nothing else is due at this time; the next bar would have to look back


def rest(engine: Engine) -> None:
    """The book is at rest again: a log may be crowded, an order may expire or a timer be due sooner than was thought."""
    book = engine.book
    if engine.logs.crowded:
        look_up(engine)
        return
    book.busy = False
    until = engine.venue.expiry
    if book.timer_count > 0:
        until = min(until, book.timer_due[0])
    if until < engine.calm_until:
        engine.calm_until = until
        engine.quiet_until = min(engine.quiet_until, until)


@seldom
def reach(engine: Engine, strategy: Strategy, bar: Bar, place: Place) -> bool:
    """Match the bar unless it leaves every order of its symbol as it stands; whether there was a fill.

    Seldom where orders go to market: then the loop over bars need not know a bar's range.  Machine code of a strategy that
    may have orders rest has it in the loop (`kernel.unit`).
    """
    return False if engine.venue.passes(bar, place) else match(engine, strategy, bar, place)


@seldom
@few_turns
def match(engine: Engine, strategy: Strategy, bar: Bar, place: Place) -> bool:
    """The bar, phase by phase; every fill is heard before the next order is tried.  Whether there was a fill."""
    venue = engine.venue
    before = engine.logs.fills.count
    venue.begin(bar, place)
    if venue.report_count > 0:
        deliver(engine, strategy)
    if venue.is_called(bar.symbol, place):
        venue.cancel_all(bar.symbol)
        deliver(engine, strategy)
        venue.liquidate(bar)
        deliver(engine, strategy)
    if not place.halted:
        phase = OPEN
        while place.working > 0 and phase <= CLOSE:
            if place.phases & phase:
                match_phase(engine, strategy, bar, place, phase)
            phase += phase
        venue.matching = -1
    elif bar.time >= bar.session_close:
        venue.miss_close(bar)
        deliver(engine, strategy)
    if venue.expiry <= bar.time:
        venue.expire_at(bar)
        deliver(engine, strategy)
    venue.end(bar.symbol, place)
    return engine.logs.fills.count != before


@often
@few_turns
def match_phase(engine: Engine, strategy: Strategy, bar: Bar, place: Place, phase: int) -> None:
    """One phase of the bar: the orders that may act in it, one by one."""
    venue = engine.venue
    number = 0
    while place.working > 0:
        number = venue.next(bar, phase, number)
        if number == 0:
            return
        deliver(engine, strategy)
        if venue.urgent != 0 and phase <= LIMITS:
            venue.try_urgent(bar, venue.raw_price)
            deliver(engine, strategy)


def finish_run(engine: Engine) -> None:
    """The feed is at its end: the last session is sampled as it stands."""
    engine.tally.sink(engine.book.ledger.take_lowest())
    engine.book.ledger.refresh()
    close_session(engine)
    engine.tally.add_up()


@often
def run_out(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> int:
    """As `run`, and at the feed's end the run is finished and `equity_steps` is its last equity: for who wants the sums alone."""
    return end_run(engine, feed, stop, run(engine, strategy, feed, stop))


@often
def run_alone(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> int:
    """As `run_out`, for one symbol alone: machine code of it has one loop where the other has two."""
    engine.bar.span = feed.span
    ended = hear_feed(engine, strategy, feed, stop, False)
    look_up(engine)
    return end_run(engine, feed, stop, ended)


@often
def end_run(engine: Engine, feed: Feed, stop: int, ended: int) -> int:
    """Finish a run that has come to its feed's end."""
    if ended == DONE and stop >= len(feed.time) + len(feed.event_key):
        finish_run(engine)
        engine.equity_steps = engine.book.ledger.equity_steps
    return ended
