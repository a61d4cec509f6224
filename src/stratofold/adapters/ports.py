"""Everything the product needs from outside, on one page, in the shape of our need.

What comes in: nothing; these are shapes.
What goes out: protocols that every adapter of a port fulfils, each with one contract test for all of them, and the
small records that cross them.
Why it is shaped so: a port is written when something is built behind it, and it is not the shape of anybody's SDK.
What is stored is synchronous (a commit is the point), what crosses a network is awaited; nobody here knows an event loop.
Amounts that cross a port are floats on their decimal grid; their text form is decimal (`wire.decimal`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from stratofold.adapters.nouns import (
    ACCEPTED,
    ACTIVE,
    CLAIMED,
    CLOSING,
    DROPPED,
    HALTED,
    READY,
    REDUCING,
    REJECTED,
    UNKNOWN,
    AccountLimits,
    AccountState,
    Alert,
    Answer,
    Capabilities,
    Control,
    Entry,
    Head,
    Message,
    NoAnswer,
    Offer,
    Record,
    Released,
    Response,
    Settlement,
    VenueOrder,
    VenueReport,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stratofold.events import Event
    from stratofold.market.data import Actions, MarketData, Moment

__all__ = [
    "ACCEPTED",
    "ACTIVE",
    "CLAIMED",
    "CLOSING",
    "DROPPED",
    "HALTED",
    "READY",
    "REDUCING",
    "REJECTED",
    "UNKNOWN",
    "AccountLimits",
    "AccountState",
    "Alert",
    "Answer",
    "Artifacts",
    "Broker",
    "Capabilities",
    "Catalogue",
    "Clock",
    "Control",
    "Entry",
    "Feed",
    "Head",
    "Http",
    "Journal",
    "Message",
    "NoAnswer",
    "Notifier",
    "Offer",
    "Record",
    "Released",
    "Response",
    "Secrets",
    "Settlement",
    "Shelf",
    "Signal",
    "Socket",
    "Sockets",
    "Stepper",
    "Tasks",
    "VenueOrder",
    "VenueReport",
]


@runtime_checkable
class Journal(Protocol):
    """What is written down: records, outbox, inbox, snapshots, controls, reservations.  Every method is one transaction.

    Several processes use one journal at once.  A book has one writer: whoever took the last epoch.  What an older
    writer appends is refused with `errors.Stop` SF801 (fenced); an `append` at another step than the book's is refused
    with `errors.Retry` SF802 (lost race: reload, again).  A store that cannot write raises `errors.Stop` SF803.
    """

    @property
    def keeps_views(self) -> bool:
        """Whether `append` keeps the views that it is given; one that does not spares the work of making them."""

    @property
    def elsewhere(self) -> str:
        """How the name of a holder begins that a book was moved to from here: this store has a copy of it, which stays as it was."""

    def create(self, book: str, account: str, generation: str, entries: Sequence[Entry]) -> Head:
        """A new book; raises Setup SF804 if there is one of that name, or its generation was ever used on the account."""

    def books(self) -> list[Head]:
        """Every book."""

    def head(self, book: str) -> Head:
        """Where a book stands; raises Setup SF805 for one that is not there."""

    def take(self, book: str, holder: str, time: int) -> Head:
        """Become the writer of a book: the epoch after this is one higher, and every earlier writer is fenced."""

    def append(
        self,
        book: str,
        epoch: int,
        step: int,
        entries: Sequence[Entry],
        *,
        steps: int = 0,
        messages: Sequence[Message] = (),
        handled: Sequence[int] = (),
        snapshot: bytes | None = None,
        claim_at: int | None = None,
        released: Mapping[str, float] | None = None,
        marks: Mapping[str, str] | None = None,
        settled: Sequence[Settlement] = (),
        heard: Sequence[Offer] = (),
        views: Mapping[str, Mapping[str, str] | None] | None = None,
    ) -> tuple[Head, list[Message]]:
        """Records, outbox, handled inbox numbers and snapshot together, or nothing; the book is at `step + steps` then.

        With `claim_at` (ns UTC) the new messages are claimed in the same transaction; those claimed or dropped come back.
        `released` is what `release` takes, by client id, before anything is claimed; `marks` are what `mark` takes.
        `settled` are answers, before all of that, as `settle` writes them.  `heard` are facts that these steps have folded
        without their waiting in the inbox: known from now on, and out of it should somebody have put them there meanwhile.
        `views` are what people and other programs read of the book without folding it (positions, open orders, balance,
        trades), as text by name; None takes one away.  They are for looking at: nothing is decided from them.
        """

    def note(self, book: str, entries: Sequence[Entry]) -> Head:
        """Append records that fold nothing (requests, answers, alerts, operator's words); needs no epoch."""

    def records(self, book: str, after: int = 0, limit: int = 0) -> Iterator[Record]:
        """The records after a sequence, in order; all of them without `limit`."""

    def snapshot(self, book: str, until: int | None = None) -> tuple[int, int, bytes] | None:
        """The last snapshot with step at most `until`, as (step, sequence, state)."""

    def claim(
        self, book: str, epoch: int, keys: Sequence[str], time: int, entries: Sequence[Entry] = ()
    ) -> list[Message]:
        """Claim messages for sending: under this epoch, no control forbids them, not expired, the account's limits hold.

        All of it is checked in the claiming transaction, and the reservation of each is taken there.  Those that may not
        be sent come back with state `dropped` and the reason in `answer`; a message is claimed at most once, for ever.
        """

    def settle(
        self,
        book: str,
        key: str,
        state: str,
        answer: str,
        entries: Sequence[Entry],
        offers: Sequence[Offer],
        marks: Mapping[str, str] | None = None,
    ) -> None:
        """Write the venue's answer to a claimed message (accepted, rejected, unknown), and offer what it reports."""

    def release(self, account: str, client_id: str, exposure: float) -> None:
        """What an order still reserves is `exposure` now (0: it is done), by evidence from the venue."""

    def outbox(self, book: str, *states: str) -> list[Message]:
        """The messages in these states, in the order written."""

    def message(self, book: str, key: str) -> Message | None:
        """One message."""

    def offer(self, book: str, offers: Sequence[Offer]) -> int:
        """Put things into the inbox; one whose identity is known already is left out.  Returns how many were new."""

    def fresh(self, book: str, offers: Sequence[Offer]) -> list[Offer]:
        """Those whose identity was never offered."""

    def inbox(self, book: str, limit: int = 256) -> list[Offer]:
        """What has not been handled, in order."""

    def control(self, account: str, control: Control) -> Control:
        """Write what holds of a scope from now on; sticky until another control of the same scope and name."""

    def controls(self, account: str) -> list[Control]:
        """What holds now, of every scope of the account."""

    def limit(self, account: str, limits: AccountLimits) -> None:
        """What all books of the account may have at the venue together."""

    def reserved(self, account: str) -> dict[str, float]:
        """Open reservations: exposure by client id."""

    def mark(self, book: str, name: str, value: str | None = None) -> str | None:
        """Read a small named fact (a high-water mark), or write it when `value` is given."""

    def nonce(self, key: str, least: int = 0) -> int:
        """The next number of `key`: above all before and at least `least`, for all processes together."""

    def once(self, name: str, until: int, now: int) -> bool:
        """Whether `name` was not seen before; it is remembered until `until` (ns UTC)."""

    def changed(self) -> int:
        """A number that differs when another process has committed since it was last asked."""

    def close(self) -> None:
        """Let go of the store."""


@runtime_checkable
class Artifacts(Protocol):
    """Named bytes, written once: archive segments, models, kernels, reports."""

    def put(self, name: str, data: bytes) -> str:
        """Write; returns the SHA-256 in hex.  Writing the same again is nothing; something else is Stop SF811."""

    def get(self, name: str) -> bytes:
        """Read; raises Setup SF812 for a name that is not there, Stop SF813 when the bytes are not what was put."""

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin so, sorted."""


@runtime_checkable
class Secrets(Protocol):
    """Keys and tokens by name; a value never appears in configuration, logs, errors or `repr`."""

    def get(self, name: str) -> str:
        """The secret; raises Setup SF821 when it is not there, naming the command that puts it there."""

    def put(self, name: str, value: str) -> None:
        """Keep a secret."""


@runtime_checkable
class Notifier(Protocol):
    """Tells people."""

    async def notify(self, alert: Alert, only: Sequence[str] = ()) -> list[str]:
        """Deliver to every channel, or to those named in `only`; returns the channels that failed (empty: all heard).

        A channel has the same name each time, so that what failed can be tried again without telling the others twice.
        """


@runtime_checkable
class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""

    def monotonic(self) -> int:
        """Nanoseconds that never go back, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@runtime_checkable
class Signal(Protocol):
    """Something that a task waits for and another sets."""

    def set(self) -> None:
        """Wake who waits, or who waits next."""

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it is set, and clear it; False when the time is over."""


@runtime_checkable
class Tasks(Protocol):
    """Coroutines side by side, under whatever loop there is."""

    def spawn(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Run a coroutine beside the others; what it raises ends the whole group."""

    def begin(self, name: str, work: Coroutine[object, object, None]) -> None:
        """As `spawn`, but what it does before its first wait is done before this returns, and raised here.

        Until then it is no task of its own: it must not ask which one it is.
        """

    def signal(self) -> Signal:
        """A fresh signal."""


@runtime_checkable
class Http(Protocol):
    """One request, one answer; never a retry, never a redirect."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", timeout_seconds: float = 10.0
    ) -> Response:
        """Send and wait; raises NoAnswer."""


@runtime_checkable
class Socket(Protocol):
    """An open WebSocket."""

    async def send(self, data: str | bytes) -> None:
        """Send one frame; raises NoAnswer when it is closed."""

    async def receive(self, timeout_seconds: float | None = None) -> str | bytes | None:
        """The next message; None when the time is over; raises NoAnswer when it is closed."""

    async def receive_all(self, timeout_seconds: float | None = None) -> list[str | bytes]:
        """Every message that waits, at least one unless the time is over; raises NoAnswer when it is closed."""

    async def close(self) -> None:
        """Say goodbye."""


@runtime_checkable
class Sockets(Protocol):
    """Opens WebSockets."""

    async def connect(self, url: str, headers: Mapping[str, str] | None = None, *, decodes: bool = True) -> Socket:
        """Open one; raises NoAnswer.  Without `decodes` texts are given as their bytes, unchecked."""


@runtime_checkable
class Broker(Protocol):
    """Orders out, facts in.  `submit`, `cancel` and `replace` try once, and every ambiguity is `Answer(UNKNOWN)`."""

    capabilities: Capabilities
    listening: bool  # whether the stream of reports is open

    async def submit(self, message: Message) -> Answer:
        """Send a new order."""

    async def cancel(self, message: Message, venue_id: str) -> Answer:
        """Ask for a cancel; accepted means asked for, not cancelled."""

    async def replace(self, message: Message, venue_id: str) -> Answer:
        """Ask for other terms."""

    async def order(self, client_id: str, *, sent: bool = False) -> VenueOrder | None:
        """One order by our id; None when the venue does not know it (yet).  Raises NoAnswer, Retry, Stop.

        One that was `sent` by itself is no leg of another, and is not looked for as one.
        """

    async def orders(self, since: int = 0, *, only_open: bool = True) -> list[VenueOrder]:
        """Orders, open or all since a time (ns UTC), every page of them."""

    async def executions(self, since: int, tasks: Tasks | None = None) -> list[VenueReport]:
        """Fills from a high-water mark (ns UTC, inclusive) on, oldest first, every page of them.

        With `tasks`, here and below, what takes several questions is asked side by side: a start waits for it.
        """

    async def account(self, tasks: Tasks | None = None) -> AccountState:
        """Money and positions."""

    async def clock(self) -> int:
        """The venue's time, ns UTC."""

    def reports(self) -> AsyncIterator[VenueReport | None]:
        """The stream of facts: a hint, never the guarantee; None marks that the stream was opened (anew)."""


@runtime_checkable
class Feed(Protocol):
    """Market events in: a stream, and a history that closes its gaps."""

    async def history(self, symbols: Sequence[str], after: int, until: int) -> list[tuple[str, Event]]:
        """Complete bars and actions in (after, until], ns UTC, in the order of contract 4, each with its symbol."""

    def stream(self, symbols: Sequence[str]) -> AsyncIterator[tuple[str, Event] | None]:
        """Events as they come; None marks that the stream was opened (anew), so that history can close the gap."""


@runtime_checkable
class Stepper(Protocol):
    """A paper exchange that waits for us (contract 9: lock-step)."""

    async def now(self) -> Released:
        """Where it stands; raises NoAnswer, Setup."""

    async def step(self) -> Released:
        """Release one event; raises NoAnswer, Setup."""

    async def wait(self, until: int) -> Released:
        """Let its time come to `until` (ns UTC), which is before the next event; raises NoAnswer, Setup."""


@runtime_checkable
class Catalogue(Protocol):
    """Market data by name, read only.

    A catalogue answers with the same bars for the same question for ever; what it does not have is an error that names the
    nearest thing it has, never an empty answer.
    """

    def symbols(self) -> tuple[str, ...]:
        """Every symbol there is, in a fixed order."""

    def bars(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> MarketData:
        """Bars of some symbols (all if None) over a range, their actions with them; bounds as in `MarketData.subset`."""

    def observed(
        self, market: MarketData, names: Iterable[str], start: Moment = None, end: Moment = None
    ) -> MarketData:
        """The same bars with those series of observations that there are, of their symbols or of none."""

    def actions(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> Actions:
        """Only the actions; `symbol` numbers the symbols asked for, in their order."""


@runtime_checkable
class Shelf(Protocol):
    """Where a catalogue's files lie: bytes by path, and one manifest that is exchanged whole.

    Files are written once, under names that begin with the hash of their bytes; only the manifest changes.
    """

    @property
    def place(self) -> str:
        """What an error calls it."""

    def read(self) -> bytes | None:
        """The manifest's text as it stands; None before the first."""

    def draft(self) -> AbstractContextManager[str]:
        """A folder of this machine in which the files of one change are written, by the paths they will have; gone afterwards."""

    def swap(self, expected: bytes | None, text: bytes, name: str, change: bytes, draft: Path | None) -> bool:
        """Exchange the manifest for `text` with the draft's files in place, or nothing; False when it is not `expected` any more.

        `name` is the hash of `text`, under which `change` is kept; a file that the text does not name any more can still be read.
        """

    def change(self, name: str) -> bytes | None:
        """What led to the manifest of a hash; None for one that never was."""

    def path(self, name: str) -> str:
        """A file on this machine with the bytes of a path; raises Stop SFC09 when it is not there any more."""

    def cache(self) -> Path | None:
        """A folder of this machine for what can be made again; None where there is no room for one."""
