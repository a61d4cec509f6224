"""The small records that cross the ports: what is written down, what is asked of a venue, what it says.

What comes in: nothing; these are shapes.  What goes out: frozen records, the same for every adapter.
Why it is shaped so: some twenty of them are made between an event and its order, and each process begins by making their
classes; a `Struct` takes a fifteenth of a frozen dataclass's time for the one, and a hundredth for the other.
Amounts are floats on their decimal grid; their text form is decimal (`wire.decimal`); times are ns UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# States of an outgoing message: written down, claimed (may be on the wire), answered for good or for ill, or never sent.
READY, CLAIMED, ACCEPTED, REJECTED, UNKNOWN, DROPPED = "ready", "claimed", "accepted", "rejected", "unknown", "dropped"

# What a control row says of its scope; the strictest of all that apply counts.
ACTIVE, REDUCING, HALTED = "active", "reducing", "halted"
# A scope that forbids nothing: the operator closes the book of that name, so what reduces passes every older halt.
CLOSING = "closing"


class Entry(Struct, frozen=True):
    """A record before it is written: `body` is its decision part, `envelope` what else is known (contract 9)."""

    kind: str
    body: bytes
    envelope: bytes = b""


class Record(NamedTuple):
    """A record as written: `sequence` is dense from 1 a book; `chain` is SHA-256 over the one before and this one."""

    book: str
    sequence: int
    kind: str
    body: bytes
    envelope: bytes
    chain: bytes


class Head(Struct, frozen=True):
    """Where a book stands: `sequence` and `chain` of its last record, `step` the events folded.

    `epoch` is its writer, and `holder` the name that writer gave when it took the book.
    """

    book: str
    account: str
    generation: str
    epoch: int
    sequence: int
    step: int
    chain: bytes
    holder: str = ""


class Message(Struct, frozen=True):
    """One message for the venue: `key` is unique for ever; `action` is submit, cancel or replace.

    `client_id` names the order (contract 6).  `body` is the venue message in wire form.  `expires_at` (ns UTC) is when
    it must no longer be sent.  `reduces`: it can only make exposure smaller, so a reducing-only control lets it pass.
    `exposure` is what it reserves of the account (base currency); `price` what it crosses at (NaN: any); `strategy` is
    whose it is, for controls of that scope.
    """

    key: str
    action: str
    client_id: str
    symbol: str
    side: int
    quantity: float
    price: float
    exposure: float
    reduces: bool
    expires_at: int
    body: bytes
    state: str = READY
    epoch: int = 0
    answer: str = ""
    strategy: str = ""


class Offer(Struct, frozen=True):
    """One thing in a book's inbox: (`source`, `identity`) is accepted once, for ever; `number` is its place."""

    number: int
    source: str
    identity: str
    body: bytes


class Settlement(Struct, frozen=True):
    """An answer to a claimed message as it is written: the state it brings, its words, what it offers, what it renames."""

    key: str
    state: str
    answer: str
    offers: Sequence[Offer] = ()
    marks: Mapping[str, str] = field(default_factory=dict)


class Control(Struct, frozen=True):
    """What the operator or a breach says of a scope: account, book, strategy or symbol (`*`: everything)."""

    scope: str
    name: str
    state: str
    reason: str
    by: str
    time: int
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What all books of an account may have at the venue together; 0 allows nothing but what reduces."""

    exposure_max: float = 0.0
    orders_max: int = 0
    symbol_exposure_max: float = 0.0
    orders_per_second_max: int = 0
    self_match: bool = False  # whether opposite orders of two books may meet


class Alert(Struct, frozen=True):
    """What a person must hear: `key` is what makes two of them the same; `level` info, warning or critical."""

    key: str
    level: str
    title: str
    text: str
    time: int
    facts: Mapping[str, str] = field(default_factory=dict)


class Response(Struct, frozen=True):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """The request left and no whole answer came back; `sent` is False when it certainly did not leave."""

    def __init__(self, why: str, *, sent: bool = True) -> None:
        """Keep why, and whether a byte may have left."""
        super().__init__(why)
        self.why = why
        self.sent = sent


class Capabilities(Struct, frozen=True):
    """What a venue can do; what it cannot is done by the fold, or refused."""

    dedupes_client_id: bool = False
    lookup_by_client_id: bool = False
    lookup_settle_seconds: float = 30.0
    executions_have_ids: bool = False
    cancel_on_disconnect: bool = False
    native_bracket: bool = False
    native_one_cancels_other: bool = False
    native_trailing: bool = False
    replaces: bool = True
    kinds: tuple[str, ...] = ("market", "limit", "stop", "stop_limit")
    times_in_force: tuple[str, ...] = ("gtc", "day", "ioc", "fok", "at_close")
    requests_per_minute: int = 200


class VenueReport(Struct, frozen=True):
    """One fact a venue states of an order, before it has a handle: `identity` is the same on every channel that says it.

    `kind` is a name of `fold.lifecycle.REPORT_NAMES`; amounts are floats on their grid, NaN for not said.  `cumulative` is
    what the order has filled by then.  `client_id` is empty for an order that is not ours; of a fill, `made_by` is the key
    of our message that made the venue's order (a submit or a replace), empty where the venue does not say.
    """

    identity: str
    kind: str
    client_id: str
    venue_id: str
    symbol: str
    side: int
    time: int
    quantity: float = 0.0
    price: float = float("nan")
    fee: float = 0.0
    cumulative: float = float("nan")
    leaves: float = float("nan")
    limit: float = float("nan")
    stop: float = float("nan")
    reason: str = ""
    made_by: str = ""


class VenueOrder(Struct, frozen=True):
    """An order as the venue shows it when asked; `state` is a name of `fold.lifecycle.STATE_NAMES`.

    `made_by` is the key of our message that made it, empty where the venue does not say.
    """

    client_id: str
    venue_id: str
    symbol: str
    side: int
    kind: str
    tif: str
    state: str
    quantity: float
    filled: float
    average_price: float
    limit: float
    stop: float
    time: int
    replaced_by: str = ""
    made_by: str = ""


class AccountState(Struct, frozen=True):
    """Money and positions as the venue shows them; positions are signed units and average prices by symbol."""

    account: str
    currency: str
    cash: float
    equity: float
    buying_power: float
    positions: Mapping[str, tuple[float, float]]
    blocked: str = ""


class Answer(Struct, frozen=True):
    """What came of one request: accepted, rejected (with the venue's code and text) or unknown."""

    state: str
    venue_id: str = ""
    reason: str = ""
    request_id: str = ""
    reports: tuple[VenueReport, ...] = ()


class Released(Struct, frozen=True):
    """What a paper exchange in lock-step let go: its time, what comes next (None: nothing), updates of our orders.

    `symbol` is the one that the event was of, empty where it was none's.
    """

    time: int
    next: int | None
    updates: int
    symbol: str = ""
