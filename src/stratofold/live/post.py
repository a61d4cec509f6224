"""`post`: what the venue said while nobody ran the book is folded, so that positions are what they are.

What comes in: a journal, a book, its strategy, the time.  What goes out: how many facts were folded.
Why it is shaped so: positions are the fold of the records, so a fill that came by webhook counts when it is folded and
not before.  What the strategy wants because of it is written down and not sent: it is claimed when the book runs again,
unless it is too old by then.  Whoever runs the book does this itself; doing it beside a run would fence that run off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.protection import is_early
from stratofold.live.words import report_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.adapters.ports import Journal
    from stratofold.fold.strategy import Strategy


def post(
    journal: Journal, book: str, strategy: type[Strategy], holder: str, now: int,
    artifacts: Mapping[str, object] | None = None,
) -> int:  # fmt: skip
    """Become the writer of a book and fold the venue's facts that wait in its inbox; what else waits is left there.

    Raises as `open_desk` and `decide`: Stop SF801 when another writer came in between, Setup SF111 for another code.
    """
    desk = open_desk(journal, book, strategy, holder, now, artifacts)
    done = 0
    for offer in journal.inbox(book):
        if offer.source == "venue":
            # One at a time: whether a fill is an order's last depends on the one before.
            report = report_of(desk.fold, desk.manifest.book, desk.manifest.generation, offer.body)
            if report is not None and not is_early(desk.fold, report):
                done += decide(desk, [Heard(report, offer.number)], now, claim=False).count
    return done
