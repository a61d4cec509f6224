"""A look at a book, also at one that nobody may go on with.

What comes in: a journal, a book's name, its strategy.  What goes out: its desk; and where this code decides a step otherwise
than it is written down (SF849), the desk as it was before that step, with what was filled or split afterwards as it is written.
Why it is shaped so: whoever may not go on with a book needs most of all to see what it holds.  Nothing is written here: what
this code would make of the steps after that one is not what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.events import LEFT_OUT, SPLIT, Action
from stratofold.fold.grid import to_lot
from stratofold.fold.log import FillLog
from stratofold.live.desk import Desk, manifest_of, read_desk, restore_fold
from stratofold.live.progress import ACTION_KINDS
from stratofold.live.steps import OtherwiseError
from stratofold.wire import event_of, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.ports import Journal
    from stratofold.events import Event
    from stratofold.fold.strategy import Strategy

_FILLS = 3  # where a step's body has them
_SYMBOL = FillLog.WHOLES.index("symbol")
_POSITION = len(FillLog.WHOLES) + FillLog.REALS.index("position")


class Later(NamedTuple):
    """A symbol at the end of what is written: what is held, its split factor, when it split last (ns UTC)."""

    quantity: float
    factor: float
    split: int


class Look(NamedTuple):
    """A desk to look at; where `otherwise` says why nobody may go on from it, `later` are the symbols filled or split since."""

    desk: Desk
    otherwise: OtherwiseError | None
    later: dict[str, Later]

    def brought_up(self) -> Desk:
        """The desk, its fold told what it holds at the end and in which units: to be compared, and for nothing else."""
        fold = self.desk.fold
        for name, later in self.later.items():
            handle = fold.handles[name]
            holding = fold.engine.book.ledger.holdings[handle]
            holding.quantity, holding.split_factor = later.quantity, later.factor
            fold.progress.action_until[handle * ACTION_KINDS + SPLIT] = later.split
        return self.desk


def look_at(
    journal: Journal, book: str, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None
) -> Look:
    """How a book stands; raises Stop SF849 only where no step since its last change is decided as it is written."""
    try:
        return Look(read_desk(journal, book, strategy, artifacts), None, {})
    except OtherwiseError as error:
        head = journal.head(book)
        fold = restore_fold(journal, book, strategy, artifacts, until=error.step - 1)
        desk = Desk(journal, manifest_of(journal, book), strategy, fold, head, artifacts=artifacts or {})
        return Look(desk, error, _later(desk, error.sequence))


def _now(desk: Desk, handle: int) -> Later:
    """A symbol as the fold has it."""
    holding = desk.fold.engine.book.ledger.holdings[handle]
    return Later(holding.quantity, holding.split_factor, desk.fold.progress.action_until[handle * ACTION_KINDS + SPLIT])


def _later(desk: Desk, sequence: int) -> dict[str, Later]:
    """What fills and splits have left of each symbol that had any, from a record on."""
    found: dict[int, Later] = {}
    for event, fills in _written(desk, sequence):
        if isinstance(event, Action) and event.kind == SPLIT and event.source != LEFT_OUT:
            found[event.symbol] = _split(desk, found.get(event.symbol) or _now(desk, event.symbol), event)
        for row in fills:
            handle = row[_SYMBOL]
            found[handle] = (found.get(handle) or _now(desk, handle))._replace(quantity=float(row[_POSITION]))
    return {desk.fold.names[handle]: later for handle, later in found.items()}


def _written(desk: Desk, sequence: int) -> Iterator[tuple[Event, list[list[Any]]]]:
    """The events from a record on, each with the fills of its step."""
    for record in desk.journal.records(desk.manifest.book, sequence - 1):
        if record.kind == "event":
            body = unpack(record.body)
            yield event_of(body[0]), body[_FILLS]


def _split(desk: Desk, before: Later, event: Action) -> Later:
    """A symbol after a split, as the ledger has it: whole lots, the rest is paid."""
    contract = desk.fold.engine.book.ledger.contracts[event.symbol]
    whole = to_lot(before.quantity * event.value, contract.lot, contract.quantity_scale)
    return Later(whole, before.factor * event.value, event.time)
