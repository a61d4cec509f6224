"""How often a server is asked: a budget of requests, and a breaker for when it does not answer.

What comes in: the wish to send a request, what became of it, the clock.
What goes out: leave to send, or how long to wait.
Why it is shaped so: a limit holds for *every* window of a minute, so the times of the last requests are kept instead of
a bucket of tokens, which lets through twice as many around a refill; polls may use less than the whole, so that an order
never stands behind them; and nobody may hammer a server that is down, nor come back in step with everybody else.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from stratofold.adapters.ports import Clock

SECOND_NS = 1_000_000_000
WINDOW_NS = 60 * SECOND_NS
HOLD_SECONDS_MAX = 60.0  # who trades asks again, whatever the server says


class Budget:
    """At most `requests_per_minute` in any minute, of which polls leave `kept_for_orders` alone; 0 is no limit."""

    def __init__(self, clock: Clock, requests_per_minute: int, kept_for_orders: int | None = None) -> None:
        """A fifth is kept for orders unless stated."""
        self.clock = clock
        self.room = requests_per_minute
        self.kept = requests_per_minute // 5 if kept_for_orders is None else kept_for_orders
        self.sent: deque[int] = deque()
        self.held_until = 0
        self.hold_seconds_max = HOLD_SECONDS_MAX

    async def take(self, *, order: bool = False, deadline: int | None = None) -> bool:
        """Wait for a place and take it; False, at once, where there is none before `deadline` (ns UTC)."""
        while wait := self.wait_ns(order=order):
            if deadline is not None and self.clock.now() + wait > deadline:
                return False
            before = self.clock.monotonic()
            await self.clock.sleep(wait / SECOND_NS)
            if self.clock.monotonic() == before:
                return True  # a clock that stands while we sleep is a replay's: there is no minute to wait for
        return True

    def wait_ns(self, *, order: bool) -> int:
        """How long until there is a place; 0 has taken it."""
        now = self.clock.monotonic()
        if now < self.held_until:
            return self.held_until - now
        if not self.room:
            return 0
        sent = self.sent
        while sent and sent[0] <= now - WINDOW_NS:
            sent.popleft()
        room = self.room if order else max(1, self.room - self.kept)
        if len(sent) >= room:
            return sent[len(sent) - room] + WINDOW_NS - now
        sent.append(now)
        return 0

    def hold(self, seconds: float) -> None:
        """The server has asked for silence (HTTP 429): nothing is sent for so long, at most `hold_seconds_max`."""
        pause = int(min(max(seconds, 0.0), self.hold_seconds_max) * SECOND_NS)
        self.held_until = max(self.held_until, self.clock.monotonic() + pause)


class Backoff:
    """Waiting times that double from `least` to `most` seconds, each drawn from its upper half."""

    def __init__(self, random: Random, least: float = 0.5, most: float = 30.0) -> None:
        """The generator is given, so that a seed repeats a run."""
        self.random = random
        self.least = least
        self.most = most
        self.tries = 0

    def next_seconds(self) -> float:
        """How long to wait now."""
        whole: float = min(self.most, self.least * 2.0 ** min(self.tries, 16))
        self.tries += 1
        return whole * (0.5 + 0.5 * self.random.random())

    def reset(self) -> None:
        """It worked."""
        self.tries = 0


class Breaker:
    """After `patience` failures in a row nothing is asked for a while; then one request is let through to see."""

    def __init__(self, clock: Clock, random: Random, patience: int = 5) -> None:
        """Closed: requests pass."""
        self.clock = clock
        self.backoff = Backoff(random)
        self.patience = patience
        self.failures = 0
        self.open_until = 0

    def wait_seconds(self) -> float:
        """How long nothing passes; 0 lets this request pass, and while the breaker is open only this one."""
        if self.failures < self.patience:
            return 0.0
        now = self.clock.monotonic()
        if now < self.open_until:
            return (self.open_until - now) / SECOND_NS
        self._open(now)
        return 0.0

    def held_until(self) -> int:
        """Until when nothing passes, on the monotonic clock; 0 where something may."""
        return self.open_until if self.failures >= self.patience else 0

    def failed(self) -> None:
        """No answer, or one that says the server is not well."""
        self.failures += 1
        if self.failures == self.patience:
            self._open(self.clock.monotonic())

    def worked(self) -> None:
        """The server answers."""
        self.failures = 0
        self.backoff.reset()

    def _open(self, now: int) -> None:
        self.open_until = now + int(self.backoff.next_seconds() * SECOND_NS)
