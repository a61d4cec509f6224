"""Watch: what a run does, against what it did lately and what the session table says it should.

What comes in: facts as they happen (an answer, an order's end, an event), and at each tick a few figures.
What goes out: the conditions that hold and should not, which `alerts` turns into messages.
Why it is shaped so: it holds numbers and no clock, so a month of a run can be replayed through it in a second and must
raise nothing, and each thing it is there for can be shown to be seen.  It decides nothing: what acts on a breach is a
control, and an alert is for a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN
from stratofold.live.alerts import CRITICAL, WARNING, Condition
from stratofold.live.baseline import Drop, Spike, Unusual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.live.silence import Silence

_SECOND_NS = 1_000_000_000
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When something is worth a person's time; times in seconds or milliseconds, fractions of 1."""

    latency_ms_floor: float = 100.0
    latency_factor: float = 3.0
    acceptance_improbable: float = 1e-6
    fill_improbable: float = 1e-9
    fill_share: float = 0.34
    unknown_seconds: float = 10.0
    backlog_max: int = 1000
    backlog_seconds: float = 30.0
    drawdown: float = 0.1
    clock_skew_seconds: float = 2.0
    heartbeat_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tick looks at beside the facts: `unknown` since when (ns UTC) by message key, and what waits in the queues.

    `drawdown` is a fraction of the highest equity; `skew_seconds` the venue's clock less ours; `heartbeats` when each
    process was last heard (ns UTC); `differences` what book and venue disagree on.
    """

    unknown: Mapping[str, int] = field(default_factory=dict)
    inbox: int = 0
    outbox: int = 0
    drawdown: float = 0.0
    skew_seconds: float = 0.0
    heartbeats: Mapping[str, int] = field(default_factory=dict)
    differences: Sequence[str] = ()


class Watch:
    """The trailing baselines of one book, and the silence of its feed."""

    def __init__(self, silence: Silence | None = None, thresholds: Thresholds | None = None) -> None:
        """Nothing was seen yet; without `silence` no event is ever due."""
        self.thresholds = thresholds or Thresholds()
        self.silence = silence
        limits = self.thresholds
        self._latency = Spike(floor=limits.latency_ms_floor, factor=limits.latency_factor)
        self._acceptance = Drop(improbable=limits.acceptance_improbable)
        # Fills come and go with the market: in a month of minutes a quoter's rate fell from 81 % to 53 % within hours.
        self._fills = Drop(improbable=limits.fill_improbable, share=limits.fill_share, windows=(50, 100))
        self._slow: Unusual | None = None
        self._refused: Unusual | None = None
        self._unfilled: Unusual | None = None
        self._backlog_since = -1

    def answered(self, state: str, latency_ms: float) -> None:
        """The venue's answer to a message, and how long it took; an unknown one says nothing of either."""
        if state in {ACCEPTED, REJECTED}:
            self._refused = self._acceptance.add(state == ACCEPTED)
        if state != UNKNOWN:
            self._slow = self._latency.add(latency_ms)

    def ended(self, filled: float) -> None:
        """An order is done, with so much of it filled."""
        self._unfilled = self._fills.add(filled > 0.0)

    def event(self, symbol: str, time: int, span: int = 0) -> None:
        """A market event of a symbol, complete at `time`."""
        if self.silence is not None:
            self.silence.event(symbol, time, span)

    def tick(self, now: int, figures: Figures) -> list[Condition]:
        """The conditions that hold at `now`."""
        return [
            *self._habits(),
            *self._silent(now),
            *self._unsure(now, figures),
            *self._waiting(now, figures),
            *self._account(figures),
            *self._processes(now, figures),
        ]

    def _habits(self) -> list[Condition]:
        """Latency, acceptance and fills against what is usual."""
        found = []
        if self._slow is not None:
            text = f"the venue answers in {self._slow.seen:.0f} ms; {self._slow.usual:.0f} ms is usual"
            found.append(Condition("latency", WARNING, "Answers are slow", text, _facts(self._slow)))
        if self._refused is not None:
            text = f"{self._refused.seen:.0%} of the last orders were accepted; {self._refused.usual:.0%} is usual"
            found.append(Condition("acceptance", WARNING, "Orders are being rejected", text, _facts(self._refused)))
        if self._unfilled is not None:
            text = f"{self._unfilled.seen:.0%} of the last orders were filled; {self._unfilled.usual:.0%} is usual"
            found.append(Condition("fills", WARNING, "Orders are not being filled", text, _facts(self._unfilled)))
        return found

    def _silent(self, now: int) -> list[Condition]:
        """Events that were due; when every symbol is mute it is the feed."""
        if self.silence is None:
            return []
        late = self.silence.overdue(now)
        if len(late) > 1 and len(late) == len(self.silence.heard):
            seconds = (now - min(late.values())) // _SECOND_NS
            text = f"no event of any symbol; the first was due {seconds} s ago"
            return [Condition("silence", CRITICAL, "The feed is mute", text, (("symbols", str(len(late))),))]
        return [
            Condition(
                f"silence:{symbol}", WARNING, f"{symbol} is mute", f"an event was due {(now - due) // _SECOND_NS} s ago"
            )
            for symbol, due in sorted(late.items())
        ]

    def _unsure(self, now: int, figures: Figures) -> list[Condition]:
        """Messages nobody knows the fate of."""
        limit = int(self.thresholds.unknown_seconds * _SECOND_NS)
        old = sorted(key for key, since in figures.unknown.items() if now - since >= limit)
        if not old:
            return []
        oldest = (now - min(figures.unknown[key] for key in old)) // _SECOND_NS
        text = f"{_named(old)} without an answer for up to {oldest} s; what they may do stays reserved"
        return [Condition("unknown", CRITICAL, "Orders of unknown state", text, (("count", str(len(old))),))]

    def _waiting(self, now: int, figures: Figures) -> list[Condition]:
        """Queues that grow faster than they are emptied, for longer than a burst."""
        most = max(figures.inbox, figures.outbox)
        if most <= self.thresholds.backlog_max:
            self._backlog_since = -1
            return []
        if self._backlog_since < 0:
            self._backlog_since = now
        if now - self._backlog_since < self.thresholds.backlog_seconds * _SECOND_NS:
            return []
        text = f"{figures.inbox} in, {figures.outbox} out are waiting"
        return [Condition("backlog", WARNING, "Work is piling up", text)]

    def _account(self, figures: Figures) -> list[Condition]:
        """Losses, and what book and venue disagree on."""
        found = []
        if figures.drawdown >= self.thresholds.drawdown:
            text = (
                f"equity is {figures.drawdown:.1%} below its highest; the threshold is {self.thresholds.drawdown:.1%}"
            )
            found.append(Condition("drawdown", CRITICAL, "Drawdown", text))
        if figures.differences:
            text = "; ".join(figures.differences[:_NAMED_MAX])
            found.append(Condition("differences", CRITICAL, "Book and venue disagree", text))
        return found

    def _processes(self, now: int, figures: Figures) -> list[Condition]:
        """Processes that have stopped telling that they live, and clocks that differ."""
        limit = int(self.thresholds.heartbeat_seconds * _SECOND_NS)
        found = [
            Condition(
                f"heartbeat:{name}", CRITICAL, f"{name} has stopped", f"last heard {(now - last) // _SECOND_NS} s ago"
            )
            for name, last in sorted(figures.heartbeats.items())
            if now - last >= limit
        ]
        if abs(figures.skew_seconds) >= self.thresholds.clock_skew_seconds:
            text = f"the venue's clock is {figures.skew_seconds:+.1f} s from ours"
            found.append(Condition("clock", CRITICAL, "Clocks differ", text))
        return found


def _named(keys: Sequence[str]) -> str:
    """A few of them by name, and how many more there are."""
    more = len(keys) - _NAMED_MAX
    return ", ".join(keys[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _facts(found: Unusual) -> tuple[tuple[str, str], ...]:
    """The numbers behind a sentence."""
    return (("seen", f"{found.seen:.6g}"), ("usual", f"{found.usual:.6g}"))
