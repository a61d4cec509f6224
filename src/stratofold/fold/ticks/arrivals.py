"""How messages come to a venue that never stops trading: each arrives at its own time and meets the market as it stands.

What comes in: submit, cancel and replace, each with its latency.  What goes out: one message after another, in order of
arrival, when everything of times up to its arrival has been heard.
"""

from math import inf, nan

from stratofold.fold.desk import Costs, copy_message
from stratofold.fold.ledger import Ledger
from stratofold.fold.marks import seldom
from stratofold.fold.order import FOREVER, SUBMIT, Message, Orders, Resting
from stratofold.fold.sessions import Sessions
from stratofold.fold.ticks.queue import Queue
from stratofold.fold.venue import Venue

# How far an order has come: under way; at the market, where it takes or waits for something to take; in its place.
UNDER_WAY, AT_MARKET, IN_PLACE = range(3)


class Queued(Resting):
    """An order as a venue with a queue knows it.

    `ahead` must trade at its price before it does (inf: nobody knows how much), `traded` of that was not yet seen to
    leave its `level` (-1: none).
    """

    __slots__ = ("ahead", "level", "phase", "traded")

    def __init__(self) -> None:
        """An empty slot."""
        super().__init__()
        self.phase: int = UNDER_WAY
        self.level: int = -1
        self.ahead: float = inf
        self.traded: float = 0.0


class Arrivals(Venue):
    """A venue whose inbox holds every message until the market has come to its arrival.

    `due` is the first arrival.  What is decided while messages arrive, between two events, arrives at `floor` at the
    earliest, which is the later event's time: however quick, an answer to a fill meets a later market.
    """

    __slots__ = ("arrived", "due", "floor", "queue")

    orders: Orders[Queued]  # type: ignore[assignment]

    def __init__(self, ledger: Ledger, costs: Costs, queue: Queue, capacity: int = 16) -> None:
        """No orders; tables have room for `capacity` and grow."""
        super().__init__(ledger, costs, capacity)
        self.orders = Orders(Queued, capacity)
        self.queue = queue
        self.arrived = Message()
        self.due: int = FOREVER
        self.floor: int = -FOREVER

    @seldom
    def receive(self, message: Message, time: int, sessions: Sessions) -> None:
        """Take a message that was decided at `time`; the emulator's amendments take effect at once."""
        self.time = time
        if message.prompt and message.action != SUBMIT:
            self._amend(message)
            return
        arrival = max(time, self.floor)
        if not message.prompt:
            place = self.places[message.symbol]
            arrival = max(time + self.costs.latency.draw(), self.floor, place.last_arrival)
            place.last_arrival = arrival
        if message.action == SUBMIT:
            self._accept(message, arrival, sessions)
        self._keep(message, arrival)

    def _accept(self, message: Message, arrival: int, sessions: Sessions) -> None:
        """A new order is under way."""
        super()._accept(message, arrival, sessions)
        order = self.orders[self.orders.index(message.number)]
        order.phase = UNDER_WAY
        order.level = -1
        order.ahead = inf
        order.traded = 0.0

    def _keep(self, message: Message, arrival: int) -> None:
        """Put a message among those under way, in order of arrival."""
        if self.inbox_count == len(self.inbox):
            self._grow_inbox()
        place = self.inbox_count
        while place > 0 and self.inbox_arrival[place - 1] > arrival:
            copy_message(self.inbox[place - 1], self.inbox[place])
            self.inbox_arrival[place] = self.inbox_arrival[place - 1]
            place -= 1
        copy_message(message, self.inbox[place])
        self.inbox_arrival[place] = arrival
        self.inbox_count += 1
        self.due = self.inbox_arrival[0]

    def split(self, symbol: int, ratio: float) -> None:
        """Positions and orders go on in new units; those that stood in a queue come to the market anew."""
        super().split(symbol, ratio)
        for index in range(self.orders.count):
            order = self.orders[index]
            if order.symbol == symbol and order.level >= 0:
                order.level = -1
                order.phase = AT_MARKET

    def open_first(self) -> int:
        """Take the first message out; returns the number of the order that now comes to the market, 0 for none."""
        message = self.arrived
        copy_message(self.inbox[0], message)
        self.time = self.inbox_arrival[0]
        self.inbox_count -= 1
        for k in range(self.inbox_count):
            copy_message(self.inbox[k + 1], self.inbox[k])
            self.inbox_arrival[k] = self.inbox_arrival[k + 1]
        self.due = self.inbox_arrival[0] if self.inbox_count > 0 else FOREVER
        if message.action == SUBMIT:
            return message.number
        return self._changed(message)

    def _changed(self, message: Message) -> int:
        """A cancel or replace is here; the order's number if it has lost its place: it was moved or made larger."""
        index = self.orders.index(message.number)
        before = self.orders[index].quantity if index >= 0 else nan
        self._amend(message)
        moved = message.limit == message.limit or message.stop == message.stop
        if index < 0 or not (moved or message.quantity > before):
            return 0
        return message.number
