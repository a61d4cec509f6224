"""The limits of an account that several books share: the strictest that any of them states.

What comes in: what one book states of the account.  What goes out: what holds for all of them, in the account's one row.
Why it is shaped so: a book's configuration is a promise to whoever wrote it, so no other book may loosen it, whichever was
started last.  What each book stated is kept beside it, so the strictest is found again from what is written down, and a
book that states less lets go of what it alone held back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from stratofold.adapters.ports import AccountLimits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.ports import Journal

ACCOUNT_MARK = "account_limits"  # what a book states of its account, as JSON
PLACE_MARK = "account_limits_of_place"  # the same of where the book runs: a stack's parameters


def share_limits(journal: Journal, book: str, account: str, stated: AccountLimits, *, alone: bool = False) -> None:
    """Hold the account to the strictest that its books state.

    `alone`: what other books stated is replaced by this, until each states its own again at its next start.
    """
    text = json.dumps(asdict(stated))
    for name in _books(journal, account) if alone else [book]:
        if journal.mark(name, ACCOUNT_MARK) != text:  # a start that says nothing new waits for no disk
            journal.mark(name, ACCOUNT_MARK, text)
    hold_limits(journal, account)


def cap_limits(journal: Journal, book: str, account: str, most: AccountLimits | None) -> None:
    """Hold the account to what its books state, and to no more than the place where this one runs allows (None: all)."""
    text = json.dumps(asdict(most)) if most is not None else ""
    if (journal.mark(book, PLACE_MARK) or "") != text:
        journal.mark(book, PLACE_MARK, text)
    hold_limits(journal, account)


def hold_limits(journal: Journal, account: str) -> None:
    """Hold the account to the strictest that was stated of it; where nothing was, what holds stays."""
    told = _told(journal, account)
    while told:
        journal.limit(account, strictest(told.values()))
        before, told = told, _told(journal, account)
        if before == told:  # nobody has stated anything between our look and our word
            return


def stricter_elsewhere(journal: Journal, account: str, stated: AccountLimits) -> list[str]:
    """A sentence for each limit in which another book of the account is stricter than `stated`."""
    told, mine = _told(journal, account), asdict(stated)
    return [
        f"account.{name}: {mine[name]} is stated here, and {value} holds, which {_whose(name, value, told)} states"
        for name, value in asdict(strictest(told.values())).items()
        if value != mine[name]
    ]


def strictest(limits: Iterable[AccountLimits]) -> AccountLimits:
    """Of each limit the smallest; orders of two books may meet only where all allow it."""
    rows = [asdict(one) for one in limits]
    return AccountLimits(**{name: min(row[name] for row in rows) for name in rows[0]})


def _told(journal: Journal, account: str) -> dict[str, AccountLimits]:
    """What was stated of the account, by whom."""
    marks = {
        f"{whose} {name}": journal.mark(name, mark)
        for name in _books(journal, account)
        for whose, mark in (("book", ACCOUNT_MARK), ("the stack of", PLACE_MARK))
    }
    return {name: AccountLimits(**json.loads(text)) for name, text in marks.items() if text}


def _books(journal: Journal, account: str) -> list[str]:
    """The books of an account."""
    return [head.book for head in journal.books() if head.account == account]


def _whose(name: str, value: float, told: dict[str, AccountLimits]) -> str:
    """Who is the first that states a value."""
    return next(whose for whose, limits in told.items() if getattr(limits, name) == value)
