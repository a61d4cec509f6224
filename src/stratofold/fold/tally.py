"""Streaming statistics: no array of bars times anything, whatever the length of the run.

What comes in: the equity after every event, fills, money paid.  What goes out: sums from which `research/result.py`
makes the statistics by name.  Returns are sampled at the close of each session that had a bar; drawdown is on every
event; a trade is a round trip flat to flat.
"""

from array import array
from math import inf, nan, sqrt

from stratofold.fold.grid import STEPS_MAX
from stratofold.fold.ledger import Ledger
from stratofold.fold.log import TradeLog
from stratofold.fold.marks import inside, often, seldom

NANOSECONDS_A_DAY = 86_400_000_000_000
LANES = 8
LAST_LANE = LANES - 1
_NOTHING = [0.0] * LANES
SHIFTED_EVERY = 16  # times as many sessions
SPLITTER = 35_184_372_088_833.0  # 2**45 + 1 leaves 8 of the 53 bits


class RoundTrip:
    """What one symbol was traded for since it was last flat; `side` 0 is none open, amounts are in steps.

    `bought_value` and `sold_value` are sums of quantity times price.
    """

    __slots__ = ("bought", "bought_value", "fees", "flow", "opened", "quantity", "side", "sold", "sold_value")

    def __init__(self) -> None:
        """Nothing is open."""
        self.begin(0)
        self.begin_row(0.0, 0)

    def begin(self, side: int) -> None:
        """A round trip begins."""
        self.side: int = side
        self.flow: float = 0.0
        self.fees: float = 0.0

    def begin_row(self, quantity: float, time: int) -> None:
        """What the row of a round trip will say, where rows are kept."""
        self.opened: int = time
        self.quantity: float = quantity
        self.bought: float = 0.0
        self.bought_value: float = 0.0
        self.sold: float = 0.0
        self.sold_value: float = 0.0

    def add(self, side: int, value: float, fee: float) -> None:
        """Part of the round trip: money in or out."""
        self.flow -= side * value
        self.fees += fee

    def add_row(self, side: int, quantity: float, price: float, held: float) -> None:
        """What the row will say of that part, after which `held` is held."""
        self.quantity = max(self.quantity, abs(held))
        if side > 0:
            self.bought += quantity
            self.bought_value += quantity * price
        else:
            self.sold += quantity
            self.sold_value += quantity * price


class Tally:
    """Sums over sessions, the deepest and longest drawdown, and the open round trip of each symbol."""

    __slots__ = (
        "bar_count", "downside", "drawdown", "drawdown_length", "exposure_sum", "fees_steps", "first_steps", "free",
        "gross_loss", "gross_profit", "in_market_count", "inverse", "is_dated", "last_steps", "mean_equity_sum",
        "moved_count", "peak_steps", "peak_time", "risk_free", "session_count", "shift", "shift_due",
        "shifted_squares", "shifted_sum", "start_time", "time", "trade_count", "traded_value", "trips",
        "trough_steps", "win_count", "below", "exposed", "lows", "marks", "shifted", "squared", "sums",
    )  # fmt: skip
    FIXED_IN_RUN = (
        "below", "exposed", "free", "is_dated", "lows", "marks", "risk_free", "shifted", "squared", "sums", "trips"
    )  # fmt: skip
    CONTENT = ("lows", "marks", "sums")  # a leap's own, which it fills before it reads them (`fold.leap`): no state
    HOLDS_WITHIN = ("trips",)
    HOLDS_EIGHT = ("below", "exposed", "lows", "marks", "shifted", "squared", "sums")

    def __init__(self, symbol_count: int, equity_steps: float, risk_free: "array[float]") -> None:
        """`risk_free` is the rate a session: one number, or one for each session of the calendar's slice."""
        self.risk_free = risk_free
        self.is_dated: bool = len(risk_free) != 1
        self.free: float = 0.0 if self.is_dated else risk_free[0]
        self.first_steps: float = equity_steps
        self.last_steps: float = equity_steps
        self.inverse: float = 1.0 / equity_steps if equity_steps > 0.0 else 0.0
        self.peak_steps: float = equity_steps
        self.trough_steps: float = equity_steps
        self.drawdown: float = 0.0
        self.drawdown_length: int = 0
        self.peak_time: int = 0
        self.start_time: int = 0
        self.time: int = 0
        self.bar_count: int = 0
        self.session_count: int = 0
        self.moved_count: int = 0
        self.shift: float = 0.0
        self.shift_due: int = 1
        self.shifted = array("d", _NOTHING)
        self.squared = array("d", _NOTHING)
        self.below = array("d", _NOTHING)
        self.exposed = array("d", _NOTHING)
        self.sums = array("d", _NOTHING)
        self.lows = array("d", _NOTHING)
        self.marks = array("d", _NOTHING)
        self.shifted_sum: float = 0.0
        self.shifted_squares: float = 0.0
        self.downside: float = 0.0
        self.exposure_sum: float = 0.0
        self.mean_equity_sum: float = 0.0
        self.in_market_count: int = 0
        self.traded_value: float = 0.0
        self.fees_steps: float = 0.0
        self.trade_count: int = 0
        self.win_count: int = 0
        self.gross_profit: float = 0.0
        self.gross_loss: float = 0.0
        self.trips: list[RoundTrip] = [RoundTrip() for _ in range(symbol_count)]

    def observe(self, equity_steps: float, time: int) -> None:
        """The equity after an event that may have moved it: peaks, troughs, drawdowns."""
        if equity_steps > self.peak_steps:
            if self.trough_steps < self.peak_steps:
                self._close_drawdown(time)
            self.peak_steps = equity_steps
            self.trough_steps = equity_steps
            self.peak_time = time
        elif equity_steps < self.trough_steps:
            self.trough_steps = equity_steps

    def sink(self, equity_steps: float) -> None:
        """An equity that was no new peak, before what is observed next: a trough perhaps."""
        if equity_steps < self.trough_steps:
            self.trough_steps = equity_steps

    @seldom
    def _close_drawdown(self, time: int) -> None:
        """Compare the drawdown from the last peak with the deepest and the longest."""
        depth = self.depth
        if depth > self.drawdown:
            self.drawdown = depth
        length = time - self.peak_time
        if length > self.drawdown_length:
            self.drawdown_length = length

    @property
    def depth(self) -> float:
        """How far the trough lies below the last peak, as a fraction of the peak."""
        if self.peak_steps <= 0.0:
            return 0.0
        return 1.0 - self.trough_steps / self.peak_steps

    def begin(self, time: int) -> None:
        """The first event's time: drawdown and CAGR count from here."""
        self.start_time = time
        self.peak_time = time

    def flow(self, steps: float) -> None:
        """Money put in or taken out: it is no return, so every level moves with it."""
        self.first_steps += steps
        self.last_steps += steps
        self.inverse = 1.0 / self.last_steps if self.last_steps > 0.0 else 0.0
        self.peak_steps += steps
        self.trough_steps += steps

    @inside("lane", "exposed")
    def sample(self, equity_steps: float, gross_steps: float, session: int, time: int) -> None:
        """A session has closed: one return, one sample of exposure.

        Mean and spread are of shifted sums (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The
        American Statistician 37(3), 1983): from one session to the next each is one addition.  A session without any
        excess return, as most without a position are, is only counted.  Each sum is kept in eight, of every eighth session,
        so that eight sessions are added at once.
        """
        self.time = time
        self.session_count += 1
        self.mean_equity_sum += equity_steps
        excess = 0.0 - self.free
        if equity_steps != self.last_steps:
            excess = self._turn_to(equity_steps) - self.free
        if self.is_dated:
            excess -= self._free(session)
        lane = self.session_count & LAST_LANE
        if excess != 0.0:
            self._move(excess, lane)
        if gross_steps > 0.0:
            self.in_market_count += 1
            exposed = self.exposed
            exposed[lane] += gross_steps * self.inverse

    @often
    def _turn_to(self, equity_steps: float) -> float:
        """The return from the session before to this one's equity, which is another.

        The difference of whole steps is exact, so that a small return has as many digits as a large one.
        """
        simple = (equity_steps - self.last_steps) * self.inverse if self.last_steps > 0.0 else 0.0
        self.last_steps = equity_steps
        self.inverse = 1.0 / equity_steps if equity_steps > 0.0 else 0.0
        return simple

    @often
    @inside("lane", "shifted", "squared", "below")
    def _move(self, excess: float, lane: int) -> None:
        """An excess return that is not 0."""
        self.moved_count += 1
        count = self.moved_count
        if count == self.shift_due:
            self._shift_to(excess, count)
        apart = excess - self.shift
        shifted = self.shifted
        squared = self.squared
        below = self.below
        shifted[lane] += apart
        squared[lane] += apart * apart
        below[lane] += excess * excess if excess < 0.0 else 0.0  # a jump here would be guessed wrong every other time

    def add_up(self) -> None:
        """Put the sums together: `shifted_sum`, `shifted_squares`, `downside` and `exposure_sum` are those of all sessions."""
        self.shifted_sum = total_of(self.shifted)
        self.shifted_squares = total_of(self.squared)
        self.downside = total_of(self.below)
        self.exposure_sum = total_of(self.exposed)

    def stand(self, count: int) -> None:
        """So many sessions have closed in which equity stood still and nothing was held, the rate free of risk being 0."""
        self.session_count += count
        total = self.mean_equity_sum + count * self.last_steps
        if total < STEPS_MAX:  # whole steps: their sum is the same in one go
            self.mean_equity_sum = total
            return
        for _ in range(count):
            self.mean_equity_sum += self.last_steps

    @seldom
    def _shift_to(self, excess: float, count: int) -> None:
        """The shift becomes the first excess return, and about their mean so far at every sixteen times as many.

        About the mean of the first m of n, squares sum to at most n / m times their sum about the mean of all, whatever the
        returns are; so an outlier that came first costs a digit and no more (docs/numbers.md).
        It moves by eight bits (Dekker, "A floating-point technique for extending the available precision", Numerische
        Mathematik 18, 1971): what it makes of a return of the first session's kind is as short.
        """
        before = count - 1
        shift = excess
        total = total_of(self.shifted)
        if before > 0:
            far = total / before
            wide = far * SPLITTER
            shift = self.shift + (wide - (wide - far))
        step = shift - self.shift
        self.squared[0] -= step * (2.0 * total - before * step)
        self.shifted[0] -= before * step
        self.shift = shift
        self.shift_due = count * SHIFTED_EVERY

    @property
    def _mean_moved(self) -> float:
        """The mean of the excess returns that are not 0; 0 where there is none."""
        return self.shift + self.shifted_sum / self.moved_count if self.moved_count > 0 else 0.0

    @property
    def mean(self) -> float:
        """The mean excess return of a session, of sums that have been put together (`add_up`); 0 before the first."""
        return self._mean_moved * (self.moved_count / self.session_count) if self.session_count > 0 else 0.0

    @property
    def spread(self) -> float:
        """The sum of squared deviations of excess returns from their mean; exactly 0 where all are the same.

        Of those that are not 0 about their own mean, and of these together with those that are 0 (Chan, Golub and LeVeque).
        """
        count = self.moved_count
        if count == 0:
            return 0.0
        apart = max(self.shifted_squares - self.shifted_sum * (self.shifted_sum / count), 0.0)
        mean = self._mean_moved
        return apart + mean * mean * (count * ((self.session_count - count) / self.session_count))

    @seldom
    def _free(self, session: int) -> float:
        """The risk-free return of this session."""
        return self.risk_free[session] if 0 <= session < len(self.risk_free) else 0.0

    @inside("symbol", "holdings", "trips")
    def fill(self, ledger: Ledger, log: TradeLog, symbol: int, side: int, quantity: float, price: float, value: float,
             fee_steps: float, time: int, before: float) -> None:  # fmt: skip
        """Count a fill of `value` steps toward the round trip of its symbol; `before` is the position it met."""
        holdings = ledger.holdings
        trips = self.trips
        holding = holdings[symbol]
        trip = trips[symbol]
        self.traded_value += ledger.base_steps(holding.currency, value)
        self.fees_steps += ledger.base_steps(holding.currency, fee_steps)
        after = holding.quantity
        if before * after < 0.0:
            self._turn(ledger, log, symbol, side, quantity, price, value, fee_steps, time, before)
            return
        if before == 0.0:
            trip.begin(side)
            if log.KEEPS_ROWS:
                trip.begin_row(quantity, time)
        trip.add(side, value, fee_steps)
        if log.KEEPS_ROWS:
            trip.add_row(side, quantity, price, after)
        if before != 0.0 and after == 0.0:
            self._close(ledger, log, symbol, time)

    @seldom
    def _turn(self, ledger: Ledger, log: TradeLog, symbol: int, side: int, quantity: float, price: float, value: float,
              fee_steps: float, time: int, before: float) -> None:  # fmt: skip
        """As `fill`, of one that ends a round trip and begins another."""
        trip = self.trips[symbol]
        closing = abs(before)
        closing_value = abs(ledger.value_steps(symbol, closing, price))
        share = fee_steps * closing / quantity
        trip.add(side, closing_value, share)
        if log.KEEPS_ROWS:
            trip.add_row(side, closing, price, 0.0)
        self._close(ledger, log, symbol, time)
        after = ledger.holdings[symbol].quantity
        trip.begin(side)
        trip.add(side, value - closing_value, fee_steps - share)
        if log.KEEPS_ROWS:
            trip.begin_row(abs(after), time)
            trip.add_row(side, abs(after), price, after)

    def credit(self, symbol: int, steps: float) -> None:
        """Money that came with the position (dividend, funding, borrowing) belongs to its round trip."""
        self.trips[symbol].flow += steps

    def split(self, symbol: int, ratio: float) -> None:
        """The open round trip goes on in new units."""
        trip = self.trips[symbol]
        trip.quantity *= ratio
        trip.bought *= ratio
        trip.sold *= ratio

    @often
    def _close(self, ledger: Ledger, log: TradeLog, symbol: int, time: int) -> None:
        """The round trip is over: count it and write it down."""
        trip = self.trips[symbol]
        scale = ledger.holdings[symbol].money_scale
        profit = trip.flow - trip.fees
        base = ledger.base_steps(ledger.holdings[symbol].currency, profit) / ledger.scale[0]
        self.trade_count += 1
        has_won = profit > 0.0
        self.win_count += 1 if has_won else 0  # a jump here would be guessed wrong every other time
        self.gross_profit += base if has_won else 0.0
        self.gross_loss -= 0.0 if has_won else base
        if log.KEEPS_ROWS:
            bought = trip.bought_value / trip.bought if trip.bought > 0.0 else nan
            sold = trip.sold_value / trip.sold if trip.sold > 0.0 else nan
            long = trip.side > 0
            log.add(
                symbol, trip.side, trip.opened, time, trip.quantity, bought if long else sold, sold if long else bought,
                profit / scale, trip.fees / scale,
            )  # fmt: skip
        else:
            log.count += 1
        trip.side = 0

    def settle(self, ledger: Ledger, log: TradeLog, symbol: int, quantity: float, price: float, time: int) -> None:
        """A position was closed for us (delisting, expiry, a fraction paid): `quantity` signed, already gone."""
        trip = self.trips[symbol]
        if trip.side == 0:
            return
        side = -1 if quantity > 0.0 else 1
        value = abs(ledger.value_steps(symbol, quantity, price))
        trip.add(side, value, 0.0)
        if log.KEEPS_ROWS:
            trip.add_row(side, abs(quantity), price, 0.0)
        self._close(ledger, log, symbol, time)


def total_of(lanes: "array[float]") -> float:
    """The sum of eight sums."""
    total = 0.0
    for each in lanes:
        total += each
    return total


def least_of(lanes: "array[float]") -> float:
    """The least of eight numbers."""
    least = lanes[0]
    for each in lanes:
        least = min(least, each)
    return least


def a_year(total: float, years: float) -> float:
    """What a total return is a year, compounded; NaN where there is no such number, infinite where there is no room for it."""
    if not (years > 0.0 and total > -1.0):
        return nan
    try:
        return float((1.0 + total) ** (1.0 / years)) - 1.0
    except OverflowError:
        return inf


def statistics(tally: Tally, ledger: Ledger, sessions_per_year: float) -> dict[str, float]:
    """The statistics by name, from sums that have been put together (`Tally.add_up`).

    Returns are simple, a session; Sharpe is mean excess return over its sample standard deviation (ddof 1) times the
    root of sessions a year (Sharpe 1994); Sortino divides by the root of the mean squared negative excess over all
    sessions (Sortino and Price 1994); Calmar is CAGR over maximum drawdown; CAGR compounds over sessions a year.
    What cannot be computed is NaN.
    """
    scale = ledger.scale[0]
    final = ledger.equity_steps
    count = tally.session_count
    depth = max(tally.drawdown, tally.depth)
    length = tally.drawdown_length
    if tally.trough_steps < tally.peak_steps:
        length = max(length, tally.time - tally.peak_time)
    total = final / tally.first_steps - 1.0 if tally.first_steps > 0.0 else nan
    years = count / sessions_per_year
    cagr = a_year(total, years)
    deviation = sqrt(tally.spread / (count - 1)) if count > 1 else nan
    below = sqrt(tally.downside / count) if count > 0 else nan
    root = sqrt(sessions_per_year)
    mean_equity = tally.mean_equity_sum / count / scale if count else nan
    trades = tally.trade_count
    return {
        "final_equity": final / scale,
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation * root,
        "sharpe": tally.mean / deviation * root if deviation > 0.0 else nan,
        "sortino": tally.mean / below * root if below > 0.0 else nan,
        "calmar": cagr / depth if depth > 0.0 else nan,
        "max_drawdown": depth,
        "max_drawdown_days": length / NANOSECONDS_A_DAY,
        "exposure": tally.exposure_sum / count if count else nan,
        "time_in_market": tally.in_market_count / count if count else nan,
        "turnover": tally.traded_value / scale / mean_equity / years if years > 0.0 and mean_equity > 0.0 else nan,
        "trades": float(trades),
        "win_rate": tally.win_count / trades if trades else nan,
        "profit_factor": tally.gross_profit / tally.gross_loss
        if tally.gross_loss > 0.0
        else (inf if tally.gross_profit > 0.0 else nan),
        "gross_profit": tally.gross_profit,
        "gross_loss": tally.gross_loss,
        "fees": tally.fees_steps / scale,
        "traded_value": tally.traded_value / scale,
        "sessions": float(count),
        "bars": float(tally.bar_count),
    }
