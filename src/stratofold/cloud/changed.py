"""Other code for a running book: what its records mean was decided by the code that made them, so a change is recorded.

What comes in: the stack's journal, the strategy as it is now, what is to become of the book's state.  What goes out: which
books would change, and a `changed` record in each.
Why it is shaped so: the functions refuse to hear with other code than the book's manifest names, so between the new alias
and this record events wait in their queue; nothing is heard by the wrong code, and nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.ports import Journal


def running_code(journal: Journal, holder: str) -> dict[str, str]:
    """The books of a holder, and the hash of the code that each runs."""
    from stratofold.live.desk import manifest_of

    return {head.book: manifest_of(journal, head.book).code for head in journal.books() if head.holder == holder}


def changed_books(journal: Journal, holder: str, strategy: type[Any]) -> list[str]:
    """The books of a holder that run other code than `strategy` is."""
    from stratofold.live.manifest import code_hash

    return [book for book, code in running_code(journal, holder).items() if code != code_hash(strategy)]


def refuse_unsaid(books: list[str], *, acknowledged: bool) -> None:
    """Raise Stop SFA32 where a running book would get other code and nobody said that it is meant."""
    if books and not acknowledged:
        raise Stop(
            "SFA32", f"book {', '.join(books)} runs other code than this", why="what changes about a running book is acknowledged first, and recorded",
            fix="stratofold deploy --acknowledge, and --state keep, migrate or rebuild; or give the code that it runs",
        )  # fmt: skip


def record(
    journal: Journal,
    book: str,
    holder: str,
    as_it_was: type[Any],
    strategy: type[Any],
    chosen: str,
    now: Callable[[], int],
) -> int:
    """Write down that a book goes on with other code; returns its step.  Raises as `live.open.change` does."""
    import msgspec

    from stratofold.live.desk import open_desk
    from stratofold.live.manifest import code_hash
    from stratofold.live.open import change

    desk = open_desk(journal, book, as_it_was, holder, now())
    manifest = msgspec.structs.replace(desk.manifest, code=code_hash(strategy))
    return change(desk, manifest, strategy, chosen, now()).head.step
