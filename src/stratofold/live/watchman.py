"""The watchman: looks at every book from a process of its own, so that a run that has died is missed.

What comes in: a journal that others write, the time.  What goes out: alerts, as records of the books and as calls.
Why it is shaped so: a run cannot tell that it is dead, or that it hangs.  It leaves a heartbeat in the journal while it
lives and takes it away when it ends in order; one that is there and old is a run that did not end in order.  Messages
whose fate nobody knows and queues that nobody empties show in the journal too, whoever should have looked after them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.adapters.ports import CLAIMED, READY, UNKNOWN, Entry
from stratofold.live.alerts import Alerts, Habits, alert_body, deliver_alerts
from stratofold.live.archive import seal
from stratofold.live.away import is_away
from stratofold.live.watch import Figures, Thresholds, Watch
from stratofold.wire import pack

if TYPE_CHECKING:
    from stratofold.adapters.ports import Alert, Artifacts, Journal, Notifier

# The mark of a book's run: when it was last alive, ns UTC, as text; empty after a run that ended in order.
HEARTBEAT = "heartbeat"
HEARTBEAT_SECONDS = 10.0
_SECOND_NS = 1_000_000_000


class Pulse:
    """Leaves the heartbeat of a run."""

    def __init__(self, journal: Journal, book: str) -> None:
        """It has not beaten yet."""
        self.journal = journal
        self.book = book
        self.last = 0

    def beat(self, now: int) -> None:
        """The run is alive; written every ten seconds at most."""
        if now - self.last >= HEARTBEAT_SECONDS * _SECOND_NS:
            self.last = now
            self.journal.mark(self.book, HEARTBEAT, str(now))

    def rest(self) -> None:
        """The run ends in order."""
        self.journal.mark(self.book, HEARTBEAT, "")


@dataclass(slots=True)
class UnknownSince:
    """When each message of unknown fate was first seen to be one."""

    times: dict[str, int] = field(default_factory=dict)

    def see(self, journal: Journal, book: str, now: int) -> dict[str, int]:
        """Those there are now, with the time each was first seen."""
        keys = [message.key for message in journal.outbox(book, UNKNOWN)]
        self.times = {key: self.times.get(key, now) for key in keys}
        return self.times


@dataclass(slots=True)
class _Post:
    """What the watchman knows of one book."""

    watch: Watch
    unknown: UnknownSince
    alerts: Alerts
    beat: str = ""
    heard: int = 0


class Watchman:
    """Looks after every book of a journal."""

    def __init__(
        self, journal: Journal, notifier: Notifier | None = None, thresholds: Thresholds | None = None,
        artifacts: Artifacts | None = None, habits: Habits | None = None,
    ) -> None:  # fmt: skip
        """Nothing was looked at yet; with `artifacts` whole segments are sealed that a busy run has left."""
        self.artifacts = artifacts
        self.journal = journal
        self.notifier = notifier
        self.thresholds = thresholds or Thresholds()
        self.habits = habits or Habits()
        self.posts: dict[str, _Post] = {}

    async def look(self, now: int, envelope: bytes = b"") -> list[tuple[str, Alert]]:
        """Look once at everything that was not moved away; returns the alerts that are told, each with its book."""
        told: list[tuple[str, Alert]] = []
        for head in (one for one in self.journal.books() if not is_away(self.journal, one)):
            post = self.posts.setdefault(
                head.book, _Post(Watch(None, self.thresholds), UnknownSince(), Alerts(self.habits))
            )
            alerts = post.alerts.update(now, post.watch.tick(now, self._figures(head.book, post, now)))
            if alerts:
                stamp = envelope or pack({"wall": now, "by": "watch"})
                self.journal.note(head.book, [Entry("alert", alert_body(alert), stamp) for alert in alerts])
            told += [(head.book, alert) for alert in alerts]
            if self.artifacts is not None:
                seal(self.journal, self.artifacts, head.book, envelope or pack({"wall": now, "by": "archive"}))
            if self.notifier is not None:
                await deliver_alerts(post.alerts, self.notifier, now)
        return told

    def _figures(self, book: str, post: _Post, now: int) -> Figures:
        """What the journal shows of a book."""
        beat = self.journal.mark(book, HEARTBEAT) or ""
        if beat != post.beat:  # what counts is that it changes: a run's clock may be an exchange's that replays
            post.beat, post.heard = beat, now
        return Figures(
            unknown=post.unknown.see(self.journal, book, now),
            inbox=len(self.journal.inbox(book, self.thresholds.backlog_max + 1)),
            outbox=len(self.journal.outbox(book, READY, CLAIMED)),
            heartbeats={f"the run of {book}": post.heard} if beat else {},
        )
