"""Bars out of trades, one trade at a time: by time, by count, by volume, by value and by imbalance.

A trade comes in with `update(time, price, size)`; true goes out when `bar` is a new, complete one.  `market.tick_bars` is
the batch form of the same rules, and equal to it.
Why so: sizes and values are summed in whole steps of a decimal grid, where sums are exact in any order, so that a bar built
live is the bar built from the file, to the last bit.
Source: M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 2.
"""

from array import array
from math import nan

from stratofold.errors import Setup
from stratofold.fold.grid import to_steps
from stratofold.fold.indicators.arguments import whole

SIZE_DECIMALS, VALUE_DECIMALS = 8, 4
_SIZE_SCALE, _VALUE_SCALE = 1e8, 1e4
TICKS, VOLUME, VALUE = range(3)


class Candle:
    """Open, high, low, close, volume, value (price times size) and the number of trades between `begin` and `end` (ns UTC).

    Of a bar by time, `begin` and `end` bound its interval; of any other they are its first and last trade's times.
    """

    __slots__ = ("begin", "close", "end", "high", "low", "open", "size_steps", "trades", "value_steps")

    def __init__(self) -> None:
        """No trade yet."""
        self.begin: int = 0
        self.end: int = 0
        self.open: float = nan
        self.high: float = nan
        self.low: float = nan
        self.close: float = nan
        self.trades: int = 0
        self.size_steps: float = 0.0
        self.value_steps: float = 0.0

    @property
    def volume(self) -> float:
        """The sum of sizes, on a grid of eight decimals."""
        return self.size_steps / _SIZE_SCALE

    @property
    def value(self) -> float:
        """The sum of price times size, on a grid of four decimals."""
        return self.value_steps / _VALUE_SCALE

    def start(self, begin: int, end: int) -> None:
        """Forget everything; the next trade is the first."""
        self.begin = begin
        self.end = end
        self.trades = 0
        self.size_steps = 0.0
        self.value_steps = 0.0

    def add(self, price: float, size: float) -> None:
        """Take a trade; raises OverflowError past 2**53 steps of a grid."""
        if self.trades == 0:
            self.open = price
            self.high = price
            self.low = price
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.trades += 1
        self.size_steps += to_steps(size, _SIZE_SCALE)
        self.value_steps += to_steps(price * size, _VALUE_SCALE)

    def take(self, other: "Candle") -> None:
        """Become a copy of another."""
        self.begin = other.begin
        self.end = other.end
        self.open = other.open
        self.high = other.high
        self.low = other.low
        self.close = other.close
        self.trades = other.trades
        self.size_steps = other.size_steps
        self.value_steps = other.value_steps


class TimeBars:
    """A bar each `span` nanoseconds in which somebody traded, counted from 1970 UTC or, with sessions, from each open.

    `opens` and `closes` are a calendar's: then trades outside sessions are passed over, and a session's last bar ends at its
    close.  A bar is complete when a trade of a later interval comes, or when `until` is told a time that is past its end;
    a trade at the very end of an interval belongs to the next one.
    """

    def __init__(self, span: int, opens: "array[int] | tuple[()]" = (), closes: "array[int] | tuple[()]" = ()) -> None:
        """Bars of `span` ns; raises Setup if it is not a whole number of at least 1."""
        self.span = whole(span, "span", "TimeBars", 1)
        self.opens = array("q", opens)
        self.closes = array("q", closes)
        self.session = 0
        self.bar = Candle()
        self.forming = Candle()

    def update(self, time: int, price: float, size: float) -> bool:
        """Take the next trade; whether it completed the bar before it."""
        is_new = self.until(time)
        if self.forming.trades == 0 and not self._place(time):
            return is_new
        self.forming.add(price, size)
        return is_new

    def until(self, time: int) -> bool:
        """It is `time`; whether the forming bar is complete by that."""
        if self.forming.trades == 0 or time < self.forming.end:
            return False
        self.bar.take(self.forming)
        self.forming.start(0, 0)
        return True

    def _place(self, time: int) -> bool:
        """Begin the interval that holds a time; false where there is none."""
        if len(self.opens) == 0:
            begin = time - time % self.span
            self.forming.start(begin, begin + self.span)
            return True
        while self.session < len(self.closes) and self.closes[self.session] <= time:
            self.session += 1
        if self.session == len(self.closes) or time < self.opens[self.session]:
            return False
        opened = self.opens[self.session]
        begin = opened + (time - opened) // self.span * self.span
        self.forming.start(begin, min(begin + self.span, self.closes[self.session]))
        return True


class ThresholdBars:
    """A bar each time so much was traded: the trade that reaches the threshold is the last of its bar, whole.

    `threshold` counts trades (`unit` TICKS), size (VOLUME) or price times size (VALUE).
    """

    def __init__(self, threshold: float, unit: int = TICKS) -> None:
        """Bars of at least `threshold`; raises Setup if it is not above 0 or `unit` is none."""
        if not threshold > 0.0 or unit < TICKS or unit > VALUE:
            raise Setup("SF651", "such bars cannot be", fix="give a threshold above 0 of ticks, volume or value")
        self.unit = unit
        self.least = to_steps(threshold, _scale(unit))
        self.bar = Candle()
        self.forming = Candle()

    def update(self, time: int, price: float, size: float) -> bool:
        """Take the next trade; whether it completed a bar, which it is part of."""
        forming = self.forming
        if forming.trades == 0:
            forming.start(time, time)
        forming.end = time
        forming.add(price, size)
        if _traded(forming, self.unit) < self.least:
            return False
        self.bar.take(forming)
        forming.start(time, time)
        return True


class ImbalanceBars:
    """A bar each time buyers or sellers have pressed more than expected: sooner when informed trading is one-sided.

    Each trade counts `unit` with the sign of its tick (`sign`: 1 above the price before it, -1 below, as before where
    equal).  A bar ends when the sum is at least |`expected_imbalance`| a trade times `expected_trades`, both exponentially
    weighted means over the bars before it (weight of a new bar: 2 / (`span` + 1)); `expected_trades` stays between
    `trades_least` and `trades_most`, because the rule as published runs away to bars of one trade or of all.
    """

    def __init__(
        self,
        expected_trades: float,
        expected_imbalance: float,
        unit: int = TICKS,
        span: int = 20,
        trades_least: float = 10.0,
        trades_most: float = 100_000.0,
    ) -> None:
        """What is expected before the first bar; raises Setup for bounds or expectations that cannot be."""
        if not (0.0 < trades_least <= expected_trades <= trades_most and expected_imbalance > 0.0):
            raise Setup(
                "SF651",
                "such bars cannot be",
                fix="give 0 < trades_least <= expected_trades <= trades_most, imbalance above 0",
            )
        self.unit = unit
        self.weight = 2.0 / (whole(span, "span", "ImbalanceBars", 1) + 1.0)
        self.trades_least = trades_least
        self.trades_most = trades_most
        self.expected_trades = expected_trades
        self.expected_imbalance = expected_imbalance
        self.least = 0.0
        self.imbalance = 0.0
        self.sign = 1
        self.last = nan
        self.bar = Candle()
        self.forming = Candle()
        self._expect()

    def update(self, time: int, price: float, size: float) -> bool:
        """Take the next trade; whether it completed a bar, which it is part of."""
        forming = self.forming
        if forming.trades == 0:
            forming.start(time, time)
        if price > self.last:
            self.sign = 1
        elif price < self.last:
            self.sign = -1
        self.last = price
        forming.end = time
        before = _traded(forming, self.unit)
        forming.add(price, size)
        self.imbalance += self.sign * (_traded(forming, self.unit) - before)
        if abs(self.imbalance) < self.least:
            return False
        self._learn(forming.trades)
        self.bar.take(forming)
        forming.start(time, time)
        return True

    def _learn(self, trades: int) -> None:
        """The bar that ended is what is expected of the next one, by its weight."""
        seen = abs(self.imbalance) / _scale(self.unit) / trades
        self.expected_imbalance += self.weight * (seen - self.expected_imbalance)
        wanted = self.expected_trades + self.weight * (trades - self.expected_trades)
        self.expected_trades = min(max(wanted, self.trades_least), self.trades_most)
        self.imbalance = 0.0
        self._expect()

    def _expect(self) -> None:
        self.least = self.expected_trades * self.expected_imbalance * _scale(self.unit)


def _scale(unit: int) -> float:
    """Steps in one of a unit."""
    if unit == VOLUME:
        return _SIZE_SCALE
    return _VALUE_SCALE if unit == VALUE else 1.0


def _traded(candle: Candle, unit: int) -> float:
    """What a candle holds of a unit, in steps."""
    if unit == VOLUME:
        return candle.size_steps
    return candle.value_steps if unit == VALUE else float(candle.trades)
