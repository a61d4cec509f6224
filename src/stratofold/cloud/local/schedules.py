"""The clock of a stack on this machine: schedules as they were deployed, called by the scheduler's own rules.

What comes in: the schedules that the service holds, and what time it is.  What goes out: calls, as the service makes them: the
function's own queue of events, with the moment that was scheduled in what it is told.
Why it is shaped so: the emulator knows neither zones nor the moment's placeholder, so the template's clock would call at the
wrong hour, with text instead of a time.  Time is asked of `now`, so a test lets a weekend pass and sees who is called.  A moment that
has become older than the schedule allows, as after a machine has slept, is not called any more.

Source: EventBridge Scheduler User Guide, "Adding context attributes", "RetryPolicy".
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.network.moments import SECOND_NS, text_of
from stratofold.cloud.local.cron import Cron, Rate, unknown, when
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stratofold.adapters.aws.client import Client

LOOK_SECONDS = 5.0
BEAT_SECONDS = 0.5
ALL_ROWS = "100000"  # the emulator has no second page
USUAL_RETRIES, USUAL_AGE_SECONDS = 185, 86_400  # the service's own


class Schedule(NamedTuple):
    """One schedule that is switched on: when, which function by its ARN, with what."""

    arn: str
    when: Cron | Rate
    function: str
    text: str
    retries: int
    age_seconds: int


class Call(NamedTuple):
    """A moment (seconds UTC) of a schedule, and how often it was tried."""

    moment: float
    schedule: Schedule
    attempt: int = 1

    @property
    def text(self) -> str:
        """What the function is told, with what only the moment knows."""
        moment = text_of(int(self.moment) * SECOND_NS)[:19] + "Z"
        attributes = {
            "schedule-arn": self.schedule.arn,
            "scheduled-time": moment,
            "execution-id": str(uuid4()),
            "attempt-number": str(self.attempt),
        }
        told = self.schedule.text
        for name, value in attributes.items():
            told = told.replace(f"<aws.scheduler.{name}>", value)
        return told


class Schedules:
    """The schedules of one cloud, and what of them is due."""

    def __init__(self, aws: Client, now: Callable[[], float] = time.time) -> None:
        """Nothing is known yet; `now` is what time it is, in seconds UTC."""
        self._aws = aws
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, float] = {}  # when each was changed last
        self._next: dict[str, Call] = {}
        self._again: list[Call] = []

    def look(self) -> None:
        """Take up what is deployed now.

        Raises AwsError, and once Setup SF775 for a schedule that is not understood; the others are taken up all the same.
        """
        with self._lock:
            rows = self._aws.rest("scheduler", "GET", "/schedules", {"MaxResults": ALL_ROWS})["Schedules"]
            found = {row["Arn"]: row for row in rows if row["State"] == "ENABLED"}
            for arn in set(self._known) - set(found):
                self._forget(arn)
            changed = [row for arn, row in found.items() if self._known.get(arn) != row["LastModificationDate"]]
            strange = [error for error in map(self._take, changed) if error is not None]
        if strange:
            raise strange[0]

    def _take(self, row: Mapping[str, Any]) -> Setup | None:
        """Plan a schedule that is new, or another than before; what is wrong with it."""
        self._forget(row["Arn"])
        strange = None
        try:
            self._plan(self._read(row), self._now())
        except Setup as error:
            strange = error
        self._known[row["Arn"]] = row["LastModificationDate"]  # not where the service did not answer: it is asked again
        return strange

    def _forget(self, arn: str) -> None:
        """Call it no more."""
        self._known.pop(arn, None)
        self._next.pop(arn, None)

    def beat(self) -> int:
        """Call what is due; returns how many calls were made."""
        with self._lock:
            now = self._now()
            due = self._again
            for arn in [arn for arn, call in self._next.items() if call.moment <= now]:
                due += self._due(arn, now)
            due.sort(key=lambda call: call.moment)
            self._again = []
            return sum(self._call(call, now) for call in due)

    def _due(self, arn: str, now: float) -> list[Call]:
        """The moments of one schedule up to now, the next one planned."""
        found = []
        while (call := self._next.get(arn)) is not None and call.moment <= now:
            found.append(call)
            self._plan(call.schedule, call.moment)
        return found

    def _plan(self, schedule: Schedule, after: float) -> None:
        """Know its next moment."""
        moment = schedule.when.after(after)
        if moment is None:
            self._next.pop(schedule.arn, None)
        else:
            self._next[schedule.arn] = Call(moment, schedule)

    def _call(self, call: Call, now: float) -> bool:
        """Have the function called soon, or later again; whether it will be."""
        schedule = call.schedule
        if now - call.moment > schedule.age_seconds:
            return False
        try:
            later = {"X-Amz-Invocation-Type": "Event"}
            path = f"/2015-03-31/functions/{schedule.function}/invocations"
            self._aws.rest("lambda", "POST", path, body=call.text.encode(), headers=later)
        except AwsError:
            if call.attempt <= schedule.retries:
                self._again.append(call._replace(attempt=call.attempt + 1))
            return False
        return True

    def _read(self, row: Mapping[str, Any]) -> Schedule:
        """One schedule."""
        given = self._aws.rest("scheduler", "GET", f"/schedules/{row['Name']}", {"groupName": row["GroupName"]})
        target = given["Target"]
        if target["Arn"].split(":")[2] != "lambda":
            raise unknown(f"{row['Name']} calls {target['Arn']}")
        policy = target.get("RetryPolicy", {})
        zone = given.get("ScheduleExpressionTimezone", "UTC")
        return Schedule(
            row["Arn"], when(given["ScheduleExpression"], zone, self._now()), target["Arn"], target.get("Input", "{}"),
            int(policy.get("MaximumRetryAttempts", USUAL_RETRIES)),
            int(policy.get("MaximumEventAgeInSeconds", USUAL_AGE_SECONDS)),
        )  # fmt: skip
