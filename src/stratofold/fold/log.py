"""What a run leaves behind, as rows of numbers: orders, fills, trades, refusals, equity.

A log keeps the whole numbers of its rows in one array and the others in another, row after row: a row is written side
by side, and read out as columns when the run is over.  A full log is lengthened by Python, never silently dropped: the
kernel leaves at the next event boundary when `crowded`, or at once when there is no room at all.
"""

from array import array
from typing import Self

from stratofold.fold.ledger import integers, zeros
from stratofold.fold.marks import leaves_kernel, seldom, soon
from stratofold.fold.order import Order

_NEVER = 1 << 62  # rows: more than there will be
_LONG = 16_384  # rows: a shorter log is lengthened fourfold, because asking Python costs as much as thousands of bars


class Log:
    """Rows and their count; `WHOLES` and `REALS` name the columns of the two arrays.

    A log that does not keep its rows counts and does nothing else: what a row would hold is not even worked out, and as
    its class says so, machine code has nothing in it of rows.  One that does asks first whether the whole row lies inside, from its first number on: then machine code need not ask again
    for every number.
    """

    __slots__ = ("count", "full", "reals", "wholes")

    WHOLES: tuple[str, ...] = ()
    REALS: tuple[str, ...] = ()
    KEEPS_ROWS = True

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.full: int = capacity * 7 // 8 if self.KEEPS_ROWS else _NEVER
        self.wholes = integers(capacity * len(self.WHOLES))
        self.reals = zeros(capacity * len(self.REALS))

    @property
    def room(self) -> int:
        """How many rows there is room for."""
        return len(self.wholes) // len(self.WHOLES)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count > self.full

    @leaves_kernel
    def grow(self) -> None:
        """Double the log; what lies past its count means nothing."""
        self.wholes *= 2
        self.reals *= 2
        self.full = self.room * 7 // 8

    def make_room(self) -> None:
        """Lengthen a crowded log."""
        if self.crowded:
            self.grow()
            if self.room <= _LONG:
                self.grow()

    def column(self, name: str) -> "array[int] | array[float]":
        """The numbers of one column, for the rows that were written; raises ValueError for a name that is none."""
        names, numbers = (self.WHOLES, self.wholes) if name in self.WHOLES else (self.REALS, self.reals)
        width = len(names)
        return numbers[names.index(name) : self.count * width : width]

    def written(self) -> Self:
        """The rows that were written, in a log of their own that has no room for more."""
        rows = object.__new__(type(self))
        rows.count = rows.full = self.count
        rows.wholes = self.wholes[: self.count * len(self.WHOLES)]
        rows.reals = self.reals[: self.count * len(self.REALS)]
        return rows


class FillLog(Log):
    """One row a fill."""

    __slots__ = ()

    WHOLES = ("time", "number", "symbol", "side", "maker")
    REALS = ("quantity", "price", "fee", "position")

    def add(
        self,
        time: int,
        number: int,
        symbol: int,
        side: int,
        quantity: float,
        price: float,
        fee: float,
        maker: bool,
        position: float,
    ) -> None:
        """Write one row."""
        if not self.KEEPS_ROWS:
            self.count += 1
            return
        at = self.count * 5
        if not 0 <= at <= len(self.wholes) - 5:
            self.grow()
        self.wholes[at] = time
        self.wholes[at + 1] = number
        self.wholes[at + 2] = symbol
        self.wholes[at + 3] = side
        self.wholes[at + 4] = 1 if maker else 0
        at = self.count * 4
        if not 0 <= at <= len(self.reals) - 4:
            self.grow()
        self.reals[at] = quantity
        self.reals[at + 1] = price
        self.reals[at + 2] = fee
        self.reals[at + 3] = position
        soon(self.reals, at + 8)
        soon(self.wholes, self.count * 5 + 10)
        self.count += 1


class OrderLog(Log):
    """One row an order, written when it is done (or at the end, when it still works)."""

    __slots__ = ()

    WHOLES = ("number", "symbol", "strategy", "side", "kind", "tif", "state", "parent", "decided", "done")
    REALS = ("quantity", "limit", "stop", "filled", "average_price")

    def add(self, order: Order, time: int) -> None:
        """Write `order` as it is at `time`."""
        if self.KEEPS_ROWS:
            self._write(order, time)
        self.count += 1

    @seldom
    def _write(self, order: Order, time: int) -> None:
        """Write one row past the others."""
        at = self.count * 10
        if not 0 <= at <= len(self.wholes) - 10:
            self.grow()
        self.wholes[at] = order.number
        self.wholes[at + 1] = order.symbol
        self.wholes[at + 2] = order.strategy
        self.wholes[at + 3] = order.side
        self.wholes[at + 4] = order.kind
        self.wholes[at + 5] = order.tif
        self.wholes[at + 6] = order.state
        self.wholes[at + 7] = order.parent
        self.wholes[at + 8] = order.decided
        self.wholes[at + 9] = time
        at = self.count * 5
        if not 0 <= at <= len(self.reals) - 5:
            self.grow()
        self.reals[at] = order.quantity
        self.reals[at + 1] = order.limit
        self.reals[at + 2] = order.stop
        self.reals[at + 3] = order.filled
        self.reals[at + 4] = order.average_price
        soon(self.reals, at + 10)
        soon(self.wholes, self.count * 10 + 16)
        soon(self.wholes, self.count * 10 + 24)


class TradeLog(Log):
    """One row a round trip, flat to flat."""

    __slots__ = ()

    WHOLES = ("symbol", "side", "opened", "closed")
    REALS = ("quantity", "entry_price", "exit_price", "profit", "fees")

    def add(
        self,
        symbol: int,
        side: int,
        opened: int,
        closed: int,
        quantity: float,
        entry_price: float,
        exit_price: float,
        profit: float,
        fees: float,
    ) -> None:
        """Write one row; where none are kept, who closes a round trip counts it and works out no row."""
        at = self.count * 4
        if not 0 <= at <= len(self.wholes) - 4:
            self.grow()
        self.wholes[at] = symbol
        self.wholes[at + 1] = side
        self.wholes[at + 2] = opened
        self.wholes[at + 3] = closed
        at = self.count * 5
        if not 0 <= at <= len(self.reals) - 5:
            self.grow()
        self.reals[at] = quantity
        self.reals[at + 1] = entry_price
        self.reals[at + 2] = exit_price
        self.reals[at + 3] = profit
        self.reals[at + 4] = fees
        soon(self.reals, at + 10)
        soon(self.wholes, self.count * 4 + 8)
        self.count += 1


class RefusalLog(Log):
    """One row a refusal: the reason, the limit and what was observed against it."""

    __slots__ = ()

    WHOLES = ("time", "number", "symbol", "side", "reason")
    REALS = ("quantity", "limit", "observed")

    def add(
        self,
        time: int,
        number: int,
        symbol: int,
        side: int,
        quantity: float,
        reason: int,
        limit: float,
        observed: float,
    ) -> None:
        """Write one row; where none are kept, who refuses counts it and works out no row."""
        at = self.count * 5
        if not 0 <= at <= len(self.wholes) - 5:
            self.grow()
        self.wholes[at] = time
        self.wholes[at + 1] = number
        self.wholes[at + 2] = symbol
        self.wholes[at + 3] = side
        self.wholes[at + 4] = reason
        at = self.count * 3
        if not 0 <= at <= len(self.reals) - 3:
            self.grow()
        self.reals[at] = quantity
        self.reals[at + 1] = limit
        self.reals[at + 2] = observed
        self.count += 1


class FillCount(FillLog):
    """How many fills there were."""

    __slots__ = ()

    KEEPS_ROWS = False


class OrderCount(OrderLog):
    """How many orders are done."""

    __slots__ = ()

    KEEPS_ROWS = False


class TradeCount(TradeLog):
    """How many round trips there were."""

    __slots__ = ()

    KEEPS_ROWS = False


class RefusalCount(RefusalLog):
    """How many refusals there were."""

    __slots__ = ()

    KEEPS_ROWS = False


class EquityLog(Log):
    """One row a session's close: equity, cash and gross exposure in steps of the base currency.

    It is kept unless it is said that nobody reads it, as where the sums of a run are all that is wanted.
    """

    __slots__ = ("is_kept",)
    FIXED_IN_RUN = ("is_kept",)

    WHOLES = ("time",)
    REALS = ("equity", "cash", "exposure")

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        super().__init__(capacity)
        self.is_kept: bool = True

    @property
    def crowded(self) -> bool:
        """As of any log, if rows are kept."""
        return self.is_kept and self.count > self.full

    def written(self) -> Self:
        """As of any log."""
        rows = super().written()
        rows.is_kept = self.is_kept
        return rows

    def add(self, time: int, equity: float, cash: float, exposure: float) -> None:
        """Write one row, if they are kept."""
        if not self.is_kept:
            return
        row = self.count
        if row > self.full and row >= len(self.wholes):
            self.grow()
        self.count = row + 1
        self.wholes[row] = time
        reals = self.reals
        at = row * 3
        reals[at] = equity
        reals[at + 1] = cash
        reals[at + 2] = exposure


class Logs:
    """All logs of one run; `curve` has the equity after every bar when it was asked for, else it is empty."""

    __slots__ = ("curve", "equity", "fills", "orders", "refusals", "trades")

    def __init__(self, capacity: int = 256, sessions: int = 256, curve: int = 0) -> None:
        """Room for `capacity` rows each (with none they only count), `sessions` of equity, and `curve` bars of the full equity curve."""
        self.fills: FillLog = FillLog(capacity) if capacity else FillCount(0)
        self.orders: OrderLog = OrderLog(capacity) if capacity else OrderCount(0)
        self.trades: TradeLog = TradeLog(capacity) if capacity else TradeCount(0)
        self.refusals: RefusalLog = RefusalLog(capacity) if capacity else RefusalCount(0)
        self.equity = EquityLog(sessions)
        self.curve = zeros(curve)

    @property
    def crowded(self) -> bool:
        """Whether any log should be lengthened at this event boundary."""
        return self.equity.crowded or (
            self.fills.KEEPS_ROWS  # all four keep rows, or none does
            and (self.fills.crowded or self.orders.crowded or self.trades.crowded or self.refusals.crowded)
        )

    def written(self) -> "Logs":
        """The rows that were written, in logs of their own."""
        rows = object.__new__(Logs)
        for name in ("equity", "fills", "orders", "refusals", "trades"):
            setattr(rows, name, getattr(self, name).written())
        rows.curve = self.curve
        return rows

    @leaves_kernel
    def make_room(self) -> None:
        """Lengthen every crowded log."""
        for log in (self.fills, self.orders, self.trades, self.refusals, self.equity):
            log.make_room()
