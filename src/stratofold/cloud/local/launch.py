"""Starts the emulator with our functions: this file runs in the emulator's environment, never in ours.

What comes in: `STRATOFOLD_FUNCTIONS_URL`, where functions are run.  What goes out: the emulator, until its standard input ends.
Why it is shaped so: whatever invokes a function in the emulator (a route, a file in a bucket, an event bus, another program)
passes one door, and there the event is handed to the real runtime client instead of to the emulator's own worker; its own
pollers of queues and streams give way to ours, which do as Amazon's do, and are told when something was written; its schedules,
which know no time zone, give way to ours too, and what a template says of a zone, and of a mapping that is switched off, is put
where its interface tells of it; its alarms, which take one function's errors for another's and go on ringing, are judged here.
It is six names of a pinned version that are replaced, and a version without them refuses to start.
"""

from __future__ import annotations

import http.client
import json
import operator
import os
import shutil
import signal
import sys
import threading
import time
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ministack import app
from ministack.core.concurrency import esm_wake
from ministack.services import cloudwatch, lambda_svc, scheduler
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

if TYPE_CHECKING:
    from collections.abc import Callable

URL = os.environ.get("STRATOFOLD_FUNCTIONS_URL", "")
_held = threading.local()


def run_elsewhere(function: dict[str, Any], event: object) -> dict[str, Any]:
    """Have a function run where functions are run; the answer in the emulator's own words."""
    settings = function.get("config") or function
    name = settings["FunctionName"]
    qualifier = settings["FunctionArn"].split(":")[7:8] or [settings.get("Version", "$LATEST")]
    status, headers, body = ask(f"/functions/{quote(name)}?qualifier={quote(qualifier[0])}", event)
    failed = headers.get("x-amz-function-error", "")
    answer: dict[str, Any] = {"log": ""}
    text = body.decode("utf-8", "replace")
    try:
        answer["body"] = json.loads(text) if text else None
    except ValueError:
        answer |= {"body": text, "raw_payload": True}
    if status == 429:
        answer["throttle"] = True
    if failed or status >= 300:
        answer |= {"error": True, "function_error": failed or "Unhandled"}
    return answer


def ask(path: str, event: object) -> tuple[int, dict[str, str], bytes]:
    """One request over this thread's connection, opened anew when the other side has closed it."""
    body = json.dumps(event).encode()
    for attempt in range(2):
        connection = getattr(_held, "connection", None)
        if connection is None:
            parts = urlsplit(URL)
            _held.connection = connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=960)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            _held.connection = None
            if attempt:
                return 500, {}, json.dumps({"errorType": "Runtime.Gone", "errorMessage": str(error)}).encode()
    raise AssertionError("unreachable")


def pass_on() -> None:
    """In the place of the emulator's poller: when something was written, those who read are told."""
    while True:
        esm_wake.wait()
        esm_wake.clear()
        ask("/wake", None)


def with_zone(make: Callable[..., tuple[str, dict[str, Any]]]) -> Callable[..., tuple[str, dict[str, Any]]]:
    """What makes or changes a schedule of a template, and leaves its zone out and the time of its change as it was."""

    @wraps(make)
    def made(*given: Any) -> tuple[str, dict[str, Any]]:
        name, attributes = make(*given)
        wanted = given[-2]  # the properties, before the stack's name
        held = scheduler._schedules[f"{wanted.get('GroupName', 'default')}/{name}"]  # noqa: SLF001
        held["ScheduleExpressionTimezone"] = wanted.get("ScheduleExpressionTimezone", "UTC")
        held["LastModificationDate"] = time.time()
        return name, attributes

    return made


_BEYOND = {
    "GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt, "LessThanOrEqualToThreshold": operator.le,
}  # fmt: skip
_UNHEARD = {"notBreaching": False, "breaching": True}


def judge(alarm: dict[str, Any]) -> None:
    """In the place of the emulator's: one alarm by its own dimensions, each of its periods, and what it says of one without a value.

    Its periods end now, where AWS's end on the minute; one that computes of several metrics is left as it is.
    """
    beyond = _BEYOND.get(alarm.get("ComparisonOperator", ""))
    if beyond is None or not alarm.get("MetricName"):
        return
    unheard = _UNHEARD.get(alarm.get("TreatMissingData", ""))
    values = [_value(alarm, place) for place in range(alarm["EvaluationPeriods"])]
    found = [unheard if value is None else beyond(value, alarm["Threshold"]) for value in values]
    after = "INSUFFICIENT_DATA" if None in found else "ALARM" if all(found) else "OK"
    before = alarm["StateValue"]
    if before != after:
        reason = f"{alarm['MetricName']} was {values}, newest first; the threshold is {alarm['Threshold']}"
        alarm |= {"StateValue": after, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        cloudwatch._record_history(alarm["AlarmName"], before, after, reason)  # noqa: SLF001
        cloudwatch._dispatch_alarm_actions(alarm, before, after, reason)  # noqa: SLF001


def _value(alarm: dict[str, Any], place: int) -> float | None:
    """What an alarm's metric was in one of its periods, the newest is the first; None where nothing was heard."""
    wanted = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or ()}
    named, period = (alarm["Namespace"], alarm["MetricName"]), alarm["Period"]
    points = [
        point for (*name, _), held in cloudwatch._metrics.items() if tuple(name) == named  # noqa: SLF001
        for point in held if point["Dimensions"] == wanted and 0 <= (time.time() - point["Timestamp"]) // period - place < 1
    ]  # fmt: skip
    if not points:
        return None
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    found: float | None = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)  # noqa: SLF001
    return found


def with_state(make: Callable[..., tuple[str, dict[str, Any]]]) -> Callable[..., tuple[str, dict[str, Any]]]:
    """What makes a mapping of a template, and calls it switched on whatever the template says."""

    @wraps(make)
    def made(*given: Any) -> tuple[str, dict[str, Any]]:
        identity, attributes = make(*given)
        if given[-2].get("Enabled") in {False, "false"}:
            lambda_svc._esms[identity]["State"] = "Disabled"  # noqa: SLF001
        return identity, attributes

    return made


def end_with_parent() -> None:
    """End when whoever started this is gone, however it went, with the functions' processes and what was written."""
    while os.read(0, 1024):
        pass
    for folder in filter(None, os.environ.get("STRATOFOLD_FOLDERS", "").split(os.pathsep)):
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Put ours in the place of theirs, and start."""
    for service, name in (
        (lambda_svc, "_execute_function"),
        (lambda_svc, "_poll_loop"),
        (scheduler, "_tick_schedules"),
        (cloudwatch, "_evaluate_alarm"),
    ):
        if not callable(getattr(service, name, None)):
            sys.exit(f"this version of ministack has no {name}")
    if URL:
        lambda_svc._execute_function = run_elsewhere  # noqa: SLF001 -- the one door, see above
        lambda_svc._poll_loop = pass_on  # noqa: SLF001
        scheduler._tick_schedules = lambda: None  # noqa: SLF001
        cloudwatch._evaluate_alarm = judge  # noqa: SLF001
    schedule, mapping = (
        _RESOURCE_HANDLERS[f"AWS::{kind}"] for kind in ("Scheduler::Schedule", "Lambda::EventSourceMapping")
    )
    schedule.update({kind: with_zone(schedule[kind]) for kind in ("create", "update")})
    mapping["create"] = with_state(mapping["create"])
    # The system sends it to a group with a frozen member that has lost its parent.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
