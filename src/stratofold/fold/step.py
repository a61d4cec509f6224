"""The path: one event in; everything decided because of it out.  No I/O, no clock, no randomness.

    report  -> book: order state, fill, position, cash -> strategy.on_fill -> intents
    market  -> book: prices -> strategy.on_bar, on_bars                    -> intents
    timer   -> strategy.on_timer                                           -> intents
    outside -> strategy.on_observation                                     -> intents
    intents -> review -> approvals | refusals -> working orders, messages

Every mode calls these functions; what stands on the other side of the messages is the driver's affair.
"""

from math import nan

from stratofold.events import (
    ACCEPTED,
    CANCEL_REJECTED,
    FILLED,
    PARTIAL,
    REPLACE_REJECTED,
    REPLACED,
    Bar,
    Observation,
    Report,
    Timer,
)
from stratofold.fold.emulated import after_end, after_fill, drop_leg, trail
from stratofold.fold.engine import HEARS_BAR, HEARS_FILL, HEARS_OBSERVATION, HEARS_TIMER, Engine
from stratofold.fold.grid import to_grid
from stratofold.fold.lifecycle import DONE_CANCELLED, DONE_FILLED, ILLEGAL
from stratofold.fold.marks import inside, often, seldom
from stratofold.fold.order import TRAILING, Order
from stratofold.fold.risk import review
from stratofold.fold.strategy import Strategy


def decide(engine: Engine) -> None:
    """Review what the hook left on the book, if anything."""
    if engine.book.busy and engine.book.intent_count > 0:
        settle_intents(engine)


@seldom
def settle_intents(engine: Engine) -> None:
    """Intents become orders; waiting legs that were cancelled go."""
    review(engine.book, engine.risk, engine.logs.refusals)
    if engine.book.dropped:
        sweep(engine)


def sweep(engine: Engine) -> None:
    """Waiting legs that were cancelled are done: the venue never knew them."""
    book = engine.book
    book.dropped = False
    place = 0
    while place < book.orders.count:
        if book.orders[place].state == DONE_CANCELLED:
            engine.logs.orders.add(book.orders[place], book.time)
            book.retire(book.orders[place], place)
        else:
            place += 1


@often
def hear_bar(engine: Engine, strategy: Strategy, bar: Bar) -> None:
    """A bar is complete and its close is known: trailing stops, then the strategy."""
    book = engine.book
    if book.trailing_count:
        trail(book, bar)
    if engine.hears & HEARS_BAR:
        strategy.on_bar(bar, book)
        if book.busy and book.intent_count > 0:
            settle_intents(engine)


@seldom
def gather(engine: Engine, strategy: Strategy, bar: Bar) -> None:
    """Put the bar with the others of its time; the group is heard when everyone expected has come.

    The first bar of a later time closes the group, whatever its grace.  A bar of a time that was heard already is late:
    it fires nothing, and its symbol is expected from the next time on.
    """
    bars = engine.bars
    if bars.pending and bar.time > bars.time:
        hear_group(engine, strategy)
    if not bars.pending and bar.time == bars.time:
        bars.expected[bar.symbol] = 1
        bars.expected_count += 1
        return
    if not bars.pending:
        for symbol in range(len(bars.present)):
            bars.present[symbol] = 0
        bars.present_count = 0
        bars.pending = True
        bars.time = bar.time
        bars.known = bar.time
        engine.sessions.stamp_group(bars)
        engine.calm_until = min(engine.calm_until, bars.time + engine.grace)
        engine.quiet_until = min(engine.quiet_until, engine.calm_until)
    if bar.time != bars.time:
        return
    symbol = bar.symbol
    bars.open[symbol] = bar.open
    bars.high[symbol] = bar.high
    bars.low[symbol] = bar.low
    bars.close[symbol] = bar.close
    bars.volume[symbol] = bar.volume
    if bars.present[symbol] == 0:
        bars.present[symbol] = 1
        bars.present_count += 1
    if bars.present_count >= bars.expected_count:
        for other in range(len(bars.present)):
            if bars.expected[other] > bars.present[other]:
                return
        hear_group(engine, strategy)


def hear_group(engine: Engine, strategy: Strategy) -> None:
    """The group of one time is heard; who came is expected next time, and who did not is NaN."""
    bars = engine.bars
    bars.pending = False
    bars.expected_count = bars.present_count
    for symbol in range(len(bars.present)):
        bars.expected[symbol] = bars.present[symbol]
        if bars.present[symbol] == 0:
            bars.forget(symbol)
    strategy.on_bars(bars, engine.book)
    decide(engine)


def hear_timer(engine: Engine, strategy: Strategy, timer: Timer) -> None:
    """A timer is due."""
    engine.book.time = timer.time
    if engine.hears & HEARS_TIMER:
        strategy.on_timer(timer, engine.book)
        decide(engine)


def hear_observation(engine: Engine, strategy: Strategy, observation: Observation) -> None:
    """A value from outside has come."""
    if engine.hears & HEARS_OBSERVATION:
        strategy.on_observation(observation, engine.book)
        decide(engine)


def replaced(engine: Engine, order: Order, report: Report) -> None:
    """The venue has changed an order: from now on it is what the report says."""
    order.limit = report.limit
    order.stop = report.stop
    if order.kind == TRAILING and order.side * (order.sought_stop - order.stop) >= 0.0:
        order.sought_stop = nan
    order.wanted = order.sought
    answered(engine, order, report.quantity)


def answered(engine: Engine, order: Order, quantity: float) -> None:
    """A replace is not under way any more and the order is for `quantity`: what no replace can make it is let go."""
    book = engine.book
    scale = book.ledger.contracts[order.symbol].quantity_scale
    order.replacing = max(order.replacing - 1, 0)
    most = to_grid(order.quantity + order.asked, scale)
    possible = max(quantity, most) if order.replacing > 0 else quantity
    book.reserve(order, to_grid(possible - most, scale))
    order.asked = to_grid(possible - quantity, scale)
    order.quantity = quantity


@often
def hear_report(engine: Engine, strategy: Strategy, report: Report) -> None:
    """The venue speaks of an order: its state, a fill, its end.  A fill is posted whether the order is ours or not."""
    book = engine.book
    book.busy = True
    kind = report.kind
    place = book.orders.index(report.number)
    if place >= 0:
        advance(engine, book.orders.at(place), place, report, kind)
    if kind == PARTIAL or kind == FILLED:
        post(engine, strategy, report)


@often
def advance(engine: Engine, order: Order, place: int, report: Report, kind: int) -> None:
    """The order, which lies at `place`, comes to the state that follows from the report, which is of this `kind`."""
    book = engine.book
    following = book.lifecycle.after(order.state, kind)
    if following == ILLEGAL:
        raise RuntimeError("a report that the order's state does not allow")
    order.state = following
    order.arrives = max(order.arrives, report.time)
    if kind == ACCEPTED:
        return
    if kind == PARTIAL or kind == FILLED:
        scale = book.ledger.contracts[order.symbol].quantity_scale
        order.filled = to_grid(order.filled + report.quantity, scale)
        order.filled_value += report.quantity * report.price
        book.reserve(order, 0.0 - report.quantity)
        after_fill(book, order, report.quantity)
    elif kind == REPLACED:
        replaced(engine, order, report)
    elif kind == REPLACE_REJECTED:
        answered(engine, order, order.quantity)
    elif kind == CANCEL_REJECTED:
        order.cancelling = False
    if following >= DONE_FILLED:
        finish(engine, order, place)


@inside("symbol", "holdings")
def post(engine: Engine, strategy: Strategy, report: Report) -> None:
    """A fill changes what is held; the strategy hears of it."""
    book = engine.book
    symbol = report.symbol
    holdings = book.ledger.holdings
    side = report.side
    quantity = report.quantity
    price = report.price
    before = holdings[symbol].quantity
    value, fee_steps = book.ledger.fill(symbol, side, quantity, price, report.fee)
    engine.tally.fill(
        book.ledger, engine.logs.trades, symbol, side, quantity, price, abs(value), fee_steps, report.time, before
    )
    engine.logs.fills.add(
        report.time, report.number, symbol, side, quantity, price, report.fee, report.maker, holdings[symbol].quantity
    )
    if engine.hears & HEARS_FILL:
        fill = engine.fill
        fill.time = report.time
        fill.known = report.time
        fill.number = report.number
        fill.symbol = symbol
        fill.side = side
        fill.quantity = quantity
        fill.price = price
        fill.fee = report.fee
        fill.maker = report.maker
        strategy.on_fill(fill, book)
        decide(engine)


def finish(engine: Engine, order: Order, place: int) -> None:
    """The order at `place` is done: release what it reserved, write it down, and let go of what hung on it."""
    book = engine.book
    if order.filled != order.quantity or order.asked != 0.0:
        left = to_grid(order.remaining + order.asked, book.ledger.contracts[order.symbol].quantity_scale)
        book.reserve(order, 0.0 - left)
    engine.logs.orders.add(order, book.time)
    after_end(book, order)
    take_profit = order.take_profit_number
    stop_loss = order.stop_loss_number
    unfilled = order.filled == 0.0
    book.retire(order, place)
    if unfilled:
        if take_profit != 0:
            drop(engine, take_profit)
        if stop_loss != 0:
            drop(engine, stop_loss)


@seldom
def drop(engine: Engine, number: int) -> None:
    """A protective leg whose entry came to nothing is done."""
    place = drop_leg(engine.book, number)
    if place >= 0:
        leg = engine.book.orders[place]
        engine.logs.orders.add(leg, engine.book.time)
        engine.book.retire(leg, place)
