"""The product's side of the comparison with the reference on ticks: the same case and script, run by the real fold."""

from array import array
from math import inf, nan

from stratofold.events import HALT, RESUME, STATUS, Depth, Fill, Quote, Trade
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.desk import Costs
from stratofold.fold.drive import driver_of
from stratofold.fold.engine import HEARS_DEPTH, HEARS_FILL, HEARS_QUOTE, HEARS_TRADE
from stratofold.fold.ledger import Ledger
from stratofold.fold.lifecycle import DONE_CANCELLED, DONE_EXPIRED, DONE_FILLED
from stratofold.fold.log import Logs
from stratofold.fold.order import POST_ONLY, Contract
from stratofold.fold.risk import Limits, Risk, Unlimited
from stratofold.fold.run import CROWDED
from stratofold.fold.sessions import Sessions
from stratofold.fold.strategy import Strategy
from stratofold.fold.tally import Tally
from stratofold.fold.ticks.book import TickBook
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE, SNAPSHOT, TRADE, TickEngine, TickFeed
from stratofold.fold.ticks.ladder import Ladder
from stratofold.fold.ticks.queue import queue_of
from stratofold.fold.ticks.venue import TickVenue
from tests.harness import Words
from tests.reference import ticks
from tests.reference.ticks import TickCase, TickOutcome, TickScript

_STATES = {DONE_FILLED: "filled", DONE_CANCELLED: "cancelled", DONE_EXPIRED: "expired"}


class ScriptedTicks(Strategy):
    """Says what a script says, after each row and at each fill."""

    def setup(self) -> None:
        """No call yet; the words are put in by `build`."""
        self.row_calls = 0
        self.fill_calls = 0
        self.row_words = Words({})
        self.fill_words = Words({})

    def on_quote(self, quote: Quote, book: TickBook) -> None:
        """The next row."""
        self.speak(book)

    def on_trade(self, trade: Trade, book: TickBook) -> None:
        """The next row."""
        self.speak(book)

    def on_depth(self, depth: Depth, book: TickBook) -> None:
        """The next row."""
        self.speak(book)

    def on_fill(self, fill: Fill, book: TickBook) -> None:
        """The next fill of the script."""
        self.fill_words.speak(self.fill_calls, book)
        self.fill_calls += 1

    def speak(self, book: TickBook) -> None:
        """The next call of the script."""
        self.row_words.speak(self.row_calls, book)
        self.row_calls += 1


def run_ticks_case(
    case: TickCase, script: TickScript, execution: str = "interpreted", capacity: int = 1
) -> TickOutcome:
    """What the fold makes of `script` in `case`."""
    engine, strategy, feed = build_ticks(case, script, capacity)
    total = len(feed.time) + len(feed.event_key)
    if execution == "interpreted":
        hear = driver_of(feed)
        while hear(engine, strategy, feed, total) == CROWDED:
            engine.logs.make_room()
    else:
        from stratofold.research.execute import drive

        drive(engine, strategy, feed, total)
    return outcome(engine)


def build_ticks(case: TickCase, script: TickScript, capacity: int = 4) -> tuple[TickEngine, ScriptedTicks, TickFeed]:
    """Engine, strategy and feed before the first event."""
    strategy = ScriptedTicks()
    strategy.symbol_count = case.symbols
    strategy.setup()
    strategy.row_words = Words({k: list(words) for k, words in script.on_row.items()})
    strategy.fill_words = Words({k: list(words) for k, words in script.on_fill.items()})
    ledgers = [Ledger(_contracts(case), array("d", [100.0]), 1e6) for _ in range(2)]
    levels = [_levels(case, symbol) for symbol in range(case.symbols)]
    quoted = [
        any(row.symbol == k and not isinstance(row, ticks.Trade) for row in case.rows) for k in range(case.symbols)
    ]
    book = TickBook(
        ledgers[0], [Ladder(own, is_quoted=is_quoted) for own, is_quoted in zip(levels, quoted, strict=True)], capacity
    )
    costs = Costs(Fees(), Slippage(), Latency(case.latency), inf if case.cap >= 1.0 else case.cap)
    venue = TickVenue(ledgers[1], costs, queue_of(case.queue), capacity)
    count = len(case.closes)
    opens = [0, *case.closes[:-1]]
    sessions = Sessions(*(array("q", rows) for rows in (opens, case.closes, range(count), [0] * count, [1] * count)))
    tally = Tally(case.symbols, ledgers[0].equity_steps, array("d", [0.0]))
    limits = Limits(**{name: getattr(Unlimited(), name) for name in Limits.__slots__})
    hears = HEARS_QUOTE | HEARS_TRADE | HEARS_DEPTH | HEARS_FILL
    logs = Logs(capacity, capacity, 0)
    engine = TickEngine(book, Risk(limits, case.symbols), venue, tally, sessions, logs, hears)
    return engine, strategy, _feed(case, levels)


def _contracts(case: TickCase) -> list[Contract]:
    """Whole prices and lots, and nothing that an account could not afford."""
    contracts = [Contract() for _ in range(case.symbols)]
    for contract in contracts:
        contract.margin = 0.0
    return contracts


def _levels(case: TickCase, symbol: int) -> list[float]:
    return sorted({row.price for row in case.rows if isinstance(row, ticks.Depth) and row.symbol == symbol})


def _feed(case: TickCase, levels: list[list[float]]) -> TickFeed:
    feed = TickFeed()
    for row in case.rows:
        _add(feed, row, levels)
    feed.symbol = array("q", [row.symbol for row in case.rows]) if case.symbols > 1 else array("q", [0])
    for time, symbol, halted in sorted(case.halts):
        feed.event_key.append(2 * time)
        feed.event_time.append(time)
        feed.event_rank.append(STATUS)
        feed.event_kind.append(HALT if halted else RESUME)
        feed.event_symbol.append(symbol)
        feed.event_currency.append(0)
        feed.event_value.append(nan)
    return feed


def _add(feed: TickFeed, row: ticks.Quote | ticks.Trade | ticks.Depth, levels: list[list[float]]) -> None:
    """One row of each column."""
    numbers = {"kind": 0, "side": 0, "level": -1, "flags": 0, "price": nan, "size": nan, "ask": nan, "ask_size": nan}
    if isinstance(row, ticks.Quote):
        values = (row.bid, row.bid_size, row.ask, row.ask_size)
        bid, bid_size, ask, ask_size = (nan if value is None else float(value) for value in values)
        numbers |= {"kind": QUOTE, "price": bid, "size": bid_size, "ask": ask, "ask_size": ask_size}
    elif isinstance(row, ticks.Trade):
        numbers |= {"kind": TRADE, "price": row.price, "size": row.size, "side": row.aggressor}
    else:
        flags = LAST * row.last + (FIRST + SNAPSHOT) * row.first
        level = levels[row.symbol].index(row.price)
        numbers |= {
            "kind": DEPTH,
            "side": row.side,
            "price": row.price,
            "size": row.size,
            "level": level,
            "flags": flags,
        }
    feed.time.append(row.time)
    for name, value in numbers.items():
        getattr(feed, name).append(value)


def outcome(engine: TickEngine) -> TickOutcome:
    """What the engine's logs say, in the reference's shape."""
    log = engine.logs.fills
    names = ("time", "number", "symbol", "side", "quantity", "price", "maker")
    fills = [(*row[:-1], bool(row[-1])) for row in zip(*(log.column(name) for name in names), strict=True)]
    states = dict.fromkeys(range(1, engine.book.next_number), ("cancelled", 0.0))
    done = engine.logs.orders
    for number, state, filled in zip(done.column("number"), done.column("state"), done.column("filled"), strict=True):
        states[number] = (_STATES[state], filled)
    for order in engine.book.orders:
        states[order.number] = ("working", order.filled)
    return TickOutcome(fills, [(number, *states[number]) for number in sorted(states)])


__all__ = ["POST_ONLY", "ScriptedTicks", "build_ticks", "outcome", "run_ticks_case"]
