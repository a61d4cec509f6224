"""What becomes of a batch of a stream: tried, split, tried again, and given up, as Lambda does it.

What comes in: records in order, the mapping's rules, and what runs the function.  What goes out: every record handled once at
least, in order, or given up with the reason.
Why it is shaped so: it has no clock and no connection of its own, so each rule is a row of a table.  A throttled function was
not tried; splitting does not count as trying; what is too old is not sent any more.

Source: AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda", "How Lambda processes records
from stream and queue-based event sources", and the parameters of CreateEventSourceMapping.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.cloud.local.mapping import Mapping
    from stratofold.cloud.local.sandbox import Outcome

PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 5.0
EXHAUSTED, TOO_OLD = "RetryAttemptsExhausted", "RecordAgeExceeded"


class Item(NamedTuple):
    """A record as the function sees it, with its name in a partial answer, when it was written, its partition's key and its shard."""

    name: str
    written: float
    key: str
    record: dict[str, Any]
    shard: str = ""


@dataclass
class Batches:
    """Batches of one mapping."""

    mapping: Mapping
    run: Callable[[Sequence[Item]], Outcome]
    give_up: Callable[[Sequence[Item], str, int], None]
    now: Callable[[], float]
    wait: Callable[[float], bool]  # False when it is time to end

    def handle(self, items: Sequence[Item]) -> bool:
        """Have a batch handled, to its end; False when it was left because it is time to end."""
        waiting = [list(items)]
        while waiting:
            first, rest = waiting[0], waiting[1:]
            parts = self._one(first)
            if parts is None:
                return False
            waiting = [*parts, *rest]
        return True

    def _one(self, items: list[Item]) -> list[list[Item]] | None:
        """Have a part handled as far as it goes in one piece; what is left is split."""
        tries = waits = 0
        while True:
            items = self._young(items, tries)
            if not items:
                return []
            outcome = self.run(items)
            failed = None if outcome.throttled else first_failure(outcome, [one.name for one in items], self.mapping)
            if failed == len(items):
                return []
            if failed:
                return [items[failed:]]
            if failed == 0 and self.mapping.bisect and len(items) > 1:
                middle = len(items) // 2
                return [items[:middle], items[middle:]]
            if failed == 0:
                tries += 1
                if 0 <= self.mapping.retries < tries:
                    self.give_up(items, EXHAUSTED, tries)
                    return []
            waits += 1
            if not self.wait(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** min(waits - 1, 8))):
                return None

    def _young(self, items: list[Item], tries: int) -> list[Item]:
        """Those that are not too old; the others are given up."""
        if self.mapping.age_seconds < 0:
            return items
        oldest = self.now() - self.mapping.age_seconds
        young = [one for one in items if one.written >= oldest]
        old = [one for one in items if one.written < oldest]
        if old:
            self.give_up(old, TOO_OLD, tries)
        return young


def first_failure(outcome: Outcome, names: Sequence[str], mapping: Mapping) -> int:
    """The place of the first record that was not handled; as many as there are when all were.

    An answer that names a record that was not asked of, or none, is a failure of the whole batch.
    """
    if not outcome.ok:
        return 0
    failed = failures(outcome, names, mapping)
    return 0 if failed is None else min((names.index(name) for name in failed), default=len(names))


def failures(outcome: Outcome, names: Sequence[str], mapping: Mapping) -> set[str] | None:
    """The records that an answer says were not handled; None when it cannot be understood, and then none was."""
    if not mapping.partial:
        return set()
    try:
        answer = json.loads(outcome.body or b"null")
        rows = (answer or {}).get("batchItemFailures") or []
        found = {row["itemIdentifier"] for row in rows}
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return found if found <= set(names) else None
