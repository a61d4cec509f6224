"""What a run leaves behind, as columns of numbers: orders, fills, trades, refusals, equity.

Each log is a class of arrays and a count.  A full log is lengthened by Python, never silently dropped: the kernel
leaves at the next event boundary when `crowded`, or at once when there is no room at all.
"""

from array import array

from stratofold.fold.ledger import integers, zeros
from stratofold.fold.marks import leaves_kernel


def double(column: "array[int] | array[float]") -> None:
    """Make `column` twice as long, the new half zero."""
    column.frombytes(bytes(len(column) * column.itemsize))


class Log:
    """Columns and a count of the rows written; what every log has."""

    __slots__: tuple[str, ...] = ()

    @leaves_kernel
    def grow(self) -> None:
        """Double every column."""
        for name in self.__slots__:
            if name != "count":
                double(getattr(self, name))


class FillLog(Log):
    """One row a fill."""

    __slots__ = ("count", "time", "number", "symbol", "side", "quantity", "price", "fee", "maker", "position")

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.time = integers(capacity)
        self.number = integers(capacity)
        self.symbol = integers(capacity)
        self.side = integers(capacity)
        self.quantity = zeros(capacity)
        self.price = zeros(capacity)
        self.fee = zeros(capacity)
        self.maker = integers(capacity)
        self.position = zeros(capacity)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count * 8 > len(self.time) * 7

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
        row = self.count
        if row == len(self.time):
            self.grow()
        self.time[row] = time
        self.number[row] = number
        self.symbol[row] = symbol
        self.side[row] = side
        self.quantity[row] = quantity
        self.price[row] = price
        self.fee[row] = fee
        self.maker[row] = 1 if maker else 0
        self.position[row] = position
        self.count = row + 1


class OrderLog(Log):
    """One row an order, written when it is done (or at the end, when it still works)."""

    __slots__ = (
        "average_price", "count", "decided", "done", "filled", "kind", "limit", "number", "parent", "quantity", "side",
        "state", "stop", "strategy", "symbol", "tif",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.number = integers(capacity)
        self.symbol = integers(capacity)
        self.strategy = integers(capacity)
        self.side = integers(capacity)
        self.kind = integers(capacity)
        self.tif = integers(capacity)
        self.state = integers(capacity)
        self.parent = integers(capacity)
        self.decided = integers(capacity)
        self.done = integers(capacity)
        self.quantity = zeros(capacity)
        self.limit = zeros(capacity)
        self.stop = zeros(capacity)
        self.filled = zeros(capacity)
        self.average_price = zeros(capacity)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count * 8 > len(self.number) * 7


class TradeLog(Log):
    """One row a round trip, flat to flat."""

    __slots__ = (
        "count", "symbol", "side", "opened", "closed", "quantity", "entry_price", "exit_price", "profit", "fees",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.symbol = integers(capacity)
        self.side = integers(capacity)
        self.opened = integers(capacity)
        self.closed = integers(capacity)
        self.quantity = zeros(capacity)
        self.entry_price = zeros(capacity)
        self.exit_price = zeros(capacity)
        self.profit = zeros(capacity)
        self.fees = zeros(capacity)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count * 8 > len(self.symbol) * 7


class RefusalLog(Log):
    """One row a refusal: the reason, the limit and what was observed against it."""

    __slots__ = ("count", "time", "number", "symbol", "side", "quantity", "reason", "limit", "observed")

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.time = integers(capacity)
        self.number = integers(capacity)
        self.symbol = integers(capacity)
        self.side = integers(capacity)
        self.reason = integers(capacity)
        self.quantity = zeros(capacity)
        self.limit = zeros(capacity)
        self.observed = zeros(capacity)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count * 8 > len(self.time) * 7

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
        """Write one row."""
        row = self.count
        if row == len(self.time):
            self.grow()
        self.time[row] = time
        self.number[row] = number
        self.symbol[row] = symbol
        self.side[row] = side
        self.reason[row] = reason
        self.quantity[row] = quantity
        self.limit[row] = limit
        self.observed[row] = observed
        self.count = row + 1


class EquityLog(Log):
    """One row a session's close: equity, cash and gross exposure in the base currency."""

    __slots__ = ("count", "time", "equity", "cash", "exposure")

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` rows."""
        self.count: int = 0
        self.time = integers(capacity)
        self.equity = zeros(capacity)
        self.cash = zeros(capacity)
        self.exposure = zeros(capacity)

    @property
    def crowded(self) -> bool:
        """Whether Python should lengthen the log at the next event boundary."""
        return self.count * 8 > len(self.time) * 7

    def add(self, time: int, equity: float, cash: float, exposure: float) -> None:
        """Write one row."""
        row = self.count
        if row == len(self.time):
            self.grow()
        self.time[row] = time
        self.equity[row] = equity
        self.cash[row] = cash
        self.exposure[row] = exposure
        self.count = row + 1


class Logs:
    """All logs of one run; `curve` has the equity after every bar when it was asked for, else it is empty."""

    __slots__ = ("curve", "equity", "fills", "orders", "refusals", "trades")

    def __init__(self, capacity: int = 256, sessions: int = 256, curve: int = 0) -> None:
        """Room for `capacity` rows each, `sessions` of equity, and `curve` bars of the full equity curve."""
        self.fills = FillLog(capacity)
        self.orders = OrderLog(capacity)
        self.trades = TradeLog(capacity)
        self.refusals = RefusalLog(capacity)
        self.equity = EquityLog(sessions)
        self.curve = zeros(curve)

    @property
    def crowded(self) -> bool:
        """Whether any log should be lengthened at this event boundary."""
        return (
            self.fills.crowded
            or self.orders.crowded
            or self.trades.crowded
            or self.refusals.crowded
            or self.equity.crowded
        )

    @leaves_kernel
    def make_room(self) -> None:
        """Make every crowded log four times as long: each time Python is asked costs as much as thousands of bars."""
        for log in (self.fills, self.orders, self.trades, self.refusals, self.equity):
            if log.crowded:
                log.grow()
                log.grow()
