"""What the parsers of all feeds share: bounded numbers, words made of them, and the one error for bytes that are no message.

What comes in: numbers of a message, already checked to lie within bounds by the decoder.
What goes out: events with the venue's time, and the time at which they were heard where that is later.
Why it is shaped so: bounds are checked while a message is decoded, in C, so that no level of a book costs a check in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from stratofold.errors import Retry
from stratofold.events import GAP, RESTORED, Depth, Event, Quote, Status, Trade

if TYPE_CHECKING:
    from collections.abc import Iterable

AMOUNT_MAX = 1e15
MILLISECOND_NS = 1_000_000

Price = Annotated[float, Meta(gt=0.0, le=AMOUNT_MAX)]
Size = Annotated[float, Meta(ge=0.0, le=AMOUNT_MAX)]
Milliseconds = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]  # as nanoseconds they fit 63 bits
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Named = tuple[str, Event]


def garbled(venue: str, why: object) -> Retry:
    """Bytes that are no message of a venue: the connection is opened anew, and what it says then is heard."""
    return Retry("SF980", f"{venue} sent what is none of its messages", why=" ".join(str(why).split())[:200])


def quote_word(
    time: int, received: int, number: int, bid: float, bid_size: float, ask: float, ask_size: float
) -> Quote:
    """A quote; a side at price 0 is one that is not there."""
    word = Quote()
    word.time, word.known, word.source_sequence = time, max(received, time), number
    if bid > 0.0:
        word.bid, word.bid_size = bid, bid_size
    if ask > 0.0:
        word.ask, word.ask_size = ask, ask_size
    return word


def trade_word(time: int, received: int, number: int, price: float, size: float, aggressor: int) -> Trade:
    """A trade."""
    word = _new_trade(Trade)
    word.time = time
    word.known = max(time, received)
    word.source = word.symbol = 0
    word.source_sequence = number
    word.price = price
    word.size = size
    word.aggressor = aggressor
    return word


def depth_words(
    time: int,
    received: int,
    number: int,
    bids: list[tuple[float, float]],
    asks: list[tuple[float, float]],
    *,
    snapshot: bool = False,
) -> list[Depth]:
    """Each level as a word, the bids first; the last one completes the message."""
    known = max(time, received)
    words: list[Depth] = []
    for side, levels in ((1, bids), (-1, asks)):
        for price, size in levels:
            word = _new_depth(Depth)
            word.time = time
            word.known = known
            word.source = word.symbol = 0
            word.source_sequence = number
            word.side = side
            word.price = price
            word.size = size
            word.snapshot = snapshot
            word.last = False
            words.append(word)
    if words:
        words[-1].last = True
    return words


def status_word(kind: int, time: int) -> Status:
    """What a feed is doing: MUTE, GAP, RESTORED, or a halt."""
    word = Status()
    word.kind, word.time, word.known = kind, time, time
    return word


def gap_word(time: int) -> Status:
    """What comes next does not follow on what came before."""
    return status_word(GAP, time)


class Torn:
    """The symbols of which something may be missing: a GAP says so of each, and RESTORED when it is heard again."""

    def __init__(self, symbols: Iterable[str]) -> None:
        """Nothing is torn."""
        self.symbols = tuple(symbols)
        self._torn: set[str] = set()

    def tear(self, now: int) -> list[Named]:
        """What was not heard before `now` is missing, of every symbol."""
        self._torn.update(self.symbols)
        return [(symbol, gap_word(now)) for symbol in self.symbols]

    def mended(self, named: Named) -> list[Named]:
        """What is said before a word of the market: that its symbol is heard again, once."""
        symbol, word = named
        if symbol not in self._torn or type(word) is Status:
            return []
        self._torn.discard(symbol)
        return [(symbol, status_word(RESTORED, word.known))]


# A word of every change of a book is made here: `__init__` and its parent's cost as much as all the rest.
_new_trade = Trade.__new__
_new_depth = Depth.__new__
