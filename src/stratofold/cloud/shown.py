"""What people read of a stack's book, written as a whole: when the book came here, and nobody wrote it here before.

What comes in: a desk on a stack's table.  What goes out: its positions, open orders and balance as items; those of what is gone
are taken away.
Why it is shaped so: a laptop keeps no such items, and what it did while the book was there changed none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.cloud.move import together
from stratofold.live.views import standing_views

if TYPE_CHECKING:
    from stratofold.adapters.aws.journal import Journal
    from stratofold.live.desk import Desk


def show_standing(journal: Journal, desk: Desk) -> None:
    """Write every view as the book stands; raises Stop SF801 where another has taken it meanwhile."""
    book = desk.manifest.book
    stands = standing_views(desk)
    shown = {name: held for kind in ("position/", "order/") for name, held in journal.views(book, kind).items()}
    changed: dict[str, dict[str, str] | None] = {name: held for name, held in stands.items() if shown.get(name) != held}
    changed |= dict.fromkeys(shown.keys() - stands.keys())
    for some in together(list(changed.items())):
        desk.head, _ = journal.append(book, desk.head.epoch, desk.head.step, [], views=dict(some))
