"""Telling people from a function: conditions become alerts, alerts records and messages.

What comes in: what holds of a book now, and what has happened.  What goes out: `alert` records, and calls of the notifier.
Why it is shaped so: the same alerts as on a laptop; an environment remembers what it has told, and one that is new tells
what still holds once more, because nobody knows whether the last one came to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.ports import Entry
from stratofold.live.alerts import Alerts, alert_body, deliver_alerts
from stratofold.live.away import note
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.ports import Alert
    from stratofold.cloud.place import Place
    from stratofold.live.alerts import Condition


async def tell(
    place: Place, book: str, now: int, verb: str, holds: Iterable[Condition] | None, happened: Iterable[Condition] = ()
) -> list[Alert]:
    """Tell what is to be told; `holds` None leaves what holds as it is.  Returns the alerts."""
    alerts = place.alerts.setdefault(book, Alerts())
    told = [] if holds is None else alerts.update(now, holds)
    for condition in happened:
        told += alerts.tell(now, condition)
    if told:
        envelope = pack({"wall": now, "by": verb, "region": place.region})
        note(place.journal, book, [Entry("alert", alert_body(alert), envelope) for alert in told])
    await deliver_alerts(alerts, place.notifier, now)
    return told
