"""The words: every noun that flows through stratofold, in the order in which it flows.

What comes in: what the market, the world, the clock, a venue and the operator say.
What goes out: nothing; this module holds no behaviour beyond arithmetic on its own numbers.
Why it is shaped so: the vocabulary is closed and complete from the first day, and each word is a small record of
numbers, so that one source of the fold can run interpreted, compiled and frozen.  An event handed to a hook is the
record of *this* moment and is filled again for the next: read from it, never keep it.

Times are int64 nanoseconds since 1970-01-01 UTC.  `time` is when the fact is complete, `known` when we could know it.
`symbol` is the integer handle of an instrument (`Strategy.symbol("SPY")` resolves a name in `setup`).
"""

from array import array
from math import nan

# Ranks: what is heard first among events of one time (contract 4).
ACTION, RATE, STATUS, REPORT, MARKET, OBSERVATION, TIMER, COMMAND = range(8)

# Action kinds.
SPLIT, DIVIDEND, RENAME, DELISTING, FUNDING, INTEREST, DEPOSIT, WITHDRAWAL, EXPIRY = range(9)

# Status kinds.
SESSION, HALT, RESUME, MUTE, GAP, RESTORED = range(6)

# Report kinds: what a venue says about our order.
ACCEPTED, REJECTED, PARTIAL, FILLED, CANCELLED, EXPIRED = range(6)
REPLACED, CANCEL_REJECTED, BUSTED, CORRECTED, UNKNOWN, REPLACE_REJECTED = range(6, 12)

# Command kinds: what the operator says.
COMMAND_HALT, COMMAND_REDUCE, COMMAND_RESUME, COMMAND_FLATTEN = range(4)

# Sources of an event that a live book was spared, because its strategy, or the fold, has raised on it time and again.
UNHEARD, LEFT_OUT = -1, -2

NANOSECONDS_A_MINUTE = 60_000_000_000


class Event:
    """When a fact was complete, when it was known, and where it came from."""

    __slots__ = ("known", "source", "source_sequence", "time")

    def __init__(self) -> None:
        """An event of time zero; the driver fills it."""
        self.time: int = 0
        self.known: int = 0
        self.source: int = 0
        self.source_sequence: int = 0


class Bar(Event):
    """Open, high, low, close and volume of one symbol over `span` nanoseconds, complete at `time`.

    `session` counts the calendar's sessions; `weekday` is 0 on Monday and `month` 1 in January, both of the
    session's date.
    """

    __slots__ = (
        "close", "high", "low", "month", "open", "revision", "session", "session_close", "session_open", "span",
        "symbol", "volume", "weekday",
    )  # fmt: skip

    def __init__(self) -> None:
        """A bar of no symbol; the driver fills it."""
        self.time: int = 0
        self.known: int = 0
        self.source: int = 0
        self.source_sequence: int = 0
        self.symbol: int = 0
        self.span: int = 0
        self.revision: int = 0
        self.open: float = nan
        self.high: float = nan
        self.low: float = nan
        self.close: float = nan
        self.volume: float = nan
        self.session: int = -1
        self.session_open: int = 0
        self.session_close: int = 0
        self.weekday: int = 0
        self.month: int = 0

    @property
    def minute_of_session(self) -> int:
        """Whole minutes since the session opened; negative before the open."""
        return (self.time - self.session_open) // NANOSECONDS_A_MINUTE

    @property
    def last_of_session(self) -> bool:
        """Whether this bar is complete at (or after) its session's close."""
        return self.time >= self.session_close


class Bars(Event):
    """All symbols of one timestamp: arrays by symbol handle, NaN where `present` is 0 (`on_bars`)."""

    __slots__ = (
        "close", "expected", "expected_count", "high", "low", "month", "open", "pending", "present", "present_count", "session",
        "session_close", "session_open", "volume", "weekday",
    )  # fmt: skip

    def __init__(self, symbol_count: int = 0) -> None:
        """An empty group with room for `symbol_count` symbols."""
        self.time: int = 0
        self.known: int = 0
        self.source: int = 0
        self.source_sequence: int = 0
        self.open: array[float] = array("d", [nan]) * symbol_count
        self.high: array[float] = array("d", [nan]) * symbol_count
        self.low: array[float] = array("d", [nan]) * symbol_count
        self.close: array[float] = array("d", [nan]) * symbol_count
        self.volume: array[float] = array("d", [nan]) * symbol_count
        self.present: array[int] = array("q", [0]) * symbol_count
        self.expected: array[int] = array("q", [1]) * symbol_count
        self.present_count: int = 0
        self.expected_count: int = symbol_count
        self.pending: bool = False
        self.session: int = -1
        self.session_open: int = 0
        self.session_close: int = 0
        self.weekday: int = 0
        self.month: int = 0

    @property
    def last_of_session(self) -> bool:
        """Whether this group is complete at (or after) its session's close."""
        return self.time >= self.session_close

    def forget(self, symbol: int) -> None:
        """`symbol` did not come: its values are NaN."""
        self.open[symbol] = nan
        self.high[symbol] = nan
        self.low[symbol] = nan
        self.close[symbol] = nan
        self.volume[symbol] = nan


class Quote(Event):
    """Best bid and offer of one symbol."""

    __slots__ = ("ask", "ask_size", "bid", "bid_size", "symbol")

    def __init__(self) -> None:
        """A quote of no symbol."""
        super().__init__()
        self.symbol: int = 0
        self.bid: float = nan
        self.bid_size: float = nan
        self.ask: float = nan
        self.ask_size: float = nan


class Trade(Event):
    """One trade in the market; `aggressor` is 1 for a buyer, -1 for a seller, 0 if not said."""

    __slots__ = ("aggressor", "price", "size", "symbol")

    def __init__(self) -> None:
        """A trade of no symbol."""
        super().__init__()
        self.symbol: int = 0
        self.price: float = nan
        self.size: float = nan
        self.aggressor: int = 0


class Depth(Event):
    """One change of one price level: `size` 0 removes it; `side` is 1 for bids, -1 for offers.

    A venue's message changes several levels: with its `last` one the book is whole again.
    """

    __slots__ = ("last", "price", "side", "size", "snapshot", "symbol")

    def __init__(self) -> None:
        """A level of no symbol."""
        super().__init__()
        self.symbol: int = 0
        self.side: int = 0
        self.price: float = nan
        self.size: float = nan
        self.snapshot: bool = False
        self.last: bool = True


class Observation(Event):
    """A point-in-time value that is not a price: sentiment, a macro figure, a fundamental."""

    __slots__ = ("series", "symbol", "value")

    def __init__(self) -> None:
        """An observation of no series."""
        super().__init__()
        self.series: int = 0
        self.symbol: int = -1
        self.value: float = nan


class Timer(Event):
    """The clock: entry `schedule` of the strategy's schedule is due, or (`schedule` -1) number `number` of `after`."""

    __slots__ = ("number", "schedule", "session")

    def __init__(self) -> None:
        """A timer of no schedule."""
        super().__init__()
        self.schedule: int = -1
        self.number: int = 0
        self.session: int = -1


class Action(Event):
    """A corporate or account action; `value` is by kind.

    split: new shares for one old; dividend: cash a share; delisting, expiry: cash a unit (NaN: the last price);
    funding: rate on the position's value, paid by longs; interest, deposit, withdrawal: an amount of money.
    """

    __slots__ = ("currency", "kind", "symbol", "value")

    def __init__(self) -> None:
        """An action of no kind."""
        super().__init__()
        self.kind: int = -1
        self.symbol: int = -1
        self.currency: int = 0
        self.value: float = nan


class Status(Event):
    """What an instrument or a feed is doing (`symbol` -1: all of them)."""

    __slots__ = ("kind", "symbol")

    def __init__(self) -> None:
        """A status of no kind."""
        super().__init__()
        self.kind: int = -1
        self.symbol: int = -1


class Rate(Event):
    """One unit of currency number `currency` in the book's base currency."""

    __slots__ = ("currency", "value")

    def __init__(self) -> None:
        """A rate of no currency."""
        super().__init__()
        self.currency: int = 0
        self.value: float = nan


class Report(Event):
    """What a venue says about order `number`; 0 is an order that is not ours.

    `quantity` and `price` are of this fill, `leaves` is what still works, `fee` is in the instrument's currency.
    """

    __slots__ = (
        "fee", "kind", "leaves", "limit", "maker", "number", "price", "quantity", "reason", "side", "stop", "symbol",
    )  # fmt: skip

    def __init__(self) -> None:
        """A report of no order."""
        super().__init__()
        self.kind: int = -1
        self.number: int = 0
        self.symbol: int = 0
        self.side: int = 0
        self.quantity: float = 0.0
        self.price: float = nan
        self.fee: float = 0.0
        self.leaves: float = 0.0
        self.limit: float = nan
        self.stop: float = nan
        self.maker: bool = False
        self.reason: int = 0


class Command(Event):
    """What the operator says: halt, reduce only, resume, flatten."""

    __slots__ = ("kind", "symbol")

    def __init__(self) -> None:
        """A command of no kind."""
        super().__init__()
        self.kind: int = -1
        self.symbol: int = -1


class Fill(Event):
    """What was done: `quantity` of `symbol` at `price`, signed by `side` (1 bought, -1 sold)."""

    __slots__ = ("fee", "maker", "number", "price", "quantity", "side", "strategy", "symbol")

    def __init__(self) -> None:
        """A fill of no order."""
        super().__init__()
        self.number: int = 0
        self.symbol: int = 0
        self.strategy: int = 0
        self.side: int = 0
        self.quantity: float = 0.0
        self.price: float = nan
        self.fee: float = 0.0
        self.maker: bool = False
