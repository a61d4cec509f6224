"""What trading costs: fees, slippage, borrowing and the time an order travels.

Each is a named model of plain numbers.  With nothing stated a model costs nothing, and the result says so.
"""

from array import array
from math import inf, nan

from stratofold.fold.grid import to_steps
from stratofold.fold.marks import seldom

_MODULUS = 2147483647  # 2**31 - 1, prime
_MULTIPLIER = 48271  # Park, Miller and Stockmeyer 1993, "minimal standard" generator


class Fees:
    """Fee a fill, in the instrument's currency.

    `per_share` is money a unit; `per_value` a fraction of the value traded; `maker` and `taker` are fractions that
    replace it for resting and for taking fills; `tiers` are pairs (value traded so far, fraction) in rising order.
    `minimum` is money a fill; `maximum_fraction` caps the fee at that fraction of the value.

    Ignores: regulatory pass-through fees, rebates paid monthly, minimums an order rather than a fill.
    """

    __slots__ = (
        "maker", "maximum_fraction", "minimum", "per_share", "per_value", "taker", "tier_from", "tier_rate", "traded",
    )  # fmt: skip
    FIXED_IN_RUN = ("maker", "maximum_fraction", "minimum", "per_share", "per_value", "taker", "tier_from", "tier_rate")

    def __init__(
        self,
        *,
        per_share: float = 0.0,
        per_value: float = 0.0,
        minimum: float = 0.0,
        maximum_fraction: float = inf,
        maker: float = nan,
        taker: float = nan,
        tiers: tuple[tuple[float, float], ...] = (),
    ) -> None:
        """A fee schedule; with nothing stated every fill is free."""
        self.per_share: float = float(per_share)
        self.per_value: float = float(per_value)
        self.minimum: float = float(minimum)
        self.maximum_fraction: float = float(maximum_fraction)
        self.maker: float = float(maker)
        self.taker: float = float(taker)
        self.tier_from = array("d", [float(start) for start, _ in tiers])
        self.tier_rate = array("d", [float(rate) for _, rate in tiers])
        self.traded: float = 0.0

    def _rate(self, maker: bool) -> float:
        """The fraction of value that applies to this fill."""
        rate = self.maker if maker else self.taker
        usual = self.per_value if len(self.tier_from) == 0 else self._tier()
        return rate if rate == rate else usual

    @seldom
    def _tier(self) -> float:
        """The fraction of value that applies to what was traded so far."""
        rate = self.per_value
        for k in range(len(self.tier_from)):
            if self.tier_from[k] <= self.traded:
                rate = self.tier_rate[k]
        return rate

    def steps(self, quantity: float, value: float, maker: bool, scale: float) -> float:
        """The fee of a fill of `quantity` units worth `value`, in steps of the money grid of `scale`."""
        fee = self.per_share * quantity
        rate = self._rate(maker)
        if rate == 0.0 and self.maximum_fraction == inf:  # then nothing waits for the value, which is a division away
            return to_steps(max(fee, self.minimum), scale)
        fee += rate * value
        if fee < self.minimum:
            fee = self.minimum
        if fee > self.maximum_fraction * value:
            fee = self.maximum_fraction * value
        return to_steps(fee, scale)

    def book(self, value: float) -> None:
        """Count `value` toward the tiers."""
        self.traded += value


class Slippage:
    """How far a taking fill is worse than the price the bar shows; limits are never slipped.

    `fixed` is in price; `proportional` and `spread` (the whole spread, of which half is paid) are fractions of the
    price; `impact` times the square of the share of the bar's volume is another (the volume-share model of zipline).

    Ignores: the depth of the book, the volatility of the moment, whether the bar's range allows the price.
    """

    __slots__ = ("fixed", "impact", "proportional", "spread")
    FIXED_IN_RUN = ("fixed", "impact", "proportional", "spread")

    def __init__(
        self, *, fixed: float = 0.0, proportional: float = 0.0, spread: float = 0.0, impact: float = 0.0
    ) -> None:
        """A slippage model; with nothing stated fills are at the price the bar shows."""
        self.fixed: float = float(fixed)
        self.proportional: float = float(proportional)
        self.spread: float = float(spread)
        self.impact: float = float(impact)

    def price(self, side: int, price: float, quantity: float, volume: float, scale: float) -> float:
        """The price after slippage, on the price grid of `scale`, at least one step."""
        part = self.proportional + self.spread / 2
        if self.impact != 0.0:
            share = quantity / volume if volume > 0.0 else 0.0
            part += self.impact * share * share
        if part != 0.0 or self.fixed != 0.0:
            price += side * (self.fixed + price * part)
        return max(to_steps(price, scale), 1.0) / scale


class Latency:
    """Nanoseconds from a decision to the venue: constant, or drawn from a recorded run with a stated seed.

    Draws are by the minimal standard generator (Park, Miller and Stockmeyer 1993), so that every execution and every
    Python draws alike.

    Ignores: that latencies come in bursts, and that a venue may be slow for one symbol only.
    """

    __slots__ = ("constant", "samples", "seed_state")
    FIXED_IN_RUN = ("constant", "samples")

    def __init__(self, constant: int = 0, samples: "array[int] | None" = None, seed: int = 1) -> None:
        """`constant` nanoseconds, or one of `samples` (nanoseconds) by `seed` (1 to 2**31 - 2)."""
        self.constant: int = int(constant)
        self.samples = array("q", samples if samples is not None else [])
        self.seed_state: int = seed % _MODULUS or 1

    def draw(self) -> int:
        """The latency of the next message, in nanoseconds."""
        if len(self.samples) == 0:
            return self.constant
        self.seed_state = self.seed_state * _MULTIPLIER % _MODULUS
        return self.samples[self.seed_state % len(self.samples)]
