"""`halt`: forbids sending, or has a book closed; it needs the table and nothing else.

What comes in: `{"scope": "account", "name": "*", "reason": "...", "by": "..."}`, with `"state": "reducing"` to let pass what
reduces; or `{"flatten": "main", "by": "..."}`, which has the book cancel and close, through `decide` and `deliver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.adapters.ports import HALTED, REDUCING
from stratofold.cloud.latency import CRITICAL
from stratofold.cloud.place import invoke
from stratofold.errors import Setup
from stratofold.live.halt import close_out, halt
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place

LATENCY = CRITICAL


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("halt", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Write what is forbidden; raises Setup SF914 for a scope that is none, SF886 for a state that is none."""
    now, by = place.clock.now(), str(event.get("by") or "the function halt")
    if "flatten" in event:
        book = str(event["flatten"])
        envelope = pack({"wall": now, "by": "halt", "region": place.region})
        return {"flatten": book, "offered": close_out(place.journal, book, by, now, envelope)}
    state = str(event.get("state", HALTED))
    if state not in (HALTED, REDUCING):
        why = "lifting takes two steps and a look at book and venue"
        raise Setup("SF886", f"{state!r} is not what `halt` writes", why=why, fix="stratofold resume")
    account = str(event.get("account") or place.journal.head(place.book).account)
    scope, name = str(event.get("scope", "account")), str(event.get("name", "*"))
    control = halt(
        place.journal, account, scope, name, str(event.get("reason", "")), by, now,
        pack({"wall": now, "by": "halt", "region": place.region}), state=state,
    )  # fmt: skip
    return {"account": account, "scope": scope, "name": name, "state": control.state, "sequence": control.sequence}
