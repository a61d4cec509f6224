"""What an order is: kinds, times in force, roles, and the records of a wish (`Intent`) and of what works (`Order`).

An intent is what the strategy wants, before risk has spoken; an order is what was approved; a message is what goes to
the venue.  All three are reused slots of a table: their numbers are copied, never the objects.
"""

from array import array
from math import nan
from typing import TYPE_CHECKING, Generic, TypeVar

from stratofold.fold.grid import to_grid
from stratofold.fold.marks import inside, leaves_kernel, seldom

if TYPE_CHECKING:
    from collections.abc import Iterator

BUY, SELL = 1, -1
FOREVER = 9223372036854775807  # nanoseconds: the end of time

# Kinds of order.
MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING = range(5)

# Times in force.
GTC, DAY, IOC, FOK, AT_CLOSE, POST_ONLY = range(6)  # POST_ONLY is GTC that never takes; quotes and depth know it

# What an order is for.
PLAIN, TARGET, TAKE_PROFIT, STOP_LOSS = range(4)

# What an intent or a message asks for.
SUBMIT, CANCEL, REPLACE = range(3)

KIND_NAMES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TIF_NAMES = ("gtc", "day", "ioc", "fok", "at_close", "post_only")
ROLE_NAMES = ("plain", "target", "take_profit", "stop_loss")


class OrderError(ValueError):
    """A word on the book that cannot be an order: the symbol handle, what is wrong, and the fix."""

    def __init__(self, what: str, symbol: int = -1, fix: str = "") -> None:
        """Keep the parts for the edge, where handles become names."""
        super().__init__(what)
        self.what = what
        self.symbol = symbol
        self.fix = fix


class Intent:
    """What the strategy wants of one order; `action` -1 is an intent that was withdrawn."""

    __slots__ = (
        "action", "kind", "limit", "number", "quantity", "role", "sibling", "side", "stop", "stop_loss",
        "stop_loss_number", "symbol", "take_profit", "take_profit_number", "tif", "trail", "trail_fraction",
    )  # fmt: skip

    def __init__(self) -> None:
        """An empty slot."""
        self.action: int = SUBMIT
        self.number: int = 0
        self.symbol: int = 0
        self.side: int = 0
        self.kind: int = MARKET
        self.tif: int = GTC
        self.role: int = PLAIN
        self.quantity: float = 0.0
        self.limit: float = nan
        self.stop: float = nan
        self.trail: float = nan
        self.trail_fraction: float = nan
        self.take_profit: float = nan
        self.stop_loss: float = nan
        self.take_profit_number: int = 0
        self.stop_loss_number: int = 0
        self.sibling: int = 0


class Order:
    """One order: what was asked, what was filled, and how it hangs together with others.

    `quantity` is the total asked for; `filled` of it is done.  `trail` is the distance of a trailing stop in price.
    `parent` is the entry whose protective leg this is, `sibling` the other order of a one-cancels-other pair.
    `arrives` is when the venue last spoke of it.  `replacing` replaces are under way: `asked` is how much more the largest
    of them would make it, and `sought` the total that the last one asks for.  `wanted` is the total when none is.
    `stop` is what the venue has confirmed; `sought_stop` of a trailing one is where it shall move, NaN when it is there.
    Where a replace has made a new order of it at the venue, `venue` is a number for that one and `carried` what others before
    it have filled.
    """

    __slots__ = (
        "arrives", "asked", "cancelling", "carried", "decided", "filled", "filled_value", "kind", "limit", "number", "parent",
        "quantity", "replacing", "role", "sibling", "side", "sought", "sought_stop", "state", "stop", "stop_loss_number",
        "strategy", "symbol", "take_profit_number", "tif", "trail", "trail_fraction", "venue", "wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        """An empty slot."""
        self.number: int = 0
        self.symbol: int = 0
        self.strategy: int = 0
        self.side: int = 0
        self.kind: int = MARKET
        self.tif: int = GTC
        self.role: int = PLAIN
        self.state: int = 0
        self.quantity: float = 0.0
        self.filled: float = 0.0
        self.filled_value: float = 0.0
        self.limit: float = nan
        self.stop: float = nan
        self.trail: float = nan
        self.trail_fraction: float = nan
        self.decided: int = 0
        self.parent: int = 0
        self.sibling: int = 0
        self.take_profit_number: int = 0
        self.stop_loss_number: int = 0
        self.cancelling: bool = False
        self.arrives: int = 0
        self.asked: float = 0.0
        self.replacing: int = 0
        self.sought: float = nan
        self.sought_stop: float = nan
        self.wanted: float = nan
        self.venue: int = 0
        self.carried: float = 0.0

    @property
    def remaining(self) -> float:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> float:
        """The mean price of what was filled, NaN before."""
        return self.filled_value / self.filled if self.filled > 0.0 else nan


class Resting:
    """One order as the venue knows it; it may take part in bars that began at `arrives` or later.

    `phase_from` is the first phase it may act in (a leg born inside a bar), `bar_filled` the last bar it had its turn in.
    """

    __slots__ = (
        "arrives", "bar_filled", "expires", "filled", "kind", "limit", "number", "phase_from", "quantity", "side", "stop",
        "symbol", "tif", "triggered",
    )  # fmt: skip

    def __init__(self) -> None:
        """An empty slot."""
        self.number: int = 0
        self.symbol: int = 0
        self.side: int = 0
        self.kind: int = MARKET
        self.tif: int = GTC
        self.quantity: float = 0.0
        self.filled: float = 0.0
        self.limit: float = nan
        self.stop: float = nan
        self.arrives: int = 0
        self.expires: int = FOREVER
        self.triggered: bool = False
        self.phase_from: int = 0
        self.bar_filled: int = -1

    @property
    def remaining(self) -> float:
        """What is still to be filled."""
        return self.quantity - self.filled

    def remaining_on(self, scale: float) -> float:
        """What is still to be filled, on the quantity's grid of `scale`."""
        return self.quantity if self.filled == 0.0 else to_grid(self.quantity - self.filled, scale)


Each = TypeVar("Each", bound="Order | Resting")


class Orders(Generic[Each]):
    """A table of orders that are not done, in order of number: `len(orders)`, `orders[k]`, `for order in orders`."""

    __slots__ = ("count", "free", "free_count", "live", "slots")

    def __init__(self, kind: type[Each], capacity: int) -> None:
        """Room for `capacity` orders of one kind; the table grows when it must."""
        self.slots: list[Each] = [kind() for _ in range(capacity)]
        self.live: array[int] = array("q", bytes(8 * capacity))
        self.free: array[int] = array("q", range(capacity - 1, -1, -1))
        self.count: int = 0
        self.free_count: int = capacity

    def __len__(self) -> int:
        """How many orders are not done."""
        return self.count

    def __getitem__(self, index: int) -> Each:
        """The order at `index` in order of number; raises IndexError past the end."""
        if index < 0 or index >= self.count:
            raise IndexError("no such order")
        return self.at(index)

    @inside("index", "live")
    @inside("slot", "slots")
    def at(self, index: int) -> Each:
        """The order at an `index` at which there is one."""
        live = self.live
        slots = self.slots
        slot = live[index]
        return slots[slot]

    def __iter__(self) -> "Iterator[Each]":
        """The orders in order of number, as they are now; machine code counts through them instead."""
        return iter([self.slots[slot] for slot in self.live[: self.count]])

    @leaves_kernel
    def grow(self) -> None:
        """Double the table."""
        before = len(self.slots)
        kind = type(self.slots[0])
        self.slots.extend(kind() for _ in range(before))
        self.live.frombytes(bytes(8 * before))
        self.free.frombytes(bytes(8 * before))
        for slot in range(2 * before - 1, before - 1, -1):
            self.free[self.free_count] = slot
            self.free_count += 1

    @inside("last", "free")
    @inside("slot", "slots")
    @inside("place", "live")
    def add(self, number: int) -> Each:
        """A slot for order `number`, with another order's numbers in it: whoever adds it writes every one.

        `number` must be above every number added so far unless it keeps the order.
        """
        if self.free_count == 0:
            self.grow()
        last = self.free_count - 1
        self.free_count = last
        free = self.free
        live = self.live
        slots = self.slots
        slot = free[last]
        place = self.count
        while place > 0 and slots[live[place - 1]].number > number:
            live[place] = live[place - 1]
            place -= 1
        live[place] = slot
        self.count += 1
        order = slots[slot]
        order.number = number
        return order

    def after(self, number: int) -> int:
        """The index of the first order whose number is above `number`."""
        low = 0
        high = self.count
        while low < high:
            middle = (low + high) // 2
            if self.slots[self.live[middle]].number > number:
                high = middle
            else:
                low = middle + 1
        return low

    @inside("place", "live")
    @inside("slot", "slots")
    def index(self, number: int) -> int:
        """The index of order `number`, -1 if it is not here; the newest, the oldest, and any behind which none is done, at once."""
        place = self.count - 1
        if place < 0:
            return -1
        live = self.live
        slots = self.slots
        slot = live[place]
        newest = slots[slot].number
        if newest == number:
            return place
        if place == 0 or newest < number:
            return -1
        place = 0
        slot = live[place]
        oldest = slots[slot].number
        return place if oldest == number else self._index(number, oldest)

    @seldom
    def _index(self, number: int, oldest: int) -> int:
        """As `index`, of one that is neither the newest nor the oldest, whose number that is."""
        near = number - oldest
        if 0 <= near < self.count and self.slots[self.live[near]].number == number:
            return near
        place = self.after(number) - 1
        if place >= 0 and self.slots[self.live[place]].number == number:
            return place
        return -1

    @inside("spare", "free")
    @inside("index", "live")
    def remove(self, index: int) -> None:
        """Take the order at `index`, where there is one, out of the table."""
        live = self.live
        free = self.free
        spare = self.free_count
        free[spare] = live[index]
        self.free_count = spare + 1
        self.count -= 1
        for k in range(index, self.count):
            live[k] = live[k + 1]


class Message:
    """What leaves the book for the venue: submit, cancel or replace order `number`; a `prompt` one has no latency."""

    __slots__ = (
        "action", "decided", "kind", "limit", "number", "prompt", "quantity", "side", "stop", "symbol", "tif",
    )  # fmt: skip

    def __init__(self) -> None:
        """An empty slot."""
        self.action: int = SUBMIT
        self.number: int = 0
        self.symbol: int = 0
        self.side: int = 0
        self.kind: int = MARKET
        self.tif: int = GTC
        self.quantity: float = 0.0
        self.limit: float = nan
        self.stop: float = nan
        self.decided: int = 0
        self.prompt: bool = False


class Contract:
    """The numbers of one instrument that the fold needs (the edge's `Instrument` has the names)."""

    __slots__ = (
        "borrow", "currency", "lot", "maintenance", "margin", "margined", "money_scale", "multiplier", "price_scale",
        "quantity_scale",
    )  # fmt: skip
    FIXED_IN_RUN = ("borrow", "currency", "lot", "maintenance", "margin", "margined", "multiplier", "quantity_scale")

    def __init__(self) -> None:
        """A paid instrument in the base currency: cents, whole shares, no margin."""
        self.currency: int = 0
        self.margined: bool = False
        self.price_scale: float = 100.0
        self.quantity_scale: float = 1.0
        self.lot: float = 1.0
        self.multiplier: float = 1.0
        self.margin: float = 1.0
        self.maintenance: float = 0.0
        self.borrow: float = 0.0
        self.money_scale: float = 100.0
