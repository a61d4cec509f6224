"""Alerts: what is true and should not be becomes one message to a person, again until somebody has heard it.

What comes in: at each tick the conditions that hold, and the time.  What goes out: deliveries that are due, and a record
of each alert.
Why it is shaped so: a condition that lasts is one alert, not one a tick; one that nobody answers grows louder; one that
ends is said to be over; a channel that failed is tried again alone; and a thousand different ones are told as one, since
97 mails that nobody reads are worth none.  It has no clock and no channel, so all of that is tested as tables.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from stratofold.adapters.ports import Alert
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.adapters.ports import Notifier

INFO, WARNING, CRITICAL = "info", "warning", "critical"
_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
STORM = "storm"


class Condition(NamedTuple):
    """What holds now and should not: `key` is what makes two of them the same."""

    key: str
    level: str
    title: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Habits:
    """How loud, how often: seconds, and how many different alerts a minute are told one by one."""

    repeat_seconds: float = 900.0
    escalate_seconds: float = 300.0
    clear_seconds: float = 60.0
    each_minute_max: int = 20
    retry_seconds_max: float = 60.0


@dataclass(slots=True)
class _Open:
    """An alert that holds: when it began, was last true, was last told, and whether somebody said that they know."""

    alert: Alert
    since: int
    seen: int
    told: int
    acknowledged: bool = False
    momentary: bool = False


@dataclass(slots=True)
class Delivery:
    """An alert on its way: to all channels, or to those in `only`; `attempt` counts from 0, `at` is when it is due."""

    alert: Alert
    at: int
    only: tuple[str, ...] = ()
    attempt: int = 0


@dataclass(slots=True)
class Alerts:
    """The alerts that hold and the deliveries that are due."""

    habits: Habits = field(default_factory=Habits)
    holding: dict[str, _Open] = field(default_factory=dict)
    waiting: dict[str, Delivery] = field(default_factory=dict)
    _lately: deque[int] = field(default_factory=deque)
    _folded: int = 0
    _stormed: int = -(2**62)

    def update(self, now: int, conditions: Iterable[Condition]) -> list[Alert]:
        """Take what holds at `now`; returns the alerts that are to be told, in order, for the record."""
        told: list[Alert] = []
        for condition in conditions:
            told += self._hold(condition, now)
        for key in [key for key, one in self.holding.items() if self._over(one, now)]:
            told += self._clear(self.holding.pop(key), now)
        return told

    def tell(self, now: int, condition: Condition) -> list[Alert]:
        """Something that happened, rather than holds: told once, and the same again only after the repeat time."""
        told = self._hold(condition, now)
        self.holding[condition.key].momentary = True
        return told

    def acknowledge(self, key: str) -> bool:
        """Somebody knows: it is told no more until it is over; returns whether there was such an alert."""
        one = self.holding.get(key)
        if one is not None:
            one.acknowledged = True
            self.waiting.pop(key, None)
        return one is not None

    def due(self, now: int) -> list[Delivery]:
        """The deliveries to be made now, oldest first."""
        return [delivery for delivery in self.waiting.values() if delivery.at <= now]

    def delivered(self, delivery: Delivery, failed: Iterable[str] | None, now: int) -> None:
        """What came of one: the channels that `failed` (None: nothing was heard at all) are tried again, later each time."""
        key = delivery.alert.key
        if self.waiting.get(key) is not delivery:
            return  # a newer alert of this key has taken its place
        left = delivery.only if failed is None else tuple(failed)
        if failed is not None and not left:
            del self.waiting[key]
            return
        pause = min(2.0**delivery.attempt, self.habits.retry_seconds_max)
        self.waiting[key] = Delivery(delivery.alert, now + int(pause * _SECOND_NS), left, delivery.attempt + 1)

    def _hold(self, condition: Condition, now: int) -> list[Alert]:
        """A condition holds: new, or again, or for so long that it is told again or louder."""
        one = self.holding.get(condition.key)
        if one is None:
            alert = Alert(condition.key, condition.level, condition.title, condition.text, now, dict(condition.facts))
            self.holding[condition.key] = _Open(alert, now, now, now)
            return self._queue(alert, now)
        if one.momentary and now - one.told >= self.habits.repeat_seconds * _SECOND_NS:
            del self.holding[condition.key]
            return self._hold(condition, now)
        one.seen = now
        level = max(one.alert.level, condition.level, key=(INFO, WARNING, CRITICAL).index)
        facts: Mapping[str, str] = dict(condition.facts)
        louder, before = self._louder(one, level, now), one.alert.level
        one.alert = structs.replace(
            one.alert, level=louder, title=condition.title, text=condition.text, time=now, facts=facts
        )
        again = now - one.told >= self.habits.repeat_seconds * _SECOND_NS
        if one.momentary or one.acknowledged or not (again or louder != before):
            return []
        one.told = now
        return self._queue(one.alert, now)

    def _louder(self, one: _Open, level: str, now: int) -> str:
        """A warning that nobody answered becomes critical."""
        waited = now - one.since >= self.habits.escalate_seconds * _SECOND_NS
        return CRITICAL if level == WARNING and waited and not one.acknowledged and not one.momentary else level

    def _over(self, one: _Open, now: int) -> bool:
        """Whether a condition has not held for long enough to be called over."""
        seconds = self.habits.repeat_seconds if one.momentary else self.habits.clear_seconds
        return now - one.seen >= seconds * _SECOND_NS and one.seen < now

    def _clear(self, one: _Open, now: int) -> list[Alert]:
        """Say that it is over; what merely happened is forgotten."""
        if one.momentary:
            return []
        seconds = (one.seen - one.since) // _SECOND_NS
        text = f"over after {seconds} s; it was: {one.alert.text}"
        return self._queue(
            structs.replace(one.alert, level=INFO, title=f"Over: {one.alert.title}", text=text, time=now), now
        )

    def _queue(self, alert: Alert, now: int) -> list[Alert]:
        """Put an alert on its way, or fold it into the storm's when too many different ones come at once."""
        lately = self._lately
        while lately and now - lately[0] >= _MINUTE_NS:
            lately.popleft()
        if not lately:
            self._folded = 0
        if len(lately) < self.habits.each_minute_max:
            lately.append(now)
            self.waiting[alert.key] = Delivery(alert, now)
            return [alert]
        self._fold(alert, now)
        return [alert]

    def _fold(self, alert: Alert, now: int) -> None:
        """One alert of a storm: it is in the records, and people are told how many there are."""
        self._folded += 1
        pending = self.waiting.get(STORM)
        fresh = pending is not None and pending.attempt == 0
        if not fresh and now - self._stormed < self.habits.escalate_seconds * _SECOND_NS:
            return
        self._stormed = now
        text = f"{self._folded} more alerts; the last: {alert.title}. All of them are in the records."
        self.waiting[STORM] = Delivery(Alert(STORM, CRITICAL, "Many alerts at once", text, now), now)


def owed(alerts: Alerts) -> str:
    """The alerts that have not reached everybody, as text that outlives the process."""
    return (
        json.dumps([[structs.asdict(one.alert), one.only] for one in alerts.waiting.values()]) if alerts.waiting else ""
    )


def take_over(alerts: Alerts, text: str, now: int) -> None:
    """Deliver what an earlier process owed (`owed`); what it had told already may be told twice, but nothing is lost."""
    for alert, only in json.loads(text) if text else []:
        alerts.waiting.setdefault(alert["key"], Delivery(Alert(**alert), now, tuple(only)))


def alert_body(alert: Alert) -> bytes:
    """The body of an `alert` record: key, level, title, text, time, facts."""
    return pack([alert.key, alert.level, alert.title, alert.text, alert.time, dict(alert.facts)])


async def deliver_alerts(alerts: Alerts, notifier: Notifier, now: int) -> int:
    """Make the deliveries that are due; a notifier that raises has told nobody.  Returns how many were heard by all."""
    heard = 0
    for delivery in alerts.due(now):
        failed: list[str] | None
        try:
            failed = await notifier.notify(delivery.alert, delivery.only)
        except Exception:  # noqa: BLE001  what is wrong with telling people must not stop what they are told of
            failed = None
        alerts.delivered(delivery, failed, now)
        heard += failed == []
    return heard
