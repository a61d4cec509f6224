"""`webhook`: a signed fill or signal becomes something in its book's inbox, once; the table's stream wakes `decide`.

It knows the webhook's keys and nothing else, and says no more to who is not authentic than that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stratofold.cloud import sources
from stratofold.cloud.latency import PROMPT
from stratofold.cloud.place import invoke, say
from stratofold.errors import Setup
from stratofold.live.webhook import Key, receive

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.cloud.place import Context, Place

LATENCY = PROMPT
KEYS = ("webhook", "webhook-next")  # two while one replaces the other


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("webhook", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Take one request; the answer is sent after the commit, so who hears nothing sends again and is known."""
    asked = sources.request(event)
    verdict = receive(place.journal, keys_of(place), asked.headers, asked.body, place.clock.now())
    say(verb="webhook", status=verdict.status, book=verdict.book, fresh=verdict.fresh)
    return sources.answer(verdict.status, json.dumps({"result": verdict.word}))


def keys_of(place: Place) -> list[Key]:
    """The keys in force; raises Setup SF821 where there is none at all."""
    found = [Key(place.secrets.get(KEYS[0]).encode())]
    try:
        found.append(Key(place.secrets.get(KEYS[1]).encode()))
    except Setup:
        return found
    return found
