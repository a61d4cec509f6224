"""`watch`: after a fill the book is looked at with fresh eyes; no market event and no clock wakes it.

What a bound of the guard has broken is held back for every process; a position that is beyond its stop or its target at
the price it was filled at, or at the last one known, is to be closed: that is offered to the book, `decide` hears it and
`deliver` sends it, whether anybody's laptop is on or not.  And what a stream's reader has given up is read again by it,
so that the dead letters hold the records themselves.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stratofold.adapters.ports import Offer
from stratofold.cloud import sources
from stratofold.cloud.latency import PROMPT
from stratofold.cloud.place import invoke, say
from stratofold.cloud.recovered import letters
from stratofold.cloud.telling import tell
from stratofold.live.alerts import CRITICAL, Condition
from stratofold.live.hold import hold_again
from stratofold.live.look import look_at
from stratofold.live.risk.guard import Guard
from stratofold.live.risk.verdict import STOP_LOSS, TAKE_PROFIT, reason_name
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stratofold.cloud.place import Context, Place
    from stratofold.live.desk import Desk

LATENCY = PROMPT


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """What AWS calls."""
    return invoke("watch", respond, event, context)


def respond(place: Place, event: dict[str, Any], remaining_ms: Callable[[], int]) -> dict[str, Any]:  # noqa: ARG001
    """Look at each book that had a fill, once a batch, and keep what was given up: `decide` tells of the one, a topic of the other."""
    if sources.origin(event) == "sns":
        return {"kept": sum(keep(place, told) for told in sources.notices(event))}
    books: dict[str, int] = event["books"]
    place.metrics.add("orders_filled", sum(books.values()))
    for book in sorted(books):
        if place.journal.head(book).holder == place.holder:
            place.run(look(place, book))
    return {"looked": sorted(books)}


def keep(place: Place, told: str) -> int:
    """Put the records of a batch that was given up into the dead letters; how many there were."""
    found = list(letters(place.client, json.loads(told)))
    for letter in found:
        place.dead.put(place.book, [letter])
    say(verb="watch", kept=len(found))
    return len(found)


async def look(place: Place, book: str) -> None:
    """Hold what is broken, offer what must be closed, tell people; of a book that this code cannot go on with, tell that."""
    desk, otherwise, _ = look_at(place.journal, book, place.strategy)
    now = max(desk.fold.engine.book.time, 0) if place.replays else place.clock.now()
    if otherwise is not None:
        told = Condition("decided_otherwise", CRITICAL, otherwise.what, f"{otherwise.why}; {otherwise.fix}")
        await tell(place, book, now, "watch", None, [told])
        return
    held = hold_again(desk, now)
    beyond = list(positions_beyond(desk))
    for symbol, reason, level, price in beyond:
        offer = Offer(0, "watch", f"{reason}:{symbol}:{desk.fold.steps}", pack([symbol, reason, level, price]))
        place.journal.offer(book, [offer])
    happened = [_closed(*one) for one in beyond]
    happened += [Condition(f"held:{one.scope}:{one.name}", CRITICAL, f"{one.name} is held", one.reason) for one in held]
    await tell(place, book, now, "watch", None, happened)
    say(verb="watch", book=book, closes=len(beyond), held=len(held))


def positions_beyond(desk: Desk) -> Iterator[tuple[str, str, float, float]]:
    """Positions whose price is beyond their level and that nobody is closing: symbol, why, the level, the price."""
    guard, book = desk.fold.guard, desk.fold.engine.book
    if not isinstance(guard, Guard):
        return
    for symbol, name in enumerate(desk.fold.names):
        holding = book.ledger.holdings[symbol]
        if holding.quantity == 0.0 or guard.closing.flatten[symbol]:
            continue
        side = 1.0 if holding.quantity > 0.0 else -1.0
        loss, profit = guard.price_stops.levels(symbol, book)
        if side * (holding.price - loss) <= 0.0:
            yield name, reason_name(STOP_LOSS), loss, holding.price
        elif side * (holding.price - profit) >= 0.0:
            yield name, reason_name(TAKE_PROFIT), profit, holding.price


def _closed(symbol: str, reason: str, level: float, price: float) -> Condition:
    """What a person hears of a position that is to be closed."""
    text = f"{symbol} at {price:.10g} is beyond {level:.10g}; it is being closed"
    return Condition(f"{reason}:{symbol}", CRITICAL, f"{reason} of {symbol}", text)
