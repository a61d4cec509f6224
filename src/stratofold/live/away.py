"""A book that was moved away: what is left of it in a store is a copy, which has to stay as it was.

What comes in: a journal and a book's head.  What goes out: whether it is such a copy; notes where it is none.
Why it is shaped so: a note (an alert, a halt, a seal) needs no epoch, so nothing fences it off; one that is written to the copy
parts its chain from that of the book, and the book could never be moved back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.adapters.nouns import Entry, Head
    from stratofold.adapters.ports import Journal


def is_away(journal: Journal, head: Head) -> bool:
    """Whether a book is with the other side: with a stack, seen from a folder; with a laptop, seen from a table."""
    return head.holder.startswith(journal.elsewhere)


def note(journal: Journal, book: str, entries: Sequence[Entry]) -> None:
    """Append records that fold nothing, where the book is ours to write of."""
    if not is_away(journal, journal.head(book)):
        journal.note(book, entries)
