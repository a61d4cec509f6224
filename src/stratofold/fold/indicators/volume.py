"""Indicators that weigh prices by volume.  By TA-Lib name and argument order where TA-Lib has them."""

from math import nan

from stratofold.fold.indicators.arguments import whole
from stratofold.fold.indicators.moments import SUM
from stratofold.fold.indicators.ranges import same, typical_price
from stratofold.fold.indicators.window import Accumulator


class OBV:
    """On-balance volume: volumes of rising values minus volumes of falling ones, in the volume's unit.

    Starts at the first volume, as TA-Lib; never NaN after it.  A pair with a NaN is passed over.  The sum is compensated
    (`Accumulator`).  Source: J. Granville, New Key to Stock Market Profits (1963); TA-Lib `OBV`.
    """

    def __init__(self) -> None:
        """Nothing traded yet."""
        self._last = nan
        self._total = Accumulator()

    @property
    def value(self) -> float:
        """The balance as of the last update; 0 before the first."""
        return self._total.value

    @property
    def ready(self) -> bool:
        """Whether a value has come."""
        return self._last == self._last

    def update(self, value: float, volume: float) -> float:
        """Take the next value (a close) and its volume and return the balance."""
        if value != value or volume - volume != 0.0:
            return nan
        if value < self._last:
            self._total.add(0.0 - volume)
        elif value > self._last or self._last != self._last:
            self._total.add(volume)
        self._last = value
        return self._total.value


class MFI:
    """Money flow index, 0 to 100: the share of money that flowed in at rising typical prices, over `period` bars.

    Money is `typical price * volume`, the typical price `(high + low + close) / 3`; money at a price unchanged on paper
    counts for neither side; 0 where less than 1 unit of money moved, as in TA-Lib.
    NaN for the first `period` bars and while a NaN is in the window.
    Source: G. Quong and A. Soudack, Technical Analysis of Stocks & Commodities, March 1989; TA-Lib `MFI`.
    """

    def __init__(self, period: int = 14) -> None:
        """Sum over `period` bars; raises `Setup` if it is not a whole number of at least 2."""
        self.period = whole(period, "period", "MFI", 2)
        self.value = nan
        self._last = nan
        self._started = False
        self._inflow = SUM(self.period)
        self._outflow = SUM(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        """Take the next bar and return the index."""
        typical = typical_price(high, low, close)
        last = self._last
        self._last = typical
        if not self._started:
            self._started = True
            return nan
        # The product keeps a NaN of this bar or the last in both windows.
        inflow = (typical - last) * volume * 0.0
        outflow = inflow
        if not same(typical, last):
            if typical > last:
                inflow = typical * volume
            elif typical < last:
                outflow = typical * volume
        return self._share(self._inflow.update(inflow), self._outflow.update(outflow))

    def _share(self, inflow: float, outflow: float) -> float:
        """The share of what flowed in."""
        both = inflow + outflow
        self.value = 100.0 * inflow / both if not both < 1.0 else 0.0
        return self.value


class VWAP:
    """Volume-weighted average price since the session began, in price units.

    `sum(typical price * volume) / sum(volume)` with the typical price `(high + low + close) / 3`; it starts anew when
    `session` changes (give `bar.session`; a constant never starts anew).  NaN until some volume has traded.
    A bar with a NaN is passed over.  TA-Lib has none.
    Source: S. A. Berkowitz, D. E. Logue, E. A. Noser, Journal of Finance 43 (1988).
    """

    def __init__(self) -> None:
        """Nothing traded yet."""
        self.value = nan
        self._session = -1
        self._money = Accumulator()
        self._volume = Accumulator()

    @property
    def ready(self) -> bool:
        """Whether volume has traded in this session."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float, volume: float, session: int) -> float:
        """Take the next bar and return the session's average price so far."""
        if session != self._session:
            self._session = session
            self._money.clear()
            self._volume.clear()
            self.value = nan
        typical = typical_price(high, low, close)
        money = typical * volume
        if money - money != 0.0:
            return nan
        self._money.add(money)
        self._volume.add(volume)
        traded = self._volume.value
        if traded > 0.0:
            self.value = self._money.value / traded
        return self.value


class RollingVWAP:
    """Volume-weighted average price of the last `period` bars, in price units.

    As `VWAP`, over a window: NaN for the first `period - 1` bars, while a NaN is in it, and where nothing traded.
    """

    def __init__(self, period: int = 20) -> None:
        """Average over `period` bars; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "RollingVWAP")
        self.value = nan
        self._money = SUM(self.period)
        self._volume = SUM(self.period)

    @property
    def ready(self) -> bool:
        """Whether the last result is a number."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        """Take the next bar and return the average price."""
        money = self._money.update(typical_price(high, low, close) * volume)
        traded = self._volume.update(volume)
        self.value = money / traded if traded > 0.0 else nan
        return self.value
