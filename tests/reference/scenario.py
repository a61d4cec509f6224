"""What the reference and the product are both given, and what both must answer: plain data.

Times are integers, nanoseconds if the product asks.  Symbols and currencies are indices into their tuples; currency 0
is the base.  Bars are sorted by (time, symbol); an event of the same time comes before a bar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

PAID, MARGINED = "paid", "margined"
GTC, DAY, IOC, FOK, AT_CLOSE = "GTC", "DAY", "IOC", "FOK", "AT_CLOSE"
WAITING, WORKING, FILLED, CANCELLED, EXPIRED = "waiting", "working", "filled", "cancelled", "expired"
DONE = (FILLED, CANCELLED, EXPIRED)

# What is heard first among events of one time (contract 4).
RANKS = {
    "split": 0, "dividend": 0, "delisting": 0, "expiry": 0, "funding": 0, "interest": 0, "deposit": 0, "withdrawal": 0,
    "rename": 0, "rate": 1, "halt": 2, "resume": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Currency:
    """A currency's money decimals, and one unit of it in the base currency at the start."""

    decimals: int = 2
    rate: float = 1.0


@dataclass(frozen=True)
class Instrument:
    """What is traded; `margin` and `maintenance` are shares of a position's value."""

    kind: str = PAID
    price_decimals: int = 2
    lot: float = 1.0
    quantity_decimals: int = 0
    multiplier: float = 1.0
    margin: float = 1.0
    maintenance: float = 0.0
    currency: int = 0


@dataclass(frozen=True)
class Session:
    """When the market is open, and its date (proleptic ordinal, weekday with Monday 0, month with January 1)."""

    open: int
    close: int
    date: int
    weekday: int = 0
    month: int = 1


@dataclass(frozen=True)
class Bar:
    """One bar, complete at `time`, begun `span` before."""

    time: int
    symbol: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 1000.0
    span: int = 1


@dataclass(frozen=True)
class Happening:
    """An action, a rate or a status, named by `kind`; `symbol` -1 is all (halt, resume) or none (account actions)."""

    time: int
    kind: str
    symbol: int = -1
    value: float = nan
    currency: int = 0


@dataclass(frozen=True)
class Costs:
    """Fees (section 4.4), slippage (4.3), volume cap (4.1), latency (2) and the yearly rate of short borrow (5)."""

    per_share: float = 0.0
    per_value: float = 0.0
    tiers: tuple[tuple[float, float], ...] = ()
    maker: float | None = None
    taker: float | None = None
    minimum: float = 0.0
    maximum_fraction: float | None = None
    fixed: float = 0.0
    proportional: float = 0.0
    spread: float = 0.0
    impact: float = 0.0
    volume_cap: float | None = None
    latency: int = 0
    borrow: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """A market, an account and its costs; limits are none."""

    instruments: Sequence[Instrument]
    bars: Sequence[Bar]
    sessions: Sequence[Session]
    happenings: Sequence[Happening] = ()
    costs: Costs = field(default_factory=Costs)
    cash: float = 100_000.0
    currencies: Sequence[Currency] = (Currency(),)


@dataclass(frozen=True)
class Word:
    """One call on the book.

    `name` is buy, sell, cancel, replace, one_cancels_other, close, target_quantity, target_value or target_weight.
    `value` is the target; `number` and `other` are order numbers as the book counts them, from 1.
    """

    name: str
    symbol: int = 0
    quantity: float | None = None
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None
    trail_fraction: float | None = None
    take_profit: float | None = None
    stop_loss: float | None = None
    tif: str = GTC
    number: int = 0
    other: int = 0
    value: float = 0.0


@dataclass(frozen=True)
class Script:
    """Words said after bar `k` was heard (`on_bar`) and at the `n`-th fill, both counted from 0 (`on_fill`)."""

    on_bar: Mapping[int, Sequence[Word]] = field(default_factory=dict)
    on_fill: Mapping[int, Sequence[Word]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What happened, in doubles that are each the nearest to an exact decimal.

    fills: (time, number, symbol, side, quantity, price, fee, maker); number 0 closes a position that no order closed.
    orders: (number, state, filled); a leg whose entry has not filled is `waiting`.
    cash by currency, position by symbol, equity after each bar (its hook included).
    """

    fills: list[tuple[int, int, int, int, float, float, float, bool]]
    orders: list[tuple[int, str, float]]
    cash: list[float]
    positions: list[float]
    equity: list[float]
