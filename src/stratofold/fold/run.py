"""The driver of a simulation: bars and the events between them, in order, each carried through the one step.

What comes in: an engine, a strategy and a feed.  What goes out: an engine that has heard `stop` events, or fewer when
a log wants lengthening (`CROWDED`): Python does that, and calls again.
"""

from stratofold.events import (
    ACTION,
    COMMAND,
    COMMAND_FLATTEN,
    COMMAND_HALT,
    COMMAND_REDUCE,
    COMMAND_RESUME,
    DELISTING,
    DEPOSIT,
    DIVIDEND,
    EXPIRY,
    FUNDING,
    HALT,
    INTEREST,
    RATE,
    RESUME,
    SPLIT,
    STATUS,
    TIMER,
    WITHDRAWAL,
    Bar,
)
from stratofold.fold.account import ACTIVE, HALTED, REDUCING
from stratofold.fold.desk import CLOSE, LIMITS, OPEN, STOPS, split_order
from stratofold.fold.engine import FOREVER, HEARS_BARS, LONG_AGO, Engine, Feed
from stratofold.fold.grid import to_grid, to_steps
from stratofold.fold.marks import often, seldom
from stratofold.fold.step import decide, gather, hear_bar, hear_group, hear_report, hear_timer, sweep
from stratofold.fold.strategy import Strategy

DONE, CROWDED = 0, 1
_READY, _HEARD = 2, 3  # besides: nothing stands before the next bar, or an event was heard and something else may


@often
def run(engine: Engine, strategy: Strategy, feed: Feed, stop: int) -> int:
    """Hear events until `stop` of them have been heard or the feed is at its end; returns `DONE` or `CROWDED`."""
    engine.bar.span = feed.span
    if len(feed.symbol) > 1:
        ended = hear_feed(engine, strategy, feed, stop, True)
    else:
        engine.bar.symbol = feed.symbol[0]
        ended = hear_feed(engine, strategy, feed, stop, False)
    look_up(engine)  # in the next run, so that no state depends on where a run breaks off
    return ended


@often
def hear_feed(engine: Engine, strategy: Strategy, feed: Feed, stop: int, has_many: bool) -> int:
    """The loop of a run; `has_many` says whether each bar brings its symbol.

    What is due between bars is looked for only when time has passed `quiet_until`, or after a bar that moved something.
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
    index = engine.bar_index
    while True:
        end = min(len(times), stop - engine.event_index)
        if (
            index < 0
            or len(opens) < end
            or len(highs) < end
            or len(lows) < end
            or len(closes) < end
            or len(volumes) < end
            or (has_many and len(symbols) < end)
        ):
            raise ValueError("the feed's columns differ in length")
        found = _READY
        while index < end:
            if has_many:
                bar.symbol = symbols[index]
            bar.open = opens[index]
            bar.high = highs[index]
            bar.low = lows[index]
            bar.close = closes[index]
            bar.volume = volumes[index]
            time = times[index] + shift
            if time > engine.quiet_until:
                found = attend(engine, strategy, feed, time)
                if found != _READY:
                    break
            bar.time = time
            trade_bar(engine, strategy, bar)
            index += 1
            engine.bar_index = index
        if index >= end:
            if index + engine.event_index >= stop:
                return DONE
            found = attend(engine, strategy, feed, FOREVER)
        if found != _HEARD:
            return found


@seldom
def attend(engine: Engine, strategy: Strategy, feed: Feed, time: int) -> int:
    """What stands before the bar of `time` (`FOREVER`: there is none): `CROWDED`, `_HEARD`, `_READY` or `DONE`."""
    book = engine.book
    if book.busy:
        if engine.logs.crowded:
            return CROWDED
        book.busy = False
    if time > engine.calm_until or time == FOREVER:
        if hear_sparse(engine, strategy, feed, time):
            return _HEARD
        if time == FOREVER:
            return DONE
        arrive(engine, strategy, time)
        engine.calm_until = calm_until(engine, feed)
    elif time > engine.sessions.close:
        turn_session(engine, strategy, time)
    close = engine.sessions.close
    engine.quiet_until = close if close < engine.calm_until else engine.calm_until  # noqa: FURB136  `min` is slow here
    return _READY


def calm_until(engine: Engine, feed: Feed) -> int:
    """The last nanosecond before which nothing but bars and a new session is due, as things stand."""
    until = engine.venue.expiry
    if engine.event_index < len(feed.event_key):
        until = min(until, (feed.event_key[engine.event_index] - 1) // 2)
    if engine.book.timer_count > 0:
        until = min(until, engine.book.timer_due[0])
    if engine.bars.pending:
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


@seldom
def arrive(engine: Engine, strategy: Strategy, time: int) -> None:
    """Time has come to `time`: a session may have begun, day orders may be over, a group may be late."""
    if engine.unobserved and time > engine.book.time:
        observe(engine)
    if time > engine.sessions.close:
        turn_session(engine, strategy, time)
    if engine.venue.expiry < time:
        engine.book.time = time
        engine.venue.expire_before(time)
        deliver(engine, strategy)
    if engine.bars.pending and time > engine.bars.time + engine.grace:
        engine.book.time = time
        hear_group(engine, strategy)
        deliver(engine, strategy)


def turn_session(engine: Engine, strategy: Strategy, time: int) -> None:
    """The session is over: sample its return, and charge for what was borrowed until this one."""
    if engine.unobserved:
        observe(engine)
    sessions = engine.sessions
    begun = sessions.index >= 0
    if begun:
        close_session(engine)
    else:
        engine.tally.begin(time - engine.bar.span)
    before = sessions.day
    sessions.advance(time)
    sessions.stamp(engine.bar)
    if begun and engine.book.ledger.lends:
        charge_borrowing(engine, sessions.day - before)


def close_session(engine: Engine) -> None:
    """Sample the return and exposure of the session that ends, if it had a bar."""
    tally = engine.tally
    if engine.bar_index == tally.bar_count:
        return
    tally.bar_count = engine.bar_index
    ledger = engine.book.ledger
    equity = ledger.equity_steps
    gross = 0.0
    for holding in ledger.holdings:
        if holding.quantity != 0.0:
            gross += abs(ledger.base_steps(holding.currency, holding.worth_steps - holding.carried_steps))
    time = engine.book.time
    tally.sample(equity, gross, engine.sessions.index, time)
    engine.logs.equity.add(time, equity, ledger.cash_steps[0], gross)


def charge_borrowing(engine: Engine, days: int) -> None:
    """Shorts pay for the calendar days between two sessions."""
    ledger = engine.book.ledger
    for symbol in range(ledger.symbol_count):
        steps = ledger.borrow_steps(symbol, days)
        if steps != 0.0:
            pay(engine, symbol, 0.0 - steps)


def pay(engine: Engine, symbol: int, steps: float) -> None:
    """Money that comes with the position of `symbol`: both ledgers, and its round trip."""
    currency = engine.book.ledger.holdings[symbol].currency
    engine.book.ledger.pay(currency, steps)
    engine.venue.ledger.pay(currency, steps)
    engine.tally.credit(symbol, steps)


@often
def trade_bar(engine: Engine, strategy: Strategy, bar: Bar) -> None:
    """One bar: the venue matches, the fold hears, messages go out.

    Equity is observed when time moves on, not between two bars of one time: a pair whose one leg is marked and whose
    other is not has lost nothing.
    """
    book = engine.book
    venue = engine.venue
    time = bar.time
    bar.known = time
    if engine.unobserved and time > book.time:
        observe(engine)
    place = venue.places[bar.symbol]
    was_filled = False
    if place.working > 0 or place.called != 0:
        book.time = time
        was_filled = match(engine, strategy, bar)
    place.last_time = time
    place.price = bar.close
    if hear_bar(engine, strategy, bar) or was_filled:
        weigh(engine)
    if book.busy or engine.thorough:
        after_bar(engine, strategy)


@often
def weigh(engine: Engine) -> None:
    """Equity may have moved: note it, to be observed when time moves on; below 0 it is a margin call."""
    engine.equity_steps = engine.book.ledger.equity_steps
    engine.unobserved = True
    if engine.equity_steps < 0.0:
        engine.venue.check_margin(engine.book.time)


@seldom
def observe(engine: Engine) -> None:
    """The equity of the time that has passed, for the drawdown."""
    engine.unobserved = False
    is_record = engine.tally.observe(engine.equity_steps, engine.book.time)
    if engine.equity_steps < 0.0:
        engine.book.ledger.unwatch()
    engine.book.ledger.watch(is_record)


@seldom
def after_bar(engine: Engine, strategy: Strategy) -> None:
    """What only some bars need: groups, messages, margins, the equity curve, and a look at what they made due."""
    if engine.hears & HEARS_BARS:
        gather(engine, strategy, engine.bar)
    if engine.book.outbox_count > 0 or engine.venue.report_count > 0:
        deliver(engine, strategy)
    if engine.venue.watches_margin:
        engine.venue.check_margin(engine.book.time)
    if len(engine.logs.curve) > 0:
        engine.logs.curve[engine.bar_index] = engine.book.ledger.equity
    if engine.book.busy:
        rest(engine)


def rest(engine: Engine) -> None:
    """The book is at rest again: a log may be crowded, an order may expire or a timer be due sooner than was thought."""
    book = engine.book
    if engine.logs.crowded:
        look_up(engine)
        return
    book.busy = False
    engine.calm_until = min(engine.calm_until, engine.venue.expiry)
    if book.timer_count > 0:
        engine.calm_until = min(engine.calm_until, book.timer_due[0])
    engine.quiet_until = min(engine.quiet_until, engine.calm_until)


@seldom
def match(engine: Engine, strategy: Strategy, bar: Bar) -> bool:
    """The bar, phase by phase; every fill is heard before the next order is tried.  Whether there was a fill."""
    venue = engine.venue
    before = engine.logs.fills.count
    venue.begin(bar)
    if venue.report_count > 0:
        deliver(engine, strategy)
    if venue.is_called(bar.symbol):
        venue.cancel_all(bar.symbol)
        deliver(engine, strategy)
        venue.liquidate(bar)
        deliver(engine, strategy)
    place = venue.places[bar.symbol]
    if not place.halted:
        if place.phases & OPEN:
            match_phase(engine, strategy, bar, OPEN)
        if place.phases & STOPS:
            match_phase(engine, strategy, bar, STOPS)
        if place.phases & LIMITS:
            match_phase(engine, strategy, bar, LIMITS)
        if place.phases & CLOSE:
            match_phase(engine, strategy, bar, CLOSE)
        venue.matching = -1
    elif bar.time >= bar.session_close:
        venue.miss_close(bar)
        deliver(engine, strategy)
    if venue.expiry <= bar.time:
        venue.expire_at(bar)
        deliver(engine, strategy)
    return engine.logs.fills.count != before


@seldom
def match_phase(engine: Engine, strategy: Strategy, bar: Bar, phase: int) -> None:
    """One phase of the bar: the orders that may act in it, one by one."""
    venue = engine.venue
    place = venue.places[bar.symbol]
    number = venue.next(bar, phase, 0)
    while number != 0:
        price = deliver(engine, strategy)
        if venue.urgent != 0 and phase <= LIMITS:
            venue.try_urgent(bar, price)
            deliver(engine, strategy)
        number = venue.next(bar, phase, number) if place.working > 0 else 0


@seldom
def deliver(engine: Engine, strategy: Strategy) -> float:
    """Carry reports to the fold and messages to the venue until both are silent; returns the last fill's price."""
    venue = engine.venue
    book = engine.book
    sent = 0
    while venue.report_next < venue.report_count or sent < book.outbox_count:
        if venue.report_next < venue.report_count:
            venue.report_next += 1
            hear_report(engine, strategy, venue.reports[venue.report_next - 1])
        else:
            sent += 1
            venue.receive(book.outbox[sent - 1], book.time, engine.sessions)
    book.outbox_count = 0
    venue.report_count = 0
    venue.report_next = 0
    return venue.raw_price


def hear_own_timer(engine: Engine, strategy: Strategy) -> None:
    """A timer that the strategy asked for with `after` is due."""
    timer = engine.timer
    timer.time = engine.book.timer_due[0]
    timer.known = timer.time
    timer.schedule = -1
    timer.number = engine.book.pop_timer()
    arrive(engine, strategy, timer.time)
    timer.session = engine.sessions.index
    hear_timer(engine, strategy, timer)
    deliver(engine, strategy)


def hear_event(engine: Engine, strategy: Strategy, feed: Feed, index: int) -> None:
    """One of the sparse events between the bars."""
    time = feed.event_time[index]
    arrive(engine, strategy, time)
    engine.book.time = time
    engine.venue.time = time
    rank = feed.event_rank[index]
    if rank == ACTION:
        hear_action(engine, strategy, feed, index)
    elif rank == TIMER:
        timer = engine.timer
        timer.time = time
        timer.known = time
        timer.schedule = feed.event_kind[index]
        timer.number = 0
        timer.session = engine.sessions.index
        hear_timer(engine, strategy, timer)
    elif rank == RATE:
        hear_rate(engine, feed.event_currency[index], feed.event_value[index])
    elif rank == STATUS:
        hear_status(engine, feed.event_kind[index], feed.event_symbol[index])
    elif rank == COMMAND:
        hear_command(engine, strategy, feed.event_kind[index])
    deliver(engine, strategy)


def hear_action(engine: Engine, strategy: Strategy, feed: Feed, index: int) -> None:
    """A corporate or account action, posted to the book and to the broker's ledger alike."""
    kind = feed.event_kind[index]
    symbol = feed.event_symbol[index]
    value = feed.event_value[index]
    ledger = engine.book.ledger
    if kind == SPLIT:
        split(engine, symbol, value)
    elif kind == DIVIDEND:
        pay(engine, symbol, ledger.per_unit_steps(symbol, value))
    elif kind == FUNDING:
        pay(engine, symbol, 0.0 - ledger.funding_steps(symbol, value))
    elif kind == DELISTING or kind == EXPIRY:
        engine.venue.cancel_all(symbol)
        deliver(engine, strategy)
        engine.venue.settle(symbol, value)
        deliver(engine, strategy)
    elif kind == INTEREST or kind == DEPOSIT or kind == WITHDRAWAL:
        currency = feed.event_currency[index]
        steps = to_steps(value, ledger.scale[currency])
        if kind == WITHDRAWAL:
            steps = 0.0 - steps
        ledger.pay(currency, steps)
        engine.venue.ledger.pay(currency, steps)
        if kind != INTEREST:
            engine.tally.flow(ledger.base_steps(currency, steps))
    engine.equity_steps = ledger.equity_steps
    engine.unobserved = True


def split(engine: Engine, symbol: int, ratio: float) -> None:
    """New units for old: positions, orders, and the open round trip."""
    book = engine.book
    price = book.ledger.holdings[symbol].price / ratio
    paid = book.ledger.split(symbol, ratio)
    engine.tally.split(symbol, ratio)
    if paid != 0.0:
        engine.tally.credit(symbol, paid)
        if book.ledger.holdings[symbol].quantity == 0.0:
            engine.tally.settle(book.ledger, engine.logs.trades, symbol, 0.0, price, book.time)
    contract = book.ledger.contracts[symbol]
    book.working_buy[symbol] = 0.0
    book.working_sell[symbol] = 0.0
    for k in range(book.orders.count):
        order = book.orders[k]
        if order.symbol == symbol:
            split_order(order, ratio, contract.lot, contract.quantity_scale, contract.price_scale)
            if order.trail == order.trail:
                order.trail = to_grid(order.trail / ratio, contract.price_scale)
            if order.state != 0:
                book.reserve(order, to_grid(order.remaining, contract.quantity_scale))
    engine.venue.split(symbol, ratio)


def hear_rate(engine: Engine, currency: int, value: float) -> None:
    """A currency's rate."""
    engine.book.ledger.convert_at(currency, value)
    engine.book.busy = True
    engine.venue.ledger.convert_at(currency, value)


def hear_status(engine: Engine, kind: int, symbol: int) -> None:
    """An instrument halts or resumes."""
    for k in range(engine.book.symbol_count):
        if symbol == -1 or symbol == k:
            if kind == HALT:
                engine.venue.places[k].halted = True
            elif kind == RESUME:
                engine.venue.places[k].halted = False


def hear_command(engine: Engine, strategy: Strategy, kind: int) -> None:
    """The operator speaks: halting stops new exposure, flattening closes what is held, in every state."""
    book = engine.book
    if kind == COMMAND_HALT:
        book.state = HALTED
    elif kind == COMMAND_REDUCE:
        book.state = REDUCING
    elif kind == COMMAND_RESUME:
        book.state = ACTIVE
    elif kind == COMMAND_FLATTEN:
        flatten(engine, strategy)


def flatten(engine: Engine, strategy: Strategy) -> None:
    """Cancel what works, hear that it is cancelled, and close what is held: halted or not, that only reduces."""
    book = engine.book
    for k in range(book.orders.count):
        book.request_cancel(book.orders[k])
    deliver(engine, strategy)
    sweep(engine)
    state = book.state
    book.state = REDUCING
    for symbol in range(book.symbol_count):
        book.close(symbol)
    decide(engine)
    book.state = state


def finish_run(engine: Engine) -> None:
    """The feed is at its end: the last session is sampled as it stands."""
    engine.book.ledger.refresh()
    close_session(engine)
