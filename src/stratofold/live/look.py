"""A look at a book, also at one that nobody may go on with.

What comes in: a journal, a book's name, its strategy.  What goes out: its desk; and where this code decides a step otherwise
than it is written down (SF849), the desk as it was before that step, with what was filled afterwards as it is written.
Why it is shaped so: whoever may not go on with a book needs most of all to see what it holds.  Nothing is written here: what
this code would make of the steps after that one is not what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stratofold.fold.log import FillLog
from stratofold.live.desk import Desk, manifest_of, read_desk, restore_fold
from stratofold.live.steps import OtherwiseError
from stratofold.wire import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.adapters.ports import Journal
    from stratofold.fold.strategy import Strategy

_FILLS = 3  # where a step's body has them
_SYMBOL = FillLog.WHOLES.index("symbol")
_POSITION = len(FillLog.WHOLES) + FillLog.REALS.index("position")


class Look(NamedTuple):
    """A desk to look at; where `otherwise` says why nobody may go on from it, `filled` are the positions that later fills left."""

    desk: Desk
    otherwise: OtherwiseError | None
    filled: dict[str, float]

    def held(self) -> dict[str, float]:
        """What the book holds of each of its symbols, as it is written down."""
        holdings = self.desk.fold.engine.book.ledger.holdings
        return {name: holdings[handle].quantity for handle, name in enumerate(self.desk.fold.names)} | self.filled


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
        return Look(desk, error, _filled(desk, error.sequence))


def _filled(desk: Desk, sequence: int) -> dict[str, float]:
    """The position that the last fill left of each symbol that was filled, from a record on."""
    found = {}
    for record in desk.journal.records(desk.manifest.book, sequence - 1):
        for row in unpack(record.body)[_FILLS] if record.kind == "event" else ():
            found[desk.fold.names[row[_SYMBOL]]] = float(row[_POSITION])
    return found
