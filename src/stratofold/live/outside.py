"""The venue stands outside: what the driver of the fold meets where a simulation has a venue.

What comes in: the book's messages.  What goes out: the same messages, kept until the step is written down.
Why it is shaped so: the driver (`fold/run.py`) is one for all modes; here it finds somebody who takes every message and
answers nothing, because the answers come as events.
"""

from stratofold.fold.desk import Place
from stratofold.fold.ledger import Ledger
from stratofold.fold.order import FOREVER, Message
from stratofold.fold.sessions import Sessions

Sent = tuple[int, int, int, int, int, int, float, float, float, int, int]


class Outside:
    """Takes messages; has no orders, no prices and no reports of its own."""

    CONTENT = (
        "expiry", "ledger", "places", "report_count", "reports", "sent", "time", "watches_margin",
    )  # fmt: skip

    def __init__(self, ledger: Ledger) -> None:
        """Nothing was sent; `ledger` is a spare one that corporate actions are posted to in vain."""
        self.ledger = ledger
        self.places = [Place() for _ in range(ledger.symbol_count)]
        self.sent: list[Sent] = []
        self.reports: list[object] = []
        self.report_count = 0
        self.expiry = FOREVER
        self.watches_margin = False
        self.time = 0

    def receive(self, message: Message, time: int, sessions: Sessions) -> None:  # noqa: ARG002  the venue's door
        """Keep a message: action, number, symbol, side, kind, tif, quantity, limit, stop, decided, prompt."""
        self.sent.append((
            message.action, message.number, message.symbol, message.side, message.kind, message.tif, message.quantity,
            message.limit, message.stop, message.decided, int(message.prompt),
        ))  # fmt: skip

    def expire_before(self, time: int) -> None:
        """Orders expire at the venue, which will report it."""

    def check_margin(self, time: int) -> None:
        """The broker watches its own margin; `watch` watches ours."""

    def cancel_all(self, symbol: int) -> None:
        """The venue cancels by itself, and reports it."""

    def settle(self, symbol: int, value: float) -> None:
        """The broker settles a delisting or an expiry, and reports it."""

    def split(self, symbol: int, ratio: float) -> None:
        """The broker splits what it has."""
