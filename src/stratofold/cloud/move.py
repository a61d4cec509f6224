"""`move`: a book from the laptop's journal to the cloud's, or back; one of the two may write it, never both.

What comes in: two journals, a book, and under which name its next writer writes.  What goes out: the same book in the other
journal, record for record, so that its chain is the same chain.
Why it is shaped so: first the book is taken from whoever writes it, under a new epoch, so that a process which runs on is
refused at its next append; then it is copied; and only at the end does the other side's holder stand in its head.  Dying
in between leaves a book that nobody writes, and the same command goes on: what is there already is not copied again.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stratofold.adapters.nouns import Entry, Offer
from stratofold.errors import Retry, Stop
from stratofold.live.account_limits import cap_limits
from stratofold.live.archive import prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from stratofold.adapters.account import Reservation
    from stratofold.adapters.carry import Luggage
    from stratofold.adapters.nouns import AccountLimits, Head, Record
    from stratofold.adapters.ports import Artifacts, Journal

    Thing = TypeVar("Thing")

RECORDS_TOGETHER = 1_000
THINGS_TOGETHER = 40


class Carrier(Protocol):
    """How one kind of store packs and unpacks what the port does not show: `adapters.embedded.carry`, `adapters.aws.carry`."""

    def packed(self, journal: Any, book: str) -> Luggage:
        """What a book takes along."""

    def reserve(self, journal: Any, account: str, reserved: dict[str, Reservation]) -> None:
        """Write reservations."""


class Side(NamedTuple):
    """A journal and its carrier."""

    journal: Journal
    carrier: Carrier


class Moved(NamedTuple):
    """The book's head on the other side, and how many records and messages were copied."""

    head: Head
    records: int
    messages: int


def refuse_elsewhere(head: Head, verb: str = "status") -> None:
    """Raise Stop SFA29 for a book that a stack has, seen from a laptop; `verb` is what is to be said there."""
    if head.holder.startswith("cloud:"):
        stack = head.holder.partition(":")[2]
        raise Stop(
            "SFA29", f"book {head.book} is in the cloud, in stack {stack}", why="what is here is a copy from before it was moved, and nobody acts on it",
            fix=f"say it there: stratofold {verb} --stack {stack}; or take it home: stratofold move {head.book} --to laptop --stack {stack}",
        )  # fmt: skip


def refuse_moved_home(head: Head, verb: str = "status") -> None:
    """Raise Stop SFA29 for a book that a laptop has, seen from its stack; `verb` is what is to be said there."""
    if head.holder.startswith("laptop:"):
        raise Stop(
            "SFA29", f"book {head.book} was moved home, by {head.holder.partition(':')[2]}", why="what is here is a copy from before it was moved, and two writers would both trade it",
            fix=f"say it in that folder: stratofold {verb}; or bring it here from there: stratofold move {head.book} --to cloud",
        )  # fmt: skip


def move(
    source: Side,
    target: Side,
    book: str,
    holder: str,
    now: int,
    most: AccountLimits | None = None,
    show: Callable[[str], None] | None = None,
) -> Moved:
    """Move a book to where its account may have `most` (None: what its books state); `show` writes what people read of it there.

    Raises Retry SFA27 while messages are on the wire, Stop SFA28 where the two have gone apart.
    """
    refuse_busy(source.journal, book)
    head = source.journal.head(book)
    refuse_fork(source.journal, _target_head(target.journal, head), head)  # while its writer may still go on
    if head.holder != holder:
        head = source.journal.take(book, holder, now)
    refuse_busy(source.journal, book)
    before = _target_head(target.journal, head)
    refuse_fork(source.journal, before, head)
    if before is None:
        (first,) = source.journal.records(book, 0, 1)
        target.journal.create(book, head.account, head.generation, [entry_of(first)])
    count = _copy_records(source.journal, target.journal, head, now)
    messages = _copy_messages(source.journal, target.journal, book)
    waiting = _copy_luggage(source, target, head)
    _copy_account(source.journal, target.journal, head.account)
    cap_limits(target.journal, book, head.account, most)
    for some in together(waiting):
        target.journal.offer(book, some)
    if show is not None:
        show(book)
    return Moved(target.journal.take(book, holder, now), count + (before is None), messages)


def refuse_busy(journal: Journal, book: str) -> None:
    """Raise Retry SFA27 while a message may be on the wire: its answer would come to the wrong journal."""
    under_way = journal.outbox(book, "ready", "claimed")
    if under_way:
        raise Retry(
            "SFA27", f"{len(under_way)} messages of {book} are under way", why="their answers would come to the wrong journal",
            fix="wait a minute and move again; what a dead process left, stratofold reconcile resolves",
        )  # fmt: skip


def _target_head(target: Journal, head: Head) -> Head | None:
    """The book on the other side, None when it was never there."""
    return next((one for one in target.books() if one.book == head.book), None)


def refuse_fork(source: Journal, before: Head | None, head: Head) -> None:
    """Raise Stop SFA28 where the other side holds records of its own that this side does not have."""
    if before is None:
        return
    same = (before.account, before.generation) == (head.account, head.generation) and before.sequence <= head.sequence
    if same:
        (last,) = source.records(head.book, before.sequence - 1, 1)
        same = last.chain == before.chain
    if not same:
        raise Stop(
            "SFA28", f"book {head.book} is on both sides, and they are not the same book", why="each has records that the other has not",
            fix="keep the one that the venue agrees with; put the other aside (mv .stratofold, or another stack), and move again",
        )  # fmt: skip


def entry_of(record: Record) -> Entry:
    """A record as it was before it was written; written in the same place it has the same chain."""
    return Entry(record.kind, record.body, record.envelope)


def _copy_records(source: Journal, target: Journal, head: Head, now: int) -> int:
    """Every record that is not there yet; the last snapshot stands where it was taken."""
    there = target.take(head.book, "moving", now)
    kept = source.snapshot(head.book)
    count = 0
    stops = sorted({head.sequence, *([kept[1]] if kept and kept[1] > there.sequence else [])})
    for stop in stops:
        while there.sequence < stop:
            rows = list(islice(source.records(head.book, there.sequence), min(RECORDS_TOGETHER, stop - there.sequence)))
            at_end = there.sequence + len(rows) == stop
            step = (kept[0] if kept and stop == kept[1] else head.step) if at_end else there.step
            snapshot = kept[2] if kept and at_end and stop == kept[1] else None
            there, _ = target.append(
                head.book,
                there.epoch,
                there.step,
                [entry_of(row) for row in rows],
                steps=step - there.step,
                snapshot=snapshot,
            )
            count += len(rows)
    if there.step < head.step:
        target.append(head.book, there.epoch, there.step, [], steps=head.step - there.step)
    return count


def _copy_messages(source: Journal, target: Journal, book: str) -> int:
    """Every message that is not there yet, in the state it has."""
    known = {one.key: one.state for one in target.outbox(book)}
    fresh = [one for one in source.outbox(book) if one.key not in known]
    for some in together(fresh):
        head = target.head(book)
        target.append(book, head.epoch, head.step, [], messages=some)
    for one in source.outbox(book):
        if known.get(one.key, one.state) != one.state:
            target.settle(book, one.key, one.state, one.answer, [], [])
    return len(fresh)


def _copy_luggage(source: Side, target: Side, head: Head) -> list[Offer]:
    """Small facts, identities that are known for ever, reservations; returns what waits to be heard, which is not known yet."""
    book = head.book
    luggage, there = source.carrier.packed(source.journal, book), target.carrier.packed(target.journal, book)
    _take_out_heard(target.journal, book, luggage, there)
    for some in together([(name, value) for name, value in luggage.marks.items() if there.marks.get(name) != value]):
        stands = target.journal.head(book)
        target.journal.append(book, stands.epoch, stands.step, [], marks=dict(some))
    known = {*there.seen, *((one.source, one.identity) for one in luggage.waiting)}
    for heard in together([Offer(0, *one, b"") for one in luggage.seen if one not in known]):
        stands = target.journal.head(book)
        target.journal.append(book, stands.epoch, stands.step, [], heard=heard)
    for client_id in there.reserved.keys() - luggage.reserved.keys():
        target.journal.release(head.account, client_id, 0.0)
    target.carrier.reserve(target.journal, head.account, luggage.reserved)
    return luggage.waiting


def _take_out_heard(target: Journal, book: str, luggage: Luggage, there: Luggage) -> None:
    """Take out of the other side's inbox what was heard on this side: it would be heard a second time.

    It waits there where the book left it when it moved away, or because a webhook has told the side that had no writer.
    """
    heard = {*luggage.seen} - {(one.source, one.identity) for one in luggage.waiting}
    for some in together([one.number for one in there.waiting if (one.source, one.identity) in heard]):
        stands = target.head(book)
        target.append(book, stands.epoch, stands.step, [], handled=some)


def _copy_account(source: Journal, target: Journal, account: str) -> None:
    """What holds of the account; a control that is newer on the other side stays."""
    there = {(one.scope, one.name): one for one in target.controls(account)}
    for one in source.controls(account):
        known = there.get((one.scope, one.name))
        if known is None or known.time < one.time:
            target.control(account, one)


def copy_segments(source: Artifacts, target: Artifacts, book: str) -> int:
    """The book's sealed segments that are not there yet; a record that names one can be verified on either side then."""
    there = set(target.names(prefix_of(book)))
    fresh = [name for name in source.names(prefix_of(book)) if name not in there]
    for name in fresh:
        target.put(name, source.get(name))
    return len(fresh)


def together(things: Sequence[Thing]) -> Iterator[list[Thing]]:
    """Things, as many at a time as one transaction of the cloud's table takes."""
    for first in range(0, len(things), THINGS_TOGETHER):
        yield list(things[first : first + THINGS_TOGETHER])
