"""The journal in the cloud: one DynamoDB table, any number of functions at once, nothing lost that was said to be written.

What comes in: the calls of `ports.Journal`.  What goes out: each of them as one transaction of the table.
Why it is shaped so: as its embedded twin, the port's methods stand here in the port's order and say what one transaction
holds, and how an item is kept is in the file of its name.  Nobody can hold a lock there, so a method builds its
transaction on what is remembered, and builds it again on what it learns when that was not so any more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from stratofold.adapters.account import verdict
from stratofold.adapters.aws.desk import Desks, state_key
from stratofold.adapters.aws.inbox import TOGETHER_MAX, Inbox, counter_key
from stratofold.adapters.aws.outbox import Outbox, message_key, message_of
from stratofold.adapters.aws.pending import defer
from stratofold.adapters.aws.places import REGISTRY, Places, head_key
from stratofold.adapters.aws.spill import Spill
from stratofold.adapters.aws.table import EXPIRES, NEW, Key, Table, Transaction
from stratofold.adapters.nouns import CLAIMED, DROPPED, REJECTED, Message, Settlement
from stratofold.adapters.rules import settled as brought
from stratofold.errors import Retry, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.adapters.account import Account
    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.aws.hot import Hot
    from stratofold.adapters.aws.table import Item
    from stratofold.adapters.nouns import AccountLimits, Control, Entry, Head, Offer, Record

    # Called with the verb ("append", "settle", ...) and "before" or "after" its commit; what it raises is a crash there.
    Fault = Callable[[str, str], None]
    Views = Mapping[str, Mapping[str, str] | None]

Result = TypeVar("Result")

# How often a transaction is built again because others were first.
TURNS = 40
SECOND = 1_000_000_000
FORBIDDEN = "SF763"


class Journal:
    """See `ports.Journal`."""

    keeps_views = True
    elsewhere = "laptop:"

    def __init__(
        self,
        aws: Client,
        table: str,
        bucket: str = "",
        *,
        hot: Hot | None = None,
        fault: Fault | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """On a table that is there; `bucket` takes what is too large for an item.  Nothing is asked yet.

        With a `hot` store every snapshot that `append` is given lies there, and only some in the table: so a snapshot with
        every append costs little, and a cold function folds next to nothing again.
        `fault` is called with the verb and "before" or "after", around every commit.
        """
        self._table = Table(aws, table, sleep)
        self._spill = Spill(aws, bucket)
        self._fault = fault
        self.hot = hot
        self._places = Places(self._table, self._spill, hot)
        self._outbox = Outbox(self._table)
        self._inbox = Inbox(self._table)
        self._desks = Desks(self._table)
        self._watched: dict[Key, int] = {}
        self._moved: dict[Key, int] = {}
        self._others = 0

    @property
    def table(self) -> Table:
        """The table behind it, for what is no journal's business: moving a book to another store."""
        return self._table

    def beside(self, fault: Fault | None = None) -> Journal:
        """The same table as another process would see it."""
        return Journal(
            self._table.aws, self._table.name, self._spill.bucket, hot=self.hot, fault=fault, sleep=self._table.sleep
        )

    def _write(self, verb: str, build: Callable[[Transaction], Result]) -> Result:
        """What `build` puts into a transaction, written; built again when what it was built on was not so any more.

        Raises what `build` raises, and Retry SF814 when others were first again and again.
        """
        for turn in range(TURNS):
            if turn:
                self._table.pause(turn)
            transaction = Transaction()
            result = build(transaction)
            if transaction.is_too_large:
                transaction = Transaction(defers=True)
                result = build(transaction)
                if transaction.rest is not None:
                    defer(transaction, self._spill, transaction.rest)
            if not transaction.writes:
                return result
            if self._fault is not None:
                self._fault(verb, "before")
            if self._commit(transaction):
                if self._fault is not None:
                    self._fault(verb, "after")
                return result
        raise Retry(
            "SF814",
            "others were first at the journal for too long",
            place=self._table.name,
            why=f"what {verb} was built on had changed {TURNS} times before it was written",
            fix="run it again; if it stays so, have fewer functions write this book at once",
        )

    def _commit(self, transaction: Transaction) -> bool:
        """Write a transaction; whatever it raises, only the table knows then."""
        try:
            written = self._table.commit(transaction)
        except BaseException:
            self._forget()
            raise
        if written:
            for key, move in transaction.moves.items():
                self._moved[key] = self._moved.get(key, 0) + move
        return written

    def _forget(self) -> None:
        for each in (self._places, self._outbox, self._inbox, self._desks):
            each.forget()

    # Books and records.

    def create(self, book: str, account: str, generation: str, entries: Sequence[Entry]) -> Head:
        """See `ports.Journal`."""
        return self._write("create", lambda to: self._places.add(to, book, account, generation, entries))

    def books(self) -> list[Head]:
        """See `ports.Journal`."""
        return self._places.heads()

    def head(self, book: str) -> Head:
        """See `ports.Journal`."""
        return self._places.reload(book).head

    def take(self, book: str, holder: str, time: int) -> Head:
        """See `ports.Journal`."""
        return self._write("take", lambda to: self._places.take(to, book, holder, time))

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
        views: Views | None = None,
    ) -> tuple[Head, list[Message]]:
        """See `ports.Journal`; raises Bug SF810 for a message key that was written before, Setup SF860 for too much.

        More messages than one transaction can claim are written first, and then claimed some at a time.
        """
        if claim_at is not None and len(messages) > TOGETHER_MAX:
            head, _ = self.append(
                book, epoch, step, entries, steps=steps, messages=messages, handled=handled, snapshot=snapshot,
                released=released, marks=marks, settled=settled, heard=heard, views=views,
            )  # fmt: skip
            return head, self._claim_all(book, epoch, [each.key for each in messages], claim_at)

        def build(to: Transaction) -> tuple[Head, list[Message]]:
            head = self._places.extend(to, book, entries, epoch, step, steps, snapshot)
            ended = self._answer(to, head, settled)
            released_now = {**dict.fromkeys(ended, 0.0), **(released or {})}
            claimed = self._judge(to, head, messages, claim_at, released_now)
            self._mark(to, book, marks or {})
            self._outbox.add(to, book, claimed or messages, head.sequence)
            self._inbox.handle(to, book, handled)
            self._inbox.hear(to, book, heard)
            self._show(to, book, views or {})
            return head, claimed

        written = self._write("append", build)
        if messages and claim_at is None:
            # Whoever claims and answers them writes to the book before we do again.
            self._places.forget(book)
        return written

    def _judge(
        self,
        to: Transaction,
        head: Head,
        messages: Sequence[Message],
        time: int | None,
        released: Mapping[str, float],
    ) -> list[Message]:
        """What orders reserve no more, and messages as claimed or dropped, each counting against the next."""
        if (time is None or not messages) and not any(released.values()):
            self._desks.end(to, head.account, released)
            return []
        before = self._desks.desk(head.account)
        after = before.account.copy()
        for client_id, exposure in released.items():
            after.release(client_id, exposure)
        judged = [] if time is None else [_judged(head, after, each, time) for each in messages]
        self._desks.judge(to, before, after)
        return judged

    def note(self, book: str, entries: Sequence[Entry]) -> Head:
        """See `ports.Journal`."""
        return self._write("note", lambda to: self._places.extend(to, book, entries))

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
        self._outbox.learn(self._look(book, keys))

        def build(to: Transaction) -> list[Message]:
            head = self._places.extend(to, book, entries, epoch)
            ready = self._outbox.ready(book, keys)
            judged = self._judge(to, head, ready, time, {})
            for each in judged:
                self._outbox.change(to, book, each)
            return judged

        return self._write("claim", build)

    def _claim_all(self, book: str, epoch: int, keys: Sequence[str], time: int) -> list[Message]:
        """Claim any number of messages, as many at a time as a transaction holds."""
        parts = [keys[first : first + TOGETHER_MAX] for first in range(0, len(keys), TOGETHER_MAX)]
        return [message for part in parts for message in self.claim(book, epoch, part, time)]

    def _look(self, book: str, keys: Sequence[str]) -> list[Item]:
        """Some messages as they are now, and with them, in one request, what claiming and answering them is built on.

        Raises Setup SF805.
        """
        places = [message_key(book, key) for key in keys]
        account = self._places.account(book)
        beside = [head_key(book), counter_key(book), *([state_key(account)] if account else [])]
        found = self._table.get_many([*beside, *places])
        head, counter, *state = [found.pop(key, None) for key in beside]
        self._inbox.learn(book, counter)
        if state:
            self._desks.learn(account, state[0])
        self._places.learn(book, head)
        if self._finished(book):
            found = self._table.get_many(places)
        return list(found.values())

    def _finished(self, book: str) -> bool:
        """Whether something was pending of a step and is done now; who may not do it reads what is there."""
        try:
            return self._places.finished(book)
        except Setup as error:
            if error.code != FORBIDDEN:
                raise
            return False

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
        settlement = Settlement(key, state, answer, offers, marks or {})

        def build(to: Transaction) -> None:
            head = self._places.extend(to, book, entries)
            self._desks.end(to, head.account, self._answer(to, head, [settlement]))

        self._write("settle", build)

    def _answer(self, to: Transaction, head: Head, settlements: Sequence[Settlement]) -> list[str]:
        """Answers written down, and what they offer; the orders that reserve nothing any more because of them."""
        ended = []
        for each in settlements:
            after = self._outbox.settle(to, head.book, each.key, each.state, each.answer)
            if after is not None and after.state == REJECTED and after.action == "submit":
                ended.append(after.client_id)
            self._mark(to, head.book, each.marks)
        self._inbox.add(to, head.book, [offer for each in settlements for offer in each.offers])
        return ended

    def release(self, account: str, client_id: str, exposure: float) -> None:
        """See `ports.Journal`; what is not reserved stays so."""
        self._desks.forget(account)
        self._write("release", lambda to: self._desks.release(to, account, {client_id: exposure}))

    def outbox(self, book: str, *states: str) -> list[Message]:
        """See `ports.Journal`; every message when no state is named."""
        self._places.reload(book)
        self._finished(book)
        return self._outbox.messages(book, states)

    def message(self, book: str, key: str) -> Message | None:
        """See `ports.Journal`."""
        found = self._look(book, [key])
        return message_of(found[0]) if found else None

    # The inbox.

    def offer(self, book: str, offers: Sequence[Offer]) -> int:
        """See `ports.Journal`; the number an offer comes with is not looked at.  Many are taken in some at a time."""
        self._inbox.look(book, offers)
        return sum(
            self._offer(book, offers[first : first + TOGETHER_MAX]) for first in range(0, len(offers), TOGETHER_MAX)
        )

    def _offer(self, book: str, offers: Sequence[Offer]) -> int:
        return self._write("offer", lambda to: self._inbox.add(to, book, offers))

    def fresh(self, book: str, offers: Sequence[Offer]) -> list[Offer]:
        """See `ports.Journal`."""
        return self._inbox.fresh(book, offers)

    def inbox(self, book: str, limit: int = 256) -> list[Offer]:
        """See `ports.Journal`; never more at once than one append can handle."""
        return self._inbox.waiting(book, limit)

    # The account.

    def control(self, account: str, control: Control) -> Control:
        """See `ports.Journal`."""
        return self._write("control", lambda to: self._desks.control(to, account, control))

    def controls(self, account: str) -> list[Control]:
        """See `ports.Journal`."""
        return self._desks.controls(account)

    def limit(self, account: str, limits: AccountLimits) -> None:
        """See `ports.Journal`."""
        self._write("limit", lambda to: self._desks.limit(to, account, limits))

    def reserved(self, account: str) -> dict[str, float]:
        """See `ports.Journal`."""
        return self._desks.reserved(account)

    # Small facts.

    def mark(self, book: str, name: str, value: str | None = None) -> str | None:
        """See `ports.Journal`; None when it was never written."""
        if value is not None:
            self._write("mark", lambda to: self._mark(to, book, {name: value}))
            return value
        item = self._table.get(_mark_key(book, name))
        return None if item is None else str(item["value"])

    def _mark(self, to: Transaction, book: str, marks: Mapping[str, str]) -> None:
        for name, value in marks.items():
            to.put(_mark_key(book, name), {"value": value})

    def _show(self, to: Transaction, book: str, views: Views) -> None:
        for name, held in views.items():
            key = Key(f"book/{book}", f"view/{name}")
            if held is None:
                to.delete(key, later=True)
            else:
                to.put(key, held, later=True)

    def views(self, book: str, start: str = "") -> dict[str, dict[str, str]]:
        """What `append` was given as views last, by name; those whose name begins so."""
        items = self._table.begins(f"book/{book}", f"view/{start}")
        return {item.pop("sk").partition("/")[2]: item for item in items if item.pop("pk")}

    def nonce(self, key: str, least: int = 0) -> int:
        """See `ports.Journal`; the first is `least`, or 1."""
        place = Key(f"nonce/{key}", "nonce")
        held = self._table.get(place)
        while True:
            last = held["value"] if held else 0
            value: int = max(least, last + 1)
            held = self._write_alone("nonce", place, {"value": value}, {"value": last} if held else NEW)
            if held is None:
                return value

    def once(self, name: str, until: int, now: int) -> bool:
        """See `ports.Journal`; DynamoDB drops names some time after their time is over, so times are compared here."""
        place = Key(f"once/{name}", "once")
        values = {"until": until, EXPIRES: until // SECOND + 1}
        held = self._write_alone("once", place, values, NEW)
        while held is not None and held["until"] <= now:
            held = self._write_alone("once", place, values, {"by": held["by"]})
        return held is None

    def _write_alone(
        self, verb: str, key: Key, values: Mapping[str, object], where: Mapping[str, object]
    ) -> dict[str, int] | None:
        """One item by itself; None when it is written, else what stands there."""
        if self._fault is not None:
            self._fault(verb, "before")
        held = self._table.put_alone(key, values, where)
        if self._fault is not None and held is None:
            self._fault(verb, "after")
        return held

    def changed(self) -> int:
        """See `ports.Journal`: of the books and accounts that this process has to do with, and the list of books."""
        keys = {REGISTRY: None, **dict.fromkeys(self._watched)}
        for head in self._places.known():
            keys.update(dict.fromkeys((head_key(head.book), counter_key(head.book), state_key(head.account))))
        found = self._table.get_many(keys)
        for key in keys:
            item = found.get(key, {})
            now = sum(item.get(name, 0) for name in ("sequence", "step", "epoch", "last", "version", "count"))
            if key in self._watched:
                self._others += now - self._watched[key] - self._moved.get(key, 0)
            self._watched[key] = now
        self._moved.clear()
        return self._others

    def close(self) -> None:
        """See `ports.Journal`."""
        self._table.aws.close()
        if self.hot is not None:
            self.hot.close()


def _mark_key(book: str, name: str) -> Key:
    return Key(f"book/{book}", f"mark/{name}")


def _judged(head: Head, account: Account, message: Message, time: int) -> Message:
    """A message as claimed, its reservation taken, or as dropped."""
    reason = verdict(message, account, head.book, time)
    if reason:
        return brought(message, DROPPED, head.epoch, reason)
    account.take(message, head.book, time)
    return brought(message, CLAIMED, head.epoch, "")
