"""What risk allows around the fold, as one value; what is not stated allows nothing.

What comes in: numbers, from a configuration (`limits_config`) or a test.  What goes out: a `Bounds`, frozen.
Why it is shaped so: a section a concern, each a table of numbers, so that reading, checking, comparing and hashing are
written once for all of them; structs of msgspec, because eight data classes were an eighth of what a function that starts
cold had to import.  Seconds are of open time where data ages, of wall time elsewhere; money is in the base
currency; `inf` lifts one bound.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct, field

from stratofold.live.risk.rules import MARGIN
from stratofold.live.risk.verdict import REDUCING_ONLY

if TYPE_CHECKING:
    from collections.abc import Mapping


class DataBounds(Struct, frozen=True):
    """How old an instrument's newest market event may be when something opens, in seconds of its open hours."""

    age_seconds_max: float = 0.0


class SessionBounds(Struct, frozen=True):
    """How long before the open and after the close messages may leave, and how early an order for the close must be."""

    before_open_seconds: float = 0.0
    after_close_seconds: float = 0.0
    close_cutoff_seconds: float = 600.0


class RateBounds(Struct, frozen=True):
    """Messages in any second and minute; executed orders an instrument, side and stretch before it is disabled."""

    messages_per_second_max: float = 0.0
    messages_per_minute_max: float = 0.0
    executions_max: float = 0.0
    executions_seconds: float = 60.0


class StopBounds(Struct, frozen=True):
    """What may be lost: of the peak (a fraction), of the session's start (money, and a fraction), of an entry price.

    `stop_loss` and `take_profit` are fractions of a position's average price at which it is closed; infinite is none.
    """

    drawdown_max: float = 0.0
    daily_loss_max: float = 0.0
    daily_loss_fraction_max: float = 0.0
    stop_loss: float = inf
    take_profit: float = inf
    action: int = REDUCING_ONLY


class ExposureBounds(Struct, frozen=True):
    """What may be held after a fill; `concentration_max` is the largest position over equity."""

    gross_exposure_max: float = 0.0
    net_exposure_max: float = 0.0
    leverage_max: float = 0.0
    concentration_max: float = 0.0
    action: int = REDUCING_ONLY


class SymbolBounds(Struct, frozen=True):
    """What is different for one instrument; a maximum may only be tighter than what holds for all.

    `position_limit` is a regulator's or an exchange's, `position_max` one's own; `located` are units that may be short.
    """

    order_quantity_max: float = inf
    order_notional_max: float = inf
    position_max: float = inf
    age_seconds_max: float = inf
    stop_loss: float = inf
    take_profit: float = inf
    position_limit: float = inf
    located: float = 0.0
    restricted: bool = False


class RuleBounds(Struct, frozen=True):
    """What the regulatory rules need to know: the kind of account, and what may be sold short without a locate.

    `shortable` are names on the broker's easy-to-borrow list, "*" for all; `legacy_day_trades_until` is the last day on
    which the broker still counts day trades (ISO, empty: the rule's own).
    """

    account: str = MARGIN
    shortable: tuple[str, ...] = ()
    legacy_day_trades_until: str = ""


class Bounds(Struct, frozen=True):
    """All of them; `symbols` is by name."""

    data: DataBounds = field(default_factory=DataBounds)
    session: SessionBounds = field(default_factory=SessionBounds)
    rate: RateBounds = field(default_factory=RateBounds)
    stops: StopBounds = field(default_factory=StopBounds)
    exposure: ExposureBounds = field(default_factory=ExposureBounds)
    rules: RuleBounds = field(default_factory=RuleBounds)
    symbols: Mapping[str, SymbolBounds] = field(default_factory=dict)
