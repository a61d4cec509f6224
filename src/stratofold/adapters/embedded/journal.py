"""The journal on a laptop: one SQLite file, several processes at once, nothing lost that was said to be written.

What comes in: the calls of `ports.Journal`.  What goes out: each of them as one durable transaction.
Why it is shaped so: the port's methods stand here in the port's order and say what one transaction holds; how a table
is kept is in the file of its name (`places`, `outbox`, `inbox`, `desk`), and how a transaction is made in `store`.
The same class on ":memory:" serves the simulation, with a hook that crashes it before or after a commit.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from stratofold.adapters.account import verdict
from stratofold.adapters.embedded.desk import Desks
from stratofold.adapters.embedded.inbox import Inbox
from stratofold.adapters.embedded.outbox import Outbox
from stratofold.adapters.embedded.places import Place, Places
from stratofold.adapters.embedded.store import BUSY_SECONDS, LOG_BYTES, MEMORY, Store
from stratofold.adapters.ports import CLAIMED, DROPPED, REJECTED, Message, Settlement
from stratofold.adapters.rules import was_never_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import ParamSpec

    from stratofold.adapters.account import Reservation
    from stratofold.adapters.embedded.store import Fault
    from stratofold.adapters.ports import AccountLimits, Control, Entry, Head, Offer, Record

    P = ParamSpec("P")

Result = TypeVar("Result")

MARKS_MAX = 100_000  # remembered


class Journal:
    """See `ports.Journal`; it keeps no views, since whoever may read the file can fold it."""

    keeps_views = False
    elsewhere = "cloud:"

    def __init__(
        self, path: str | Path = MEMORY, *, fault: Fault | None = None, busy_seconds: float = BUSY_SECONDS,
        glance_seconds: float = 0.0,
    ) -> None:  # fmt: skip
        """Open or create the file at `path`; raises Stop SF803, SF806, SF807, Setup SF808, SF816, Retry SF814.

        `fault` is called with the verb and "before" or "after", around every commit; another process's commit is waited
        for `busy_seconds` long.  What controls, marks and the inbox say may be `glance_seconds` old where another process
        has committed since; nothing is claimed on what is old.
        """
        self.fault = fault
        self.mine = 0
        self._store = Store(path, busy_seconds, glance_seconds)
        self._marks: dict[tuple[str, str], str | None] = {}
        self._store.forgets.append(self._marks.clear)
        self._places = Places(self._store)
        self._outbox = Outbox(self._store)
        self._inbox = Inbox(self._store)
        self._desks = Desks(self._store)

    @property
    def store(self) -> Store:
        """The file behind it, for what is no journal's business: moving a book to another store."""
        return self._store

    def reserve_log(self) -> None:
        """For one that is going to commit often, and have others wait for it: see `Store.reserve_log`."""
        self._write("reserve", self._store.reserve_log, LOG_BYTES)

    def beside(self, fault: Fault | None = None) -> Journal:
        """The same store as another process would see it: the simulation's processes share one store in memory."""
        other = copy(self)
        other.fault = fault
        other.mine = 0
        return other

    def _write(self, verb: str, work: Callable[P, Result], *arguments: P.args, **named: P.kwargs) -> Result:
        """One transaction; it counts as ours even if the hook ends the process after it."""
        before = self._store.commits
        try:
            return self._store.write(self.fault, verb, work, *arguments, **named)
        finally:
            self.mine += self._store.commits - before

    # Books and records.

    def create(self, book: str, account: str, generation: str, entries: Sequence[Entry]) -> Head:
        """See `ports.Journal`."""
        return self._write("create", self._create, book, account, generation, entries)

    def _create(self, book: str, account: str, generation: str, entries: Sequence[Entry]) -> Head:
        self._places.add(book, account, generation)
        return self._places.extend(self._places.place(book), entries).head

    def books(self) -> list[Head]:
        """See `ports.Journal`."""
        return self._places.heads()

    def head(self, book: str) -> Head:
        """See `ports.Journal`."""
        return self._places.reload(book).head

    def take(self, book: str, holder: str, time: int) -> Head:
        """See `ports.Journal`."""
        return self._write("take", self._places.take, book, holder, time)

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
        views: Mapping[str, Mapping[str, str] | None] | None = None,  # noqa: ARG002
    ) -> tuple[Head, list[Message]]:
        """See `ports.Journal`; raises Bug SF810 for a message key that was written before."""
        return self._write(
            "append",
            self._append,
            book,
            epoch,
            step,
            entries,
            steps,
            messages,
            handled,
            snapshot,
            claim_at,
            released,
            marks,
            settled,
            heard,
        )

    def _append(
        self,
        book: str,
        epoch: int,
        step: int,
        entries: Sequence[Entry],
        steps: int,
        messages: Sequence[Message],
        handled: Sequence[int],
        snapshot: bytes | None,
        claim_at: int | None,
        released: Mapping[str, float] | None,
        marks: Mapping[str, str] | None,
        settled: Sequence[Settlement],
        heard: Sequence[Offer],
    ) -> tuple[Head, list[Message]]:
        place = self._places.held(book, epoch, step)
        for answer in settled:
            self._answer(place, answer)
        if released:
            for client_id, exposure in released.items():
                self._desks.release(place.head.account, client_id, exposure)
        if marks:
            self._mark(book, marks)
        claimed = [] if claim_at is None else self._judge(place, messages, claim_at)
        if messages:
            self._outbox.add(place, claimed or messages)
        self._inbox.handle(place.number, handled)
        if heard:
            self._inbox.hear(place.number, heard)
        self._places.extend(place, entries, steps)
        if snapshot is not None:
            self._places.keep(place, snapshot)
        return place.head, claimed

    def _judge(self, place: Place, messages: Sequence[Message], time: int) -> list[Message]:
        """Messages as claimed, their reservations taken, or as dropped; each counts against the next."""
        head = place.head
        book, epoch, account = head.book, head.epoch, self._desks.account(head.account)
        taken: dict[str, Reservation] = {}
        judged, sent = [], 0
        for message in messages:
            reason = verdict(message, account, book, time)
            judged.append(replace(message, state=DROPPED if reason else CLAIMED, epoch=epoch, answer=reason))
            if not reason and (reservation := account.take(message, book, time)) is not None:
                taken[message.client_id] = reservation
                sent += 1
        if sent:
            place.count(account.second, sent)
            self._desks.reserve(taken, account)
        return judged

    def note(self, book: str, entries: Sequence[Entry]) -> Head:
        """See `ports.Journal`."""
        return self._write("note", self._note, book, entries)

    def _note(self, book: str, entries: Sequence[Entry]) -> Head:
        return self._places.extend(self._places.place(book), entries).head

    def records(self, book: str, after: int = 0, limit: int = 0) -> Iterator[Record]:
        """See `ports.Journal`."""
        return self._places.records(book, after, limit)

    def snapshot(self, book: str, until: int | None = None) -> tuple[int, int, bytes] | None:
        """See `ports.Journal`."""
        return self._places.kept(book, until)

    # The outbox.

    def claim(
        self, book: str, epoch: int, keys: Sequence[str], time: int, entries: Sequence[Entry] = ()
    ) -> list[Message]:
        """See `ports.Journal`; a message that is not ready any more is left out."""
        return self._write("claim", self._claim, book, epoch, keys, time, entries)

    def _claim(self, book: str, epoch: int, keys: Sequence[str], time: int, entries: Sequence[Entry]) -> list[Message]:
        place = self._places.held(book, epoch)
        judged = self._judge(place, self._outbox.ready(place, keys), time)
        for each in judged:
            self._outbox.change(place, each)
        self._places.extend(place, entries)
        return judged

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
        """See `ports.Journal`; raises Bug SF815 for a message that was never written.

        Records and offers are always written.  The state moves only from claimed to any answer, from unknown to accepted
        or rejected, and from dropped (its refusal is reported now) to rejected.  A rejected submit ends its reservation.
        """
        self._write("settle", self._settle, book, Settlement(key, state, answer, offers, marks or {}), entries)

    def _settle(self, book: str, answer: Settlement, entries: Sequence[Entry]) -> None:
        place = self._places.place(book)
        self._answer(place, answer)
        self._places.extend(place, entries)

    def _answer(self, place: Place, answer: Settlement) -> None:
        book = place.head.book
        moved = self._outbox.settle(place, answer.key, answer.state, answer.answer)
        if moved is None and self._outbox.message(place, answer.key) is None:
            raise was_never_written(book, answer.key)
        if moved is not None and answer.state == REJECTED and moved.action == "submit":
            self._desks.release(place.head.account, moved.client_id, 0)
        self._inbox.add(place.number, answer.offers)
        self._mark(book, answer.marks)

    def release(self, account: str, client_id: str, exposure: float) -> None:
        """See `ports.Journal`; what is not reserved stays so."""
        self._write("release", self._desks.release, account, client_id, exposure)

    def outbox(self, book: str, *states: str) -> list[Message]:
        """See `ports.Journal`; every message when no state is named."""
        self._store.look(at_once=True)  # before the place is: what another process has claimed since moves it
        return self._outbox.messages(self._places.place(book), states)

    def message(self, book: str, key: str) -> Message | None:
        """See `ports.Journal`."""
        return self._outbox.message(self._places.place(book), key)

    # The inbox.

    def offer(self, book: str, offers: Sequence[Offer]) -> int:
        """See `ports.Journal`; the number an offer comes with is not looked at."""
        return self._write("offer", self._inbox.add, self._places.place(book).number, offers)

    def fresh(self, book: str, offers: Sequence[Offer]) -> list[Offer]:
        """See `ports.Journal`."""
        return self._inbox.fresh(self._places.place(book).number, offers)

    def inbox(self, book: str, limit: int = 256) -> list[Offer]:
        """See `ports.Journal`."""
        return self._inbox.waiting(self._places.place(book).number, limit)

    # The account.

    def control(self, account: str, control: Control) -> Control:
        """See `ports.Journal`."""
        return self._write("control", self._desks.control, account, control)

    def controls(self, account: str) -> list[Control]:
        """See `ports.Journal`."""
        return self._desks.controls(account)

    def limit(self, account: str, limits: AccountLimits) -> None:
        """See `ports.Journal`."""
        self._write("limit", self._desks.limit, account, limits)

    def reserved(self, account: str) -> dict[str, float]:
        """See `ports.Journal`."""
        return self._desks.reserved(account)

    # Small facts.

    def mark(self, book: str, name: str, value: str | None = None) -> str | None:
        """See `ports.Journal`; None when it was never written."""
        if value is not None:
            self._write("mark", self._mark, book, {name: value})
            return value
        self._store.look()
        if (book, name) not in self._marks:
            rows = self._store.read("SELECT value FROM marks WHERE book = ? AND name = ?", (book, name))
            self._remember(book, name, str(rows[0][0]) if rows else None)
        return self._marks[book, name]

    def _mark(self, book: str, marks: Mapping[str, str]) -> None:
        for name, value in marks.items():
            self._store.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (book, name, value))
            self._remember(book, name, value)

    def _remember(self, book: str, name: str, value: str | None) -> None:
        if len(self._marks) >= MARKS_MAX:
            self._marks.clear()
        self._marks[book, name] = value

    def nonce(self, key: str, least: int = 0) -> int:
        """See `ports.Journal`; the first is `least`, or 1."""
        return self._write("nonce", self._nonce, key, least)

    def _nonce(self, key: str, least: int) -> int:
        row = self._store.execute("SELECT value FROM nonces WHERE key = ?", (key,)).fetchone()
        value = max(least, (row[0] if row else 0) + 1)
        self._store.execute("INSERT OR REPLACE INTO nonces VALUES (?, ?)", (key, value))
        return value

    def once(self, name: str, until: int, now: int) -> bool:
        """See `ports.Journal`; names whose time is over are dropped on the way."""
        return self._write("once", self._once, name, until, now)

    def _once(self, name: str, until: int, now: int) -> bool:
        self._store.execute("DELETE FROM once WHERE until <= ?", (now,))
        return bool(self._store.execute("INSERT OR IGNORE INTO once VALUES (?, ?)", (name, until)).rowcount)

    def changed(self) -> int:
        """See `ports.Journal`; processes that share this object's store in memory count as others."""
        return self._store.version() + self._store.commits - self.mine

    def close(self) -> None:
        """See `ports.Journal`."""
        self._store.close()
