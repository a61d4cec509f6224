"""The environments of each function: as many as there are events at once, up to what the function and the account may have.

What comes in: a function and an event.  What goes out: what came of it, from an environment that was free or is new.
Why it is shaped so: the one that was used last is used first, as on AWS, so few stay warm; one that nobody used for minutes is
ended; a new version of the code has environments of its own, and those of the old one end when they are done.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from stratofold.cloud.local.sandbox import Outcome, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stratofold.cloud.local.sandbox import Function

IDLE_SECONDS = 300.0
SANDBOXES_MAX = 120
THROTTLED = b'{"Type":"User","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}'


class Pool:
    """The environments of all functions of one machine."""

    def __init__(
        self,
        python: Path,
        heard: Callable[[Function, str, str], None],
        *,
        sandboxes_max: int = SANDBOXES_MAX,
        freeze: bool = True,
        group: int | None = None,
    ) -> None:
        """Nothing is started yet; `heard` gets each line that a function prints; processes join a `group` (None: ours)."""
        self._python = python
        self._heard = heard
        self._max = sandboxes_max
        self._freeze = freeze
        self._group = group
        self._lock = threading.Lock()
        self._free: dict[tuple[str, str], list[Sandbox]] = {}
        self._busy: dict[str, int] = {}
        self._all = 0
        self.begun = 0  # events, since the beginning

    @property
    def busy(self) -> bool:
        """Whether a function is at an event."""
        return any(self._busy.values())

    def run(self, function: Function, payload: bytes) -> Outcome:
        """One event, from the first to the last; throttled when no environment may be had."""
        key = (function.arn, function.revision)
        with self._lock:
            busy = self._busy.get(function.name, 0)
            free = self._free.setdefault(key, [])
            sandbox = free.pop() if free else None
            if function.reserved is not None and busy >= function.reserved:
                if sandbox is not None:
                    free.append(sandbox)
                return Outcome(THROTTLED, "TooManyRequestsException", throttled=True)
            if sandbox is None and not self._room():
                return Outcome(THROTTLED, "TooManyRequestsException", throttled=True)
            self._busy[function.name] = busy + 1
            self.begun += 1
            self._all += sandbox is None
        try:
            if sandbox is None or not sandbox.usable:
                heard = self._hear(function)
                sandbox = Sandbox(function, self._python, heard, freeze=self._freeze, group=self._group)
            outcome = sandbox.run(payload)
        finally:
            with self._lock:
                self._busy[function.name] -= 1
                kept = sandbox is not None and sandbox.usable and key in self._free
                if kept and sandbox is not None:
                    self._free[key].append(sandbox)
                else:
                    self._all -= 1
            if sandbox is not None and not kept:
                sandbox.close()  # closed meanwhile, or no use any more
        return outcome

    def forget(self, name: str) -> int:
        """End the free environments of a function, so that the next event finds none; returns how many there were."""
        with self._lock:
            gone = [one for (_, _), free in self._free.items() for one in free if one.function.name == name]
            for free in self._free.values():
                free[:] = [one for one in free if one.function.name != name]
            self._all -= len(gone)
        for sandbox in gone:
            sandbox.close()
        return len(gone)

    def close(self) -> None:
        """End all that are free, and begin none any more."""
        with self._lock:
            self._max = 0
            gone = [sandbox for free in self._free.values() for sandbox in free]
            self._free.clear()
            self._all -= len(gone)
        for sandbox in gone:
            sandbox.close()

    def _hear(self, function: Function) -> Callable[[str, str], None]:
        return lambda request_id, line: self._heard(function, request_id, line)

    def _room(self) -> bool:
        """Whether there may be one more; those that were idle for long make room."""
        oldest = time.monotonic() - IDLE_SECONDS
        full = self._all >= self._max
        gone = []
        for free in self._free.values():
            while free and (full or free[0].used_at < oldest):
                gone.append(free.pop(0))
                full = False
        self._all -= len(gone)
        for sandbox in gone:
            sandbox.close()
        return self._all < self._max
