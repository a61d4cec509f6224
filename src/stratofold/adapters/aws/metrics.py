"""Numbers for graphs and alarms, as lines of the log.

What comes in: names, numbers and their units.  What goes out: one line of JSON in the embedded metric format, of which CloudWatch
makes metrics; nothing is requested, so a function pays for a line.
Why it is shaped so: a metric by its own name and the stack is all that the alarms ask for; what else is known of the moment
stands in the same line and can be searched for.  Values of a name are kept until the line is written, so that a percentile is
one of them and not of their means.

Source: CloudWatch User Guide, "Specification: Embedded metric format" (at most 100 metrics a line, 100 values each).
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "stratofold"
VALUES_MAX = 100
UNITS = {"ms": "Milliseconds", "seconds": "Seconds", "bytes": "Bytes", "percent": "Percent"}


class Metrics:
    """The numbers of one invocation, until they are written."""

    def __init__(
        self,
        dimensions: Mapping[str, str],
        *,
        namespace: str = NAMESPACE,
        write: Callable[[str], object] | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Of a stack or a book (`dimensions`: names and values, each set of which is a metric with a price)."""
        self._dimensions = dict(dimensions)
        self._namespace = namespace
        self._write = write or sys.stdout.write
        self._now_ms = now_ms
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float = 1.0) -> None:
        """One value; the unit is the name's last word (`latency_ms`), and without one it is a count."""
        values = self._values.setdefault(name, [])
        values.append(value)
        if len(values) >= VALUES_MAX or len(self._values) >= VALUES_MAX:
            self.flush()

    def flush(self, **facts: str | float) -> None:
        """Write what was added, with facts that are searched for and not counted."""
        if not self._values:
            return
        metrics = [{"Name": name, "Unit": _unit(name)} for name in self._values]
        kind = {"Namespace": self._namespace, "Dimensions": [list(self._dimensions)], "Metrics": metrics}
        values = {name: held[0] if len(held) == 1 else held for name, held in self._values.items()}
        line = {
            **facts,
            **self._dimensions,
            **values,
            "_aws": {"Timestamp": self._now_ms(), "CloudWatchMetrics": [kind]},
        }
        self._values = {}
        self._write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")


def _unit(name: str) -> str:
    """The unit that a name ends with."""
    return UNITS.get(name.rpartition("_")[2], "Count")
