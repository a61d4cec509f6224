"""What functions print and how they fared, brought to the logs and metrics of the services.

What comes in: lines, and what came of each event.  What goes out: log events, Lambda's own metrics, and those that lines in the
embedded metric format hold, so that alarms and the dashboard of the template work here as they do there.
Why it is shaped so: it is done behind the functions' backs, a quarter of a second later, and what cannot be brought is dropped:
a log must not hold up what it tells of.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from stratofold.adapters.aws.answers import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.aws.client import Client
    from stratofold.cloud.local.sandbox import Function, Outcome

PAUSE_SECONDS = 0.25
LINES_MAX = 1_000
_VERSION = "2010-08-01"


class Telemetry:
    """Lines and numbers on their way."""

    def __init__(self, aws: Client, show: Callable[[str, str], None] | None = None) -> None:
        """Bring them to the services; `show` gets each line too, with the function's name."""
        self._aws = aws
        self._show = show
        self._lines: queue.SimpleQueue[tuple[Function, str]] = queue.SimpleQueue()
        self._numbers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._streams: set[tuple[str, str]] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._bring, daemon=True, name="telemetry")
        self._thread.start()

    def heard(self, function: Function, request_id: str, line: str) -> None:
        """A line that a function printed."""
        self._lines.put((function, line))
        if self._show is not None:
            self._show(function.name, line)
        if '"_aws"' in line:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                for one in embedded(json.loads(line)):
                    self._numbers.put(one)
        del request_id

    def ended(self, function: Function, outcome: Outcome) -> None:
        """How a function fared with one event."""
        if not outcome.throttled:
            init = f" Init Duration: {outcome.init_ms:.2f} ms" if outcome.cold else ""
            held = f"Memory Size: {function.memory_mb} MB Max Memory Used: {outcome.memory_mb} MB{init}"
            line = f"REPORT RequestId: {outcome.request_id} Duration: {outcome.spent_ms:.2f} ms {held}"
            self._lines.put((function, line))
        values = {
            "Throttles": float(outcome.throttled),
            "Invocations": float(not outcome.throttled),
            "Errors": float(not outcome.ok and not outcome.throttled),
            "Duration": outcome.spent_ms,
        }
        for name, value in values.items():
            self._numbers.put(number("AWS/Lambda", name, value, {"FunctionName": function.name}, time.time()))

    def age(self, function: str, milliseconds: float) -> None:
        """How old the last record of a batch was when it was read."""
        self._numbers.put(number("AWS/Lambda", "IteratorAge", milliseconds, {"FunctionName": function}, time.time()))

    def close(self) -> None:
        """Bring what is there, and end."""
        self._closed.set()
        self._thread.join(5.0)

    def _bring(self) -> None:
        """Now and then, all there is."""
        while not self._closed.wait(PAUSE_SECONDS):
            self._once()
        self._once()

    def _once(self) -> None:
        with contextlib.suppress(AwsError):
            self._bring_lines()
            self._bring_numbers()

    def _bring_lines(self) -> None:
        """Lines of the same function together."""
        groups: dict[tuple[str, str], list[str]] = {}
        for function, line in _drained(self._lines):
            groups.setdefault((function.log_group, f"[{function.version}]local"), []).append(line)
        moment = int(time.time() * 1000)
        for place, lines in groups.items():
            group, stream = place
            if place not in self._streams:
                self._make(group, stream)
            events = [{"timestamp": moment, "message": line} for line in lines]
            self._aws.json(
                "logs", "PutLogEvents", {"logGroupName": group, "logStreamName": stream, "logEvents": events}
            )

    def _make(self, group: str, stream: str) -> None:
        """Where lines go; it may be there."""
        with contextlib.suppress(AwsError):
            self._aws.json("logs", "CreateLogGroup", {"logGroupName": group})
        with contextlib.suppress(AwsError):
            self._aws.json("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
        self._streams.add((group, stream))

    def _bring_numbers(self) -> None:
        """All there are."""
        put_numbers(self._aws, _drained(self._numbers))


def put_numbers(aws: Client, numbers: list[dict[str, str]]) -> None:
    """Put values where CloudWatch keeps them, those of one namespace together; raises AwsError."""
    spaces: dict[str, list[dict[str, str]]] = {}
    for one in numbers:
        spaces.setdefault(one.pop("Namespace"), []).append(one)
    for space, held in spaces.items():
        fields = {"Namespace": space}
        for place, one in enumerate(held, 1):
            fields |= {f"MetricData.member.{place}.{name}": value for name, value in one.items()}
        aws.query("monitoring", "PutMetricData", fields, _VERSION)


def _drained(waiting: queue.SimpleQueue[Any]) -> list[Any]:
    """What waits, within bounds."""
    found: list[Any] = []
    with contextlib.suppress(queue.Empty):
        while len(found) < LINES_MAX:
            found.append(waiting.get_nowait())
    return found


def number(space: str, name: str, value: float, dimensions: dict[str, str], moment: float) -> dict[str, str]:
    """One value of a metric, as forms say it."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    found = {"Namespace": space, "MetricName": name, "Value": repr(float(value)), "Timestamp": when}
    for place, (key, held) in enumerate(dimensions.items(), 1):
        found |= {f"Dimensions.member.{place}.Name": key, f"Dimensions.member.{place}.Value": held}
    return found


def embedded(line: dict[str, Any]) -> list[dict[str, str]]:
    """The values that a line in the embedded metric format holds (CloudWatch User Guide, its specification)."""
    moment = line["_aws"]["Timestamp"] / 1000
    return [
        number(kind["Namespace"], metric["Name"], value, {name: str(line[name]) for name in names}, moment)
        for kind in line["_aws"]["CloudWatchMetrics"]
        for names in kind["Dimensions"]
        for metric in kind["Metrics"]
        for value in _values(line[metric["Name"]])
    ]


def _values(held: Any) -> list[float]:
    """One value or several."""
    return held if isinstance(held, list) else [held]
