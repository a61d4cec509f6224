"""The driver of a simulation on ticks: quotes, trades and changes of depth in order, each carried through the one step.

What comes in: an engine, a strategy and a feed of ticks.  What goes out: an engine that has heard `stop` events, or
fewer when a log wants lengthening.
Why a driver of its own: a bar is matched phase by phase, a tick meets orders that arrive when they do.  What is around
(sessions, timers, actions, logs, equity) is the drivers' in common, and neither is compiled where the other runs.
"""

from stratofold.events import Depth, Quote, Trade
from stratofold.fold.emulated import trail
from stratofold.fold.engine import FOREVER, HEARS_DEPTH, HEARS_QUOTE, HEARS_TRADE, LONG_AGO, Feed
from stratofold.fold.marks import inside, often, seldom
from stratofold.fold.passing import deliver, pass_time, turn_session
from stratofold.fold.run import CROWDED, DONE, HEARD, READY, attend, be_quiet, conclude, look_up, rest, weigh
from stratofold.fold.step import settle_intents
from stratofold.fold.strategy import Strategy
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, TRADE, TickEngine, TickFeed
from stratofold.fold.ticks.ladder import Ladder

__all__ = ["CROWDED", "DONE", "run_ticks"]


@often
def run_ticks(engine: TickEngine, strategy: Strategy, feed: TickFeed, stop: int) -> int:
    """Hear events until `stop` of them have been heard or the feed is at its end; returns `DONE` or `CROWDED`."""
    if len(feed.symbol) > 1:
        ended = hear_ticks(engine, strategy, feed, stop, True)
    else:
        engine.bar.symbol = feed.symbol[0]
        ended = hear_ticks(engine, strategy, feed, stop, False)
    look_up(engine)
    return ended


@often
@inside("index", "times", "kinds", "symbols", "sides", "levels", "flags", "prices", "sizes")
def hear_ticks(engine: TickEngine, strategy: Strategy, feed: TickFeed, stop: int, has_many: bool) -> int:
    """The loop of a run; `has_many` says whether each row brings its symbol."""
    book = engine.book
    venue = engine.venue
    depth = engine.depth
    times = feed.time
    kinds = feed.kind
    symbols = feed.symbol
    sides = feed.side
    levels = feed.level
    flags = feed.flags
    prices = feed.price
    sizes = feed.size
    index = engine.bar_index
    symbol = engine.bar.symbol
    while True:
        end = min(len(times), stop - engine.event_index)
        if (
            index < 0
            or len(kinds) < end
            or len(prices) < end
            or len(sizes) < end
            or len(sides) < end
            or len(levels) < end
            or len(flags) < end
            or len(feed.ask) < end
            or len(feed.ask_size) < end
            or (has_many and len(symbols) < end)
        ):
            raise ValueError("the feed's columns differ in length")
        found = READY
        while index < end:
            time = times[index]
            if time > engine.quiet_until or time > venue.due:
                found = attend_tick(engine, strategy, feed, time)
                if found:
                    break
            if has_many:
                symbol = symbols[index]
                engine.bar.symbol = symbol
            if time > depth.time:
                move_on(engine, symbol, time)
            kind = kinds[index]
            if kind == DEPTH:
                depth.symbol = symbol
                depth.side = sides[index]
                depth.price = prices[index]
                depth.size = sizes[index]
                hear_depth(engine, strategy, depth, levels[index], flags[index])
            elif kind == TRADE:
                trade = engine.trade
                trade.symbol = symbol
                trade.price = prices[index]
                trade.size = sizes[index]
                trade.aggressor = sides[index]
                hear_trade(engine, strategy, trade)
            else:
                quote = engine.quote
                quote.symbol = symbol
                quote.bid = prices[index]
                quote.bid_size = sizes[index]
                quote.ask = feed.ask[index]
                quote.ask_size = feed.ask_size[index]
                hear_quote(engine, strategy, quote)
            if book.busy or engine.thorough:
                after_tick(engine, strategy)
            index += 1
            engine.bar_index = index
        if index >= end:
            if index + engine.event_index >= stop:
                return DONE
            found = attend_tick(engine, strategy, feed, FOREVER)
        if found != HEARD:
            return found


@often
def move_on(engine: TickEngine, symbol: int, time: int) -> None:
    """Time moves on to `time`: what was heard before it is observed, and what comes has it."""
    pass_time(engine, symbol)
    engine.book.time = time
    engine.venue.time = time
    engine.depth.time = time
    engine.depth.known = time
    engine.quote.time = time
    engine.quote.known = time
    engine.trade.time = time
    engine.trade.known = time


@seldom
def attend_tick(engine: TickEngine, strategy: Strategy, feed: TickFeed, time: int) -> int:
    """What stands before the tick of `time`: messages that arrive, and whatever else is due (`run.attend`)."""
    until = upcoming(engine, feed, time)
    if engine.venue.due < until < FOREVER:
        if engine.book.busy and engine.logs.crowded:
            return CROWDED
        arrive_until(engine, strategy, until)
    if time == FOREVER:
        return conclude(engine, strategy, feed)
    if time > engine.quiet_until:
        if engine.book.busy or time > engine.calm_until:
            found = attend(engine, strategy, feed, time)
            if found != READY:
                return found
        else:
            turn_session(engine, time)
        be_quiet(engine)
    return READY


def upcoming(engine: TickEngine, feed: Feed, time: int) -> int:
    """The time of what is heard next: the tick of `time`, or a sparse event or timer before it."""
    if engine.event_index < len(feed.event_time):
        time = min(time, feed.event_time[engine.event_index])
    if engine.book.timer_count > 0:
        time = min(time, engine.book.timer_due[0])
    return time


def arrive_until(engine: TickEngine, strategy: Strategy, time: int) -> None:
    """Messages whose arrival lies before `time` take effect, each at its own time."""
    venue = engine.venue
    book = engine.book
    venue.floor = time
    while venue.due < time:
        symbol = venue.inbox[0].symbol
        if venue.due > book.time:
            pass_time(engine, symbol)
            book.time = venue.due
        before = engine.logs.fills.count
        number = venue.open_first()
        if number != 0:
            venue.meet(number, book.ladders[symbol])
        deliver(engine, strategy)
        if engine.logs.fills.count != before:
            weigh(engine)
    venue.floor = LONG_AGO
    if book.busy:
        rest(engine)


@often
def hear_depth(engine: TickEngine, strategy: Strategy, depth: Depth, level: int, flags: int) -> None:
    """A level has changed: those in its queue move up; when the message is complete the touch is as it shows."""
    book = engine.book
    symbol = depth.symbol
    ladder = book.ladders[symbol]
    if flags > LAST:
        begin_snapshot(ladder, depth, flags)
    if ladder.marked[level] != 0:
        engine.venue.shift(ladder, symbol, depth.side, level, depth.size)
    ladder.change(depth.side, level, depth.size)
    if flags & LAST != 0:
        depth.last = True
        hear_touch(engine, strategy, ladder, symbol)
    else:
        depth.last = False
    if engine.hears & HEARS_DEPTH:
        strategy.on_depth(depth, book)
        if book.busy and book.intent_count > 0:
            settle_intents(engine)
    depth.snapshot = False


@seldom
def begin_snapshot(ladder: Ladder, depth: Depth, flags: int) -> None:
    """The level is of a snapshot; with its first one both sides are cleared."""
    depth.snapshot = True
    if flags & FIRST != 0:
        ladder.clear()


@often
def hear_quote(engine: TickEngine, strategy: Strategy, quote: Quote) -> None:
    """The touch is quoted; where there is depth, depth says what it is."""
    book = engine.book
    ladder = book.ladders[quote.symbol]
    if not ladder.is_deep:
        ladder.quote(quote)
        hear_touch(engine, strategy, ladder, quote.symbol)
    if engine.hears & HEARS_QUOTE:
        strategy.on_quote(quote, book)
        if book.busy and book.intent_count > 0:
            settle_intents(engine)


@often
def hear_trade(engine: TickEngine, strategy: Strategy, trade: Trade) -> None:
    """The market has traded; where there are no quotes, that is the last price."""
    book = engine.book
    ladder = book.ladders[trade.symbol]
    ladder.trade_price = trade.price
    ladder.trade_size = trade.size
    place = engine.venue.places[trade.symbol]
    was_filled = False
    if place.phases:
        was_filled = match_trade(engine, strategy, trade, ladder)
    if not ladder.is_quoted:
        mark(engine, trade.symbol, trade.price, was_filled)
    elif was_filled:
        weigh(engine)
    if engine.hears & HEARS_TRADE:
        strategy.on_trade(trade, book)
        if book.busy and book.intent_count > 0:
            settle_intents(engine)


@often
def hear_touch(engine: TickEngine, strategy: Strategy, ladder: Ladder, symbol: int) -> None:
    """The touch may have moved: orders meet it, and its middle is the last price."""
    place = engine.venue.places[symbol]
    was_filled = False
    if place.phases:
        was_filled = match_touch(engine, strategy, ladder, symbol)
    middle = ladder.mid
    if middle == middle:
        mark(engine, symbol, middle, was_filled)
    elif was_filled:
        weigh(engine)


@often
def mark(engine: TickEngine, symbol: int, price: float, was_filled: bool) -> None:
    """`price` is the last one: what is held is worth so much, trailing stops follow."""
    engine.venue.places[symbol].price = price
    is_new = engine.book.ledger.hear(symbol, price)
    if engine.book.trailing_count > 0:
        follow(engine, symbol, price)
    if is_new or was_filled:
        weigh(engine)


@seldom
def follow(engine: TickEngine, symbol: int, price: float) -> None:
    """Trailing stops follow the last price, as they follow closes."""
    bar = engine.bar
    bar.symbol = symbol
    bar.time = engine.book.time
    bar.close = price
    trail(engine.book, bar)


@seldom
def match_touch(engine: TickEngine, strategy: Strategy, ladder: Ladder, symbol: int) -> bool:
    """Orders at the touch, one by one; every fill is heard before the next order is tried.  Whether there was one."""
    venue = engine.venue
    before = engine.logs.fills.count
    if venue.places[symbol].called != 0:
        liquidate(engine, strategy, symbol, ladder.facing(-1 if venue.ledger.holdings[symbol].quantity > 0.0 else 1))
    number = venue.next_at_touch(ladder, symbol, 0)
    while number != 0:
        deliver(engine, strategy)
        number = venue.next_at_touch(ladder, symbol, number)
    return engine.logs.fills.count != before


@seldom
def match_trade(engine: TickEngine, strategy: Strategy, trade: Trade, ladder: Ladder) -> bool:
    """Orders against a trade, one by one; every fill is heard before the next order is tried.  Whether there was one."""
    venue = engine.venue
    before = engine.logs.fills.count
    symbol = trade.symbol
    if venue.places[symbol].called != 0 and not ladder.is_quoted:
        liquidate(engine, strategy, symbol, trade.price)
    if venue.places[symbol].halted:
        return engine.logs.fills.count != before
    venue.begin_trade(trade)
    number = venue.next_at_trade(trade, ladder, 0)
    while number != 0:
        deliver(engine, strategy)
        number = venue.next_at_trade(trade, ladder, number)
    return engine.logs.fills.count != before


def liquidate(engine: TickEngine, strategy: Strategy, symbol: int, price: float) -> None:
    """A position that was called is closed at `price`, the first after the call; its orders go first."""
    venue = engine.venue
    venue.start = venue.time - 1
    if price != price or not venue.is_called(symbol, venue.places[symbol]):
        return
    venue.cancel_all(symbol)
    deliver(engine, strategy)
    engine.bar.symbol = symbol
    engine.bar.open = price
    venue.liquidate(engine.bar)
    deliver(engine, strategy)


@seldom
def after_tick(engine: TickEngine, strategy: Strategy) -> None:
    """What only some ticks need: messages, margins, the equity curve, and a look at what they made due."""
    if engine.book.outbox_count > 0 or engine.venue.report_count > 0:
        deliver(engine, strategy)
    if engine.venue.watches_margin:
        engine.venue.check_margin(engine.book.time)
    if len(engine.logs.curve) > 0:
        engine.logs.curve[engine.bar_index] = engine.book.ledger.equity
    if engine.book.busy:
        rest(engine)
