"""Over bars in which nothing happens, in one step: they are looked at together, and then accounted for together.

What comes in: an engine before a bar whose session has begun.  What goes out: the first bar of which more is to be said than
that it was heard, and all that the bars before it leave behind, to the last bit as if each had been heard by itself.
Why so: on most bars a strategy asks its indicators and does nothing, and no order of its own is near.  What such a bar does
to the account depends on its close alone, and whether it is one of them on nothing that it does to the account; so machine
code (`kernel.leaps`) asks about eight of them at once, and works their returns out eight at a time.  Of one symbol's daily
bars with a session each, or of its bars inside one session; whatever else is due (an order's price, an event, an expiry)
ends a leap.
"""

from math import inf

from stratofold.fold.engine import HEARS_BAR, HEARS_BARS, Engine, Feed
from stratofold.fold.grid import NEAR, NEAR_ROUNDER, STEPS_MAX
from stratofold.fold.holding import Holding
from stratofold.fold.marks import inside, often, rests, seldom, soon, turns, wide
from stratofold.fold.strategy import Strategy
from stratofold.fold.tally import LANES, LAST_LANE, least_of, total_of

_FEW = 8  # bars that are not worth it
_LITTLE = 2.0  # steps: a position worth less is looked at bar by bar, too
_MUCH = 2.0  # times the peak of equity: a position worth more is looked at bar by bar


@seldom
def leap(engine: Engine, strategy: Strategy, feed: Feed, index: int, end: int) -> int:
    """The first bar from `index` on, whose session has begun, that has to be heard by itself; those before it have been."""
    room = min(end - index, len(engine.sessions.opens) - engine.sessions.index)
    holding = engine.book.ledger.holdings[engine.bar.symbol]
    floor, ceiling = holding.low, inf
    if holding.quantity != 0.0:
        room = min(room, engine.tally.shift_due - engine.tally.moved_count - 1)
        per_price = holding.quantity * holding.multiplier * holding.money_scale
        floor = max(floor, _LITTLE / per_price)
        ceiling = _MUCH * engine.tally.peak_steps / per_price
    if room < _FEW or engine.sessions.index < 1 or not _is_simple(engine, holding, room):
        return index
    if holding.quantity != 0.0 and not _is_sound(engine, holding, floor):
        return index
    room = _due(feed, index, room, engine.calm_until)
    count = quiet_bars(engine, strategy, feed, index, engine.sessions.index - 1, room, floor, ceiling)
    if count > 0:
        hear(engine, feed, index, count)
    return index + count


@often
def look_ahead(feed: Feed, index: int) -> None:
    """Bars with an order read these columns, and others do not: the processor would not fetch them by itself in time."""
    soon(feed.open, index)
    soon(feed.high, index)
    soon(feed.low, index)
    soon(feed.volume, index)


@seldom
def leap_inside(engine: Engine, strategy: Strategy, feed: Feed, index: int, end: int) -> int:
    """As `leap`, of bars inside the session that has begun, before anything but bars is due."""
    if end - index < _FEW or not _is_simple_inside(engine, feed):
        return index
    room = end - index
    if feed.span > 0:  # as many as there are where none is missing, and fewer to look at where some are
        room = min(room, (engine.quiet_until - feed.shift - feed.time[index]) // feed.span + 1)
    if room < _FEW:
        return index
    room = _due(feed, index, room, engine.quiet_until)
    holding = engine.book.ledger.holdings[engine.bar.symbol]
    count = quiet_bars(engine, strategy, feed, index, engine.sessions.index, room, holding.low, holding.high)
    if count > 0:
        hear_inside(engine, feed, index, count)
    return index + count


@often
def _is_simple_inside(engine: Engine, feed: Feed) -> bool:
    """Whether nothing but its close decides what a bar does to the account that leaves equity between 0 and its peak."""
    return (
        feed.is_rising
        and not engine.thorough
        and not engine.unobserved
        and not engine.book.busy
        and engine.book.trailing_count == 0
        and engine.hears & HEARS_BARS == 0
        and 0 <= engine.sessions.index < len(engine.sessions.opens)
        and (rests() or engine.venue.places[engine.bar.symbol].phases == 0)
    )


def _due(feed: Feed, index: int, room: int, time: int) -> int:
    """How many of the `room` bars from `index` on are not later than `time`."""
    until = time - feed.shift
    if feed.time[index + room - 1] <= until:
        return room
    least = 0
    while least < room:  # the first that is
        middle = (least + room) // 2
        if feed.time[index + middle] <= until:
            least = middle + 1
        else:
            room = middle
    return room


@often
def _is_simple(engine: Engine, holding: Holding, room: int) -> bool:
    """Whether nothing but its close decides what each of `room` bars does to the account, by whole steps."""
    ledger = engine.book.ledger
    tally = engine.tally
    return (
        not engine.thorough
        and not engine.unobserved
        and engine.book.trailing_count == 0
        and engine.hears & HEARS_BARS == 0
        and not engine.logs.equity.is_kept
        and not tally.is_dated
        and not ledger.lends
        and ledger.is_plain
        and ledger.currency_count == 1
        and ledger.symbol_count == 1
        and ledger.shorts == 0
        and (rests() or engine.venue.places[engine.bar.symbol].phases == 0)
        and (_stands(engine) if holding.quantity == 0.0 else ledger.watched == engine.bar.symbol)
        and tally.last_steps > 0.0
        and _MUCH * tally.peak_steps < NEAR
        and tally.mean_equity_sum + room * (_MUCH * tally.peak_steps + abs(ledger.cash_steps[0])) < STEPS_MAX
        and abs(ledger.cash_steps[0]) < NEAR
        and abs(ledger.total_steps[0]) < NEAR
    )


@often
def _stands(engine: Engine) -> bool:
    """Whether a session in which nothing is held has no excess return."""
    return engine.tally.free == 0.0 and engine.book.ledger.marked_steps == engine.tally.last_steps


@often
def _is_sound(engine: Engine, holding: Holding, floor: float) -> bool:
    """Whether equity is what was sampled last, and is above 0 at the price `floor`, as is what is held."""
    ledger = engine.book.ledger
    others = ledger.total_steps[0] - holding.worth_steps
    gross = others + (holding.value_steps(holding.quantity, floor) + holding.carried_steps)
    marked = others + (holding.value_steps(holding.quantity, holding.marked) + holding.carried_steps)
    cash = ledger.cash_steps[0]
    return gross > 0.0 and cash + gross > 0.0 and cash + marked == engine.tally.last_steps


def quiet_bars(
    engine: Engine, strategy: Strategy, feed: Feed, index: int, session: int, room: int, floor: float, ceiling: float
) -> int:
    """How many of the `room` bars from `index` on are quiet, `session` being the one before the first, or that of all.

    A close below the `floor` or above the `ceiling` is none that a quiet bar has.
    Machine code asks about eight at once, and leaves of it what the quiet ones leave (`kernel.leaps`).
    """
    count = 0
    while count < room and is_quiet(
        engine, strategy, feed, index + count, session + count if turns() else session, floor, ceiling
    ):
        count += 1
    return count


@often
@inside("index", "times", "opens", "highs", "lows", "closes", "volumes")
@inside("session", "session_closes")
@inside("own", "session_opens", "session_closes", "weekdays", "months")
def is_quiet(
    engine: Engine, strategy: Strategy, feed: Feed, index: int, session: int, floor: float, ceiling: float
) -> bool:
    """Whether bar `index` touches no order, and nobody acts on it, and it is alone in the session after `session`.

    Inside a session it is one of several of `session`.
    Where a strategy acts is not this function's to say: machine code answers for it as soon as it would change anything.
    """
    times = feed.time
    opens = feed.open
    highs = feed.high
    lows = feed.low
    closes = feed.close
    volumes = feed.volume
    sessions = engine.sessions
    session_opens = sessions.opens
    session_closes = sessions.closes
    weekdays = sessions.weekdays
    months = sessions.months
    time = times[index] + feed.shift
    own = session + 1 if turns() else session
    close = session_closes[own]
    if turns() and not feed.is_daily and (close < time or time <= session_closes[session]):
        return False
    bar = engine.bar
    symbol = feed.symbol[0]
    bar.symbol = symbol
    bar.open = opens[index]
    bar.high = highs[index]
    bar.low = lows[index]
    bar.close = closes[index]
    bar.volume = volumes[index]
    bar.time = time
    bar.known = time
    place = engine.venue.places[symbol]
    if rests() and place.phases and not engine.venue.passes(bar, place):
        return False
    if not floor <= bar.close <= ceiling:
        return False
    bar.session = own
    bar.session_open = session_opens[own]
    bar.session_close = close
    bar.weekday = weekdays[own]
    bar.month = months[own]
    engine.book.time = time
    if engine.hears & HEARS_BAR:
        strategy.on_bar(bar, engine.book)
    return True


def hear(engine: Engine, feed: Feed, index: int, count: int) -> None:
    """Account for `count` quiet bars from `index` on: all but the last one's sessions are over."""
    last = index + count - 1
    ledger = engine.book.ledger
    sessions = engine.sessions
    symbol = engine.bar.symbol
    if count > 1:
        if ledger.holdings[symbol].quantity == 0.0:
            engine.tally.stand(count - 1)
        else:
            sample(engine, feed, index, last)
        engine.tally.bar_count = last
        engine.tally.time = feed.time[last - 1] + feed.shift
        sessions.index += count - 1
        sessions.close = sessions.closes[sessions.index]
    stand_at(engine, feed, last)
    sessions.stamp(engine.bar)
    if ledger.hear(symbol, engine.bar.close):
        engine.equity_steps = ledger.marked_steps
        engine.unobserved = True


@often
def stand_at(engine: Engine, feed: Feed, index: int) -> None:
    """Bar `index` is the last one that was heard."""
    time = feed.time[index] + feed.shift
    bar = engine.bar
    bar.open = feed.open[index]
    bar.high = feed.high[index]
    bar.low = feed.low[index]
    bar.close = feed.close[index]
    bar.volume = feed.volume[index]
    bar.time = time
    bar.known = time
    engine.book.time = time
    place = engine.venue.places[bar.symbol]
    place.last_time = time
    place.price = bar.close


def hear_inside(engine: Engine, feed: Feed, index: int, count: int) -> None:
    """Account for `count` quiet bars from `index` on, each later than the one before it."""
    last = index + count - 1
    ledger = engine.book.ledger
    symbol = engine.bar.symbol
    look_ahead(feed, last)
    if feed.time[index] + feed.shift > engine.book.time:
        ledger.note(symbol)
    if count > 1 and ledger.watched == symbol:
        note_some(engine, feed, index, last)
    stand_at(engine, feed, last)
    ledger.holdings[symbol].price = engine.bar.close


@often
@inside("index", "closes")
def note_some(engine: Engine, feed: Feed, first: int, end: int) -> None:
    """As `Ledger.note` of the closes of the bars from `first` on, before `end`."""
    if end - first >= LANES:
        note_eights(engine, feed, first, end)
        return
    closes = feed.close
    holding = engine.book.ledger.holdings[engine.bar.symbol]
    for index in range(first, end):
        holding.lowest = min(holding.lowest, closes[index])
        holding.highest = max(holding.highest, closes[index])


@often
@wide
@inside("index", "closes")
@inside("lane", "lows", "others")
def note_eights(engine: Engine, feed: Feed, first: int, end: int) -> None:
    """As `note_some`, of eight bars or more: the last eight may have been among those before, which changes nothing."""
    closes = feed.close
    holding = engine.book.ledger.holdings[engine.bar.symbol]
    lows = engine.tally.lows
    others = engine.tally.marks  # of the closes' opposites
    for lane in range(LANES):
        lows[lane] = holding.lowest
        others[lane] = -holding.highest
    while first < end:
        base = min(first, end - LANES)
        for lane in range(LANES):
            index = base + lane
            lows[lane] = min(lows[lane], closes[index])
            others[lane] = min(others[lane], -closes[index])
        first += LANES
    holding.lowest = least_of(lows)
    holding.highest = -least_of(others)


def sample(engine: Engine, feed: Feed, first: int, end: int) -> None:
    """Sample the sessions of the bars from `first` on, before `end`, in which a position only moved with its closes."""
    tally = engine.tally
    tally.sink(engine.book.ledger.take_lowest())  # of bars inside a session, before there may be a new peak
    while first < end:
        base = first - ((tally.session_count + 1) & LAST_LANE)
        peak = sample_eights(engine, feed, base, first, end)
        following = min(peak + LANES, end)
        come_to(engine, feed.close[following - 1], following - first)
        if peak < end:
            observe_some(engine, feed, max(first, peak), following)
        first = following


@often
def come_to(engine: Engine, price: float, count: int) -> None:
    """So many sessions have been sampled, the last one at `price`."""
    ledger = engine.book.ledger
    tally = engine.tally
    ledger.mark(engine.bar.symbol, price)
    tally.last_steps = ledger.marked_steps
    tally.inverse = 1.0 / tally.last_steps
    tally.session_count += count
    tally.in_market_count += count
    tally.mean_equity_sum += total_of(tally.sums)
    tally.sink(least_of(tally.lows))


@inside("index", "times", "closes")
def observe_some(engine: Engine, feed: Feed, first: int, end: int) -> None:
    """Observe equity at each of these closes, one of which is a new peak; they have been sampled."""
    times = feed.time
    closes = feed.close
    ledger = engine.book.ledger
    holding = ledger.holdings[engine.bar.symbol]
    others = ledger.cash_steps[0] + (ledger.total_steps[0] - holding.worth_steps)
    for index in range(first, end):
        price = closes[index]
        equity = others + (holding.value_steps(holding.quantity, price) + holding.carried_steps)
        engine.tally.observe(equity, times[index] + feed.shift)
        if price > holding.high:
            holding.high = price


@often
@wide
@inside("index", "closes")
@inside("lane", "shifted", "squared", "below", "exposed", "marks", "lows", "sums")
def sample_eights(engine: Engine, feed: Feed, base: int, first: int, end: int) -> int:
    """As `Tally.sample` of the sessions of the bars from `first` on, before `end`, whatever those of eight leave alone.

    Bar `base` is of the first of eight sums.  It ends after the eight in which there is a new peak of equity, and returns
    the first bar of these, else `end`.  `Tally.sums` are of these equities; `Tally.lows` are the least, without those eight.
    Every equity is above 0, and so is what is held.
    """
    closes = feed.close
    ledger = engine.book.ledger
    holding = ledger.holdings[engine.bar.symbol]
    quantity = holding.quantity
    multiplier = holding.multiplier
    money_scale = holding.money_scale
    carried = holding.carried_steps
    marked = holding.marked
    cash = ledger.cash_steps[0]
    others = ledger.total_steps[0] - holding.worth_steps
    tally = engine.tally
    free = tally.free
    shift = tally.shift
    peak_steps = tally.peak_steps
    last = tally.last_steps
    inverse = tally.inverse
    shifted = tally.shifted
    squared = tally.squared
    below = tally.below
    exposed = tally.exposed
    marks = tally.marks
    lows = tally.lows
    sums = tally.sums
    moved_count = 0
    for lane in range(LANES):
        lows[lane] = inf
        sums[lane] = 0.0
    while base < end:
        peaks = 0
        some = 0
        for lane in range(LANES):
            index = base + lane
            is_one = first <= index < end
            price = closes[index] if is_one else marked
            steps = quantity * price * multiplier * money_scale
            gross = others + ((steps + NEAR_ROUNDER) - NEAR_ROUNDER + carried)
            equity = cash + gross
            following = 1.0 / equity  # before the other is read, of which LLVM makes lanes then
            excess = (equity - last) * inverse - free if is_one else 0.0
            last = equity
            inverse = following
            apart = excess - shift
            some += 1 if excess != 0.0 else 0
            shifted[lane] += apart if excess != 0.0 else 0.0
            squared[lane] += apart * apart if excess != 0.0 else 0.0
            below[lane] += excess * excess if excess < 0.0 else 0.0
            exposed[lane] += gross * inverse if is_one else 0.0
            sums[lane] += equity if is_one else 0.0
            marks[lane] = equity if is_one else inf
            peaks += 1 if equity > peak_steps else 0
        moved_count += some
        if peaks > 0:
            break
        for lane in range(LANES):
            lows[lane] = min(lows[lane], marks[lane])
        base += LANES
    tally.moved_count += moved_count
    return min(end, base)
