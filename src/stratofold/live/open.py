"""How a book begins: opened once, warmed on history, its account adopted, and how it changes.

What comes in: a manifest, history, what the venue holds.  What goes out: records; a desk that is ready to run.
Why it is shaped so: everything that a later replay needs to begin alike is an event or a record of its own (contract 9).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from stratofold.adapters.ports import Entry, VenueReport
from stratofold.errors import Setup
from stratofold.fold.grid import to_lot
from stratofold.live.begin import KEEP, MIGRATE, REBUILD, changed_fold, market_events
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import MANIFEST_MARK, Desk, read_desk
from stratofold.live.facts import refuse_unsafe
from stratofold.live.manifest import Beginning, Manifest, build_fold, configuration_hash, refuse_book_name, source_of
from stratofold.live.migrate import migrate
from stratofold.live.siblings import said_by_siblings, siblings
from stratofold.live.units import Elsewhere, elsewhere, put_elsewhere
from stratofold.live.words import offer_of
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.adapters.ports import AccountState, Head, Journal
    from stratofold.events import Event
    from stratofold.fold.strategy import Strategy

_CHUNK = 500
_DECIMALS = 9  # as venues count fractions of a share


def open_book(journal: Journal, manifest: Manifest, wall: int, source: str = "") -> Head:
    """Write a book's first record; raises Setup for a name that cannot be, or a book that is there already."""
    refuse_book_name(manifest.book)
    entry = Entry("opened", msgspec.msgpack.encode(Beginning(manifest=manifest, source=source)), _first(manifest, wall))
    return journal.create(manifest.book, manifest.account, manifest.generation, [entry])


def _first(manifest: Manifest, wall: int) -> bytes:
    """The envelope of the first record: there is no writer yet."""
    return pack({"wall": wall, "by": "open", "code": manifest.code, "configuration": configuration_hash(manifest)})


def difference(old: Manifest, new: Manifest) -> dict[str, tuple[object, object]]:
    """What is different between how a book was opened and how it would be opened now; identity and birth apart."""
    same = {"book", "account", "generation", "opened", "warmed_from"}
    # As they are written down: a tuple that was read back is a list.
    was, now = (msgspec.msgpack.decode(msgspec.msgpack.encode(one)) for one in (old, new))
    return {
        name: (was[name], now[name])
        for name in Manifest.__struct_fields__
        if name not in same and was[name] != now[name]
    }


def refuse_another(old: Manifest, new: Manifest) -> None:
    """Raise Setup SF848 for what a running book cannot get: its state counts by symbols, sessions, money, what it hears."""
    for name, was, now in (
        ("symbols", ", ".join(old.symbols), ", ".join(new.symbols)),
        ("calendar", old.calendar, new.calendar),
        ("currency", old.currency, new.currency),
        ("prices", *("ticks" if one.ticks else "bars" for one in (old, new))),
        ("guard", *("none" if one.bounds is None else "one" for one in (old, new))),
    ):
        if was != now:
            raise Setup(
                "SF848", f"the {name} of book {old.book} cannot change: {was} -> {now}",
                why="what it holds, owes and has heard is kept by them",
                fix="run it as it was, or open another beside it: --book NAME",
            )  # fmt: skip


def change(desk: Desk, manifest: Manifest, strategy: type[Strategy], chosen: str, wall: int) -> Desk:
    """Go on with other code, parameters or limits; returns the desk that does.

    The account is always kept.  The strategy's own state is kept as it is (`keep`; raises Setup SF111 when it does not
    fit), kept where names and shapes are the same and fresh elsewhere (`migrate`), or made anew from every market event
    that the book has heard (`rebuild`).  Written down with the state it leads to, so going back is one more change.
    The mark that leads to the record is written with it, and may name one before it: others write beside us (`note`).
    Raises Setup SF848 for what no change can be of, SF856 for what none can be of now.
    """
    refuse_another(desk.manifest, manifest)
    refuse_unsafe(desk.fold.engine.book, desk.manifest, manifest)
    events = market_events(desk.journal.records(manifest.book), strategy, desk.strategy)
    fold = changed_fold(desk.fold, manifest, strategy, chosen, events, desk.artifacts)
    body = Beginning(
        manifest=manifest, step=desk.fold.steps, state=fold.save(), chosen=chosen, source=source_of(strategy)
    )
    entry = Entry("changed", msgspec.msgpack.encode(body), desk.envelope("run", wall))
    mark = {MANIFEST_MARK: str(desk.head.sequence + 1)}
    head, _ = desk.journal.append(manifest.book, desk.head.epoch, desk.head.step, [entry], marks=mark)
    return replace(desk, manifest=manifest, strategy=strategy, fold=fold, head=head, snapshot_step=fold.steps)


def prospects(journal: Journal, manifest: Manifest, was: type[Strategy], strategy: type[Strategy]) -> list[str]:
    """What each choice would make of the strategy's own state, a sentence each; nothing is written."""
    desk = read_desk(journal, manifest.book, was)
    try:
        changed_fold(desk.fold, manifest, strategy, KEEP, (), desk.artifacts)
        kept = "goes on with the state as it is"
    except Setup as error:
        kept = f"is refused, {error.what}" + (f" ({error.place})" if error.place else "")
    fresh = migrate(desk.fold.strategy, build_fold(manifest, strategy, desk.artifacts).strategy)
    count = sum(1 for _ in market_events(journal.records(manifest.book), strategy, was))
    return [
        f"{KEEP} {kept}",
        f"{MIGRATE} " + (f"begins anew: {', '.join(fresh)}" if fresh else "carries everything over"),
        f"{REBUILD} folds {count:,} events again",
    ]


def warm_up(desk: Desk, events: Iterable[Event], wall: int) -> int:
    """Fold history, every order refused as `warming_up`; returns how many events there were."""
    _mark_warming(desk, wall, warming=True)
    count = 0
    chunk: list[Heard] = []
    for event in events:
        chunk.append(Heard(event))
        if len(chunk) == _CHUNK:
            count += decide(desk, chunk, wall, claim=False).count
            chunk = []
    count += decide(desk, chunk, wall, claim=False).count if chunk else 0
    _mark_warming(desk, wall, warming=False)
    return count


def _mark_warming(desk: Desk, wall: int, *, warming: bool) -> None:
    """A record that warming begins or ends, and the fold told so."""
    entry = desk.entry("warmed", {"warming": warming}, "run", wall)
    desk.head, _ = desk.journal.append(desk.manifest.book, desk.head.epoch, desk.head.step, [entry])
    desk.fold.warm(warming=warming)


def adopt(desk: Desk, account: AccountState, mine: Sequence[str], now: int) -> int:
    """Take the account's positions in `mine` into the book at their average price, and note the others as held elsewhere.

    Returns how many were taken.  They come as fills without an order, so the book's cash is its capital less their cost.
    A book counts in lots: what a venue holds of a fraction, as a split may have left it, stays nobody's.
    """
    book = desk.manifest.book
    others = {name: sum(one.quantity for one in said) for name, said in (said_by_siblings(desk) or {}).items()}
    offers = []
    for symbol, (whole, price) in sorted(account.positions.items()):
        quantity = whole - others.get(symbol, 0.0)
        if quantity == 0.0:
            continue
        lots = _lots(desk, symbol, quantity) if symbol in mine else 0.0
        if lots != 0.0:
            side = 1 if lots > 0.0 else -1
            fact = VenueReport(f"adopted:{symbol}", "filled", "", "", symbol, side, now, abs(lots), price)
            offers.append(offer_of(fact))
            _taken_from_elsewhere(desk, symbol, lots)
        if lots != quantity:
            put_elsewhere(desk.journal, book, symbol, Elsewhere(round(quantity - lots, _DECIMALS)))
    return desk.journal.offer(book, offers) if offers else 0


def _lots(desk: Desk, symbol: str, quantity: float) -> float:
    """How much of a quantity is whole lots; nothing of a symbol that the book does not trade."""
    handle = desk.fold.handles.get(symbol, -1)
    if handle < 0:
        return 0.0
    contract = desk.fold.engine.book.ledger.contracts[handle]
    return to_lot(quantity, contract.lot, contract.quantity_scale)


def _taken_from_elsewhere(desk: Desk, symbol: str, quantity: float) -> None:
    """What this book takes, the account's other books no longer count as nobody's."""
    for head in siblings(desk):
        known = elsewhere(desk.journal, head.book, symbol)
        if known.quantity:
            put_elsewhere(desk.journal, head.book, symbol, known._replace(quantity=known.quantity - quantity))
