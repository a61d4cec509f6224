"""The events between the bars: timers, corporate and account actions, rates, halts, and the operator's commands.

What comes in: an engine, a strategy and a row of a feed's sparse events.  What goes out: an engine that has heard it.
Both ledgers, the book's and the broker's, are told of the same money.
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
    OBSERVATION,
    RATE,
    RESUME,
    SPLIT,
    STATUS,
    TIMER,
    WITHDRAWAL,
)
from stratofold.fold.account import ACTIVE, HALTED, REDUCING
from stratofold.fold.desk import split_order
from stratofold.fold.engine import HEARS_OBSERVATION, Engine, Feed
from stratofold.fold.grid import to_grid, to_lot, to_steps
from stratofold.fold.order import TRAILING
from stratofold.fold.passing import arrive, deliver, pay
from stratofold.fold.step import decide, hear_observation, hear_timer, sweep
from stratofold.fold.strategy import Strategy


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
    elif engine.hears & HEARS_OBSERVATION and rank == OBSERVATION:
        observation = engine.observation
        observation.time = feed.event_about[index]
        observation.known = time
        observation.series = feed.event_kind[index]
        observation.symbol = feed.event_symbol[index]
        observation.value = feed.event_value[index]
        hear_observation(engine, strategy, observation)
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
            engine.tally.sink(ledger.take_lowest())
            engine.tally.flow(ledger.base_steps(currency, steps))
    engine.equity_steps = ledger.equity_steps
    engine.unobserved = True
    ledger.alarm()  # the next close is a margin call's, whichever symbol's it is


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
            # What forerunners filled counts apart: a venue splits the order that works, and whole units of two parts are
            # not those of their sum.
            carried = to_lot(order.carried * ratio, contract.lot, contract.quantity_scale)
            order.quantity = to_grid(order.quantity - order.carried, contract.quantity_scale)
            order.filled = to_grid(order.filled - order.carried, contract.quantity_scale)
            split_order(order, ratio, contract.lot, contract.quantity_scale, contract.price_scale)
            order.quantity = to_grid(order.quantity + carried, contract.quantity_scale)
            order.filled = to_grid(order.filled + carried, contract.quantity_scale)
            if order.carried != 0.0:
                order.carried = carried
            if order.trail == order.trail:
                order.trail = to_grid(order.trail / ratio, contract.price_scale)
            if order.kind == TRAILING and order.sought_stop == order.sought_stop:
                order.sought_stop = to_grid(order.sought_stop / ratio, contract.price_scale)
            if order.asked != 0.0:
                order.asked = to_lot(order.asked * ratio, contract.lot, contract.quantity_scale)
            if order.wanted == order.wanted:
                order.wanted = to_lot(order.wanted * ratio, contract.lot, contract.quantity_scale)
            if order.sought == order.sought:
                order.sought = to_lot(order.sought * ratio, contract.lot, contract.quantity_scale)
            if order.state != 0:
                book.reserve(order, to_grid(order.remaining + order.asked, contract.quantity_scale))
    engine.venue.split(symbol, ratio)


def hear_rate(engine: Engine, currency: int, value: float) -> None:
    """A currency's rate."""
    engine.book.ledger.convert_at(currency, value)
    engine.book.ledger.alarm()
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
