"""What a bar says beyond its close: how far it reaches, averaged, and where its middle is.

High, low and close come in; a true range, its average or a typical price goes out, in price units (NATR: in per cent).
"""

from math import nan

from stratofold.fold.indicators.arguments import whole

SAME = 2e-15  # nine units in the last place of 1


def true_range(high: float, low: float, last_close: float) -> float:
    """The bar's range, stretched to the close before it where that lies outside.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), chapter 3.
    """
    widest = high - low
    if abs(high - last_close) > widest:
        widest = abs(high - last_close)
    if abs(low - last_close) > widest:
        widest = abs(low - last_close)
    return widest


def typical_price(high: float, low: float, close: float) -> float:
    """The bar's middle, `(high + low + close) / 3`."""
    return (high + low + close) / 3.0


def same(one: float, other: float) -> bool:
    """Whether two typical prices (or their means) are equal on paper.

    Three decimals added and divided by three differ from other three of the same sum by a few units in the last place;
    a tenth of a cent on a price of a billion differs by more.
    """
    return abs(one - other) <= SAME * abs(one)


class TRANGE:
    """True range of each bar, in price units: the bar's range, stretched to the close before.

    NaN for the first bar.  A bar with a NaN is passed over.  Source: Wilder (1978); TA-Lib `TRANGE`.
    """

    def __init__(self) -> None:
        """No bar yet."""
        self.value = nan
        self._last_close = nan

    @property
    def ready(self) -> bool:
        """Whether two bars have come."""
        return self.value == self.value

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return its true range."""
        if high != high or low != low or close != close:
            return nan
        if self._last_close == self._last_close:
            self.value = true_range(high, low, self._last_close)
        self._last_close = close
        return self.value


class ATR:
    """Average true range, in price units: Wilder's smoothing `value += (true range - value) / period`.

    Seeded with the mean of the first `period` true ranges, of which the first is the second bar's; NaN for the first
    `period` bars.  A bar with a NaN is passed over.  Source: Wilder (1978); TA-Lib `ATR` (unstable period 0).
    """

    def __init__(self, period: int = 14) -> None:
        """Average over `period` ranges; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "ATR")
        self.value = nan
        self._last_close = nan
        self._seed = 0.0
        self._missing = self.period

    @property
    def ready(self) -> bool:
        """Whether `period + 1` bars have come."""
        return self._missing == 0

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return the average."""
        if high != high or low != low or close != close:
            return nan
        last_close = self._last_close
        self._last_close = close
        if last_close != last_close:
            return nan
        widest = true_range(high, low, last_close)
        if self._missing == 0:
            self.value = (self.value * (self.period - 1) + widest) / self.period
        else:
            self._seed += widest
            self._missing -= 1
            if self._missing == 0:
                self.value = self._seed / self.period
        return self.value


class NATR:
    """Average true range in per cent of the close: `100 * ATR / close`.

    NaN for the first `period` bars; 0 where the close is 0, as in TA-Lib.  A bar with a NaN is passed over.
    Source: J. Forman, Technical Analysis of Stocks & Commodities, May 2006; TA-Lib `NATR`.
    """

    def __init__(self, period: int = 14) -> None:
        """Average over `period` ranges; raises `Setup` if it is not a whole number of at least 1."""
        self.period = whole(period, "period", "NATR")
        self.value = nan
        self._average = ATR(self.period)

    @property
    def ready(self) -> bool:
        """Whether `period + 1` bars have come."""
        return self._average.ready

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar and return its normalised average range."""
        average = self._average.update(high, low, close)
        if average != average:
            return nan
        self.value = 100.0 * average / close if close != 0.0 else 0.0
        return self.value
