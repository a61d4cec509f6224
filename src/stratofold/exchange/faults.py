"""What goes wrong, on purpose: chances, drawn from a seed, so that the same run goes wrong in the same places.

What comes in: the switches of `/admin/faults`.  What goes out: the fate of a request, of updates, of a bar.
Why it is shaped so: each draw is a hash of the seed, its purpose and its own number, so it depends on nothing that was
drawn before, and a restarted exchange halts and part-fills the same bars.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from stratofold.exchange.dialect import malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What becomes of a request that was carried out, and what of one that was not.
ANSWERED, DROPPED, CUT = "answered", "dropped", "cut"
_ERRORS = (500, 502, 503, 504)
_CHANGES = frozenset({"POST", "PATCH", "DELETE"})


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """How likely each thing is, from 0 to 1, and how long what takes time takes; nothing is on until it is switched on.

    Of a request: `latency_ms` and up to `jitter_ms` more before the answer; `drop_before` and `drop_after` close the
    connection without it and with it carried out; `cut_body` sends half of the answer; `error_before` and `error_after`
    answer 500 to 504; `throttle` answers 429.  With `only_changes` they befall requests that change orders, and no other.
    Of updates: `duplicate`, `reorder` (held back behind the next), `lose`; `disconnect` closes the stream after one.
    Of the venue: `partial_fills` of bars give an order a part, `halts` of bars begin a halt of `halt_bars`, `rejects` of
    orders are rejected after they were accepted; a new order is not found for `lookup_delay_ms`; `clock_skew_ms` is
    what the exchange's clock is ahead.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    drop_before: float = 0.0
    drop_after: float = 0.0
    cut_body: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    throttle: float = 0.0
    only_changes: bool = False
    duplicate: float = 0.0
    reorder: float = 0.0
    lose: float = 0.0
    disconnect: float = 0.0
    partial_fills: float = 0.0
    halts: float = 0.0
    halt_bars: int = 3
    rejects: float = 0.0
    lookup_delay_ms: float = 0.0
    clock_skew_ms: float = 0.0


class Fate(NamedTuple):
    """What is to become of a request: an error instead of carrying it out (0: none), how its answer ends, how late.

    `masked` is the status that hides the answer of a request that was carried out (0: none).
    """

    refused: int
    ending: str
    masked: int
    delay_seconds: float


class Told(NamedTuple):
    """One update to send, and whether the stream closes after it."""

    update: dict[str, Any]
    disconnect: bool


_SPARED = Fate(0, ANSWERED, 0, 0.0)


class Faults:
    """The switches and their seed."""

    def __init__(self, seed: int) -> None:
        """Nothing goes wrong."""
        self.seed = seed
        self.switches = Switches()
        self._drawn = 0
        self._held: dict[str, list[dict[str, Any]]] = {}

    def switch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change some switches; returns all of them.  Raises Refused for one that is unknown or no chance."""
        merged = {**msgspec.to_builtins(self.switches), **changes}
        try:
            switches = msgspec.convert(merged, Switches)
        except msgspec.ValidationError as error:
            raise malformed(str(error)) from error
        for name in Switches.__struct_fields__:
            value = getattr(switches, name)
            if (name != "clock_skew_ms" and value < 0) or (
                isinstance(value, float) and value > 1 and "_ms" not in name
            ):
                raise malformed(f"{name} must be from 0 to 1" if "_ms" not in name else f"{name} must be 0 or more")
        self.switches = switches
        return self.shown()

    def shown(self) -> dict[str, Any]:
        """All switches."""
        shown: dict[str, Any] = msgspec.to_builtins(self.switches)
        return shown

    def chance(self, what: str, number: int | str) -> float:
        """A number in [0, 1) that follows from the seed, the purpose and its number alone."""
        digest = blake2b(f"{self.seed}|{what}|{number}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2.0**64

    def befalls(self, what: str, number: int | str) -> bool:
        """Whether a thing that is switched on by its own name happens this time."""
        likely: float = getattr(self.switches, what)
        return likely > 0.0 and self.chance(what, number) < likely

    # Requests.

    def fate(self, method: str, path: str) -> Fate:
        """What is to become of a request; the exchange's own doors are spared."""
        if self.switches == _CALM or path.startswith("/admin/"):
            return _SPARED
        self._drawn += 1
        number = self._drawn
        delay = (self.switches.latency_ms + self.switches.jitter_ms * self.chance("jitter", number)) / 1000.0
        if self.switches.only_changes and method not in _CHANGES:
            return Fate(0, ANSWERED, 0, delay)
        if self.befalls("throttle", number):
            return Fate(429, ANSWERED, 0, delay)
        if self.befalls("error_before", number):
            return Fate(self._error(number), ANSWERED, 0, delay)
        if self.befalls("drop_before", number):
            return Fate(503, DROPPED, 0, delay)
        if self.befalls("drop_after", number):
            return Fate(0, DROPPED, 0, delay)
        if self.befalls("cut_body", number):
            return Fate(0, CUT, 0, delay)
        return Fate(0, ANSWERED, self._error(number) if self.befalls("error_after", number) else 0, delay)

    def _error(self, number: int) -> int:
        """One of the statuses of a server that has trouble."""
        return _ERRORS[int(self.chance("status", number) * len(_ERRORS))]

    # Updates.

    def tell(self, stream: str, updates: Iterable[dict[str, Any]]) -> list[Told]:
        """The updates that a stream really gets, in the order in which it gets them."""
        told: list[Told] = []
        for update in updates:
            identity = f"{stream} {update['execution_id']}"
            if self.befalls("lose", identity):
                continue
            held = self._held.pop(stream, [])
            if self.befalls("reorder", identity):
                self._held[stream] = [*held, update]
                continue
            copies = 2 if self.befalls("duplicate", identity) else 1
            told += [Told(one, disconnect=False) for one in (*[update] * copies, *held)]
            if self.befalls("disconnect", identity):
                told[-1] = Told(told[-1].update, disconnect=True)
        return told


_CALM = Switches()
