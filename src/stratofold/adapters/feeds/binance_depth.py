"""Diff depth joined to a snapshot, without any I/O: a book that is whole, or a wish for another snapshot.

What comes in: changes in the order in which they come, and snapshots asked for meanwhile.
What goes out: the snapshot and the changes after it, each once, none left out; nothing while the book is not whole.
Why it is shaped so: a change that was lost makes every later book wrong without anybody seeing it, so what does not follow
on the last change is not passed on.

Sources: "How to manage a local order book correctly", Binance Spot API (`U`, `u`) and USD-M Futures (`pu`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratofold.adapters.feeds.binance_translate import DepthSnapshot, DepthUpdate

KEPT_MAX = 5_000


class DepthJoin:
    """One symbol's book; `futures` say what each change follows on, spot counts without a hole."""

    def __init__(self, *, futures: bool, kept_max: int = KEPT_MAX) -> None:
        """Nothing was heard: a snapshot is wanted.  At most `kept_max` changes wait for it, the newest."""
        self.futures = futures
        self.wants_snapshot = True
        self.gaps = 0
        self.last = 0
        self._joins = False  # the next change is the first after a snapshot
        self._kept: deque[DepthUpdate] = deque(maxlen=kept_max)

    def hear(self, update: DepthUpdate) -> list[DepthUpdate]:
        """The changes that may be passed on now: this one, or none."""
        if self.wants_snapshot:
            self._kept.append(update)
            return []
        if self._is_old(update):
            return []
        if not self._follows(update):
            self.gaps += 1
            self.reset()
            self._kept.append(update)
            return []
        self.last = update.u
        self._joins = False
        return [update]

    def join(self, snapshot: DepthSnapshot) -> list[DepthUpdate] | None:
        """The changes after a snapshot, which comes first; None where it is too old: ask for another."""
        if not self.wants_snapshot:
            return None
        self.last = snapshot.lastUpdateId
        self._joins = True
        while self._kept and self._is_old(self._kept[0]):
            self._kept.popleft()
        if self._kept and not self._follows(self._kept[0]):
            return None
        waiting = list(self._kept)
        self._kept.clear()
        self.wants_snapshot = False
        return [update for each in waiting for update in self.hear(each)]

    def reset(self) -> None:
        """Forget the book: the connection is another, or something was lost."""
        self.wants_snapshot = True
        self._kept.clear()

    def _is_old(self, update: DepthUpdate) -> bool:
        """Whether the book holds it already; a futures' change that ends at the snapshot is needed for what follows on it."""
        if self.futures and self._joins:
            return update.u < self.last
        return update.u <= self.last

    def _follows(self, update: DepthUpdate) -> bool:
        """Whether nothing is missing between the book and this change."""
        if self.futures:
            return self.last >= update.U if self._joins else update.pu == self.last
        return self.last + 1 >= update.U
