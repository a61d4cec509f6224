"""NASDAQ TotalView-ITCH 5.0, from files or a stream: every order of a session to the levels of its books, and trades.

What comes in: bytes in pieces of any size, each message preceded by its length in two bytes, as NASDAQ's files are and its
sessions deliver them; the midnight from which its times count.
What goes out: words by symbol: a level's whole size after each message that changed it, trades, halts and resumes.
Why it is shaped so: a message names an order, not a level, so orders are kept, of the symbols asked for only; and what does
not fit what is kept means that messages are missing, which no book survives.

Source: "Nasdaq TotalView-ITCH 5.0" specification, sections 1.1 to 1.7.
Ignores: attribution, imbalances, auction collars, market makers, broken trades.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from stratofold.adapters.feeds.spoken import garbled, status_word, trade_word
from stratofold.events import HALT, RESUME, Depth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from stratofold.adapters.feeds.spoken import Named

# What each message is as a whole: its type, locate, tracking number, time, and then its own; lengths by type follow.
_HEAD = ">cHHHI"
_FORMS: Final = {
    kind: Struct(_HEAD + rest)
    for kind, rest in {
        "S": "c", "R": "8s20x", "H": "8scx4s", "A": "QcI8sI", "F": "QcI8sI4x", "E": "QIQ", "C": "QIQcI", "X": "QI",
        "D": "Q", "U": "QQII", "P": "QcI8sIQ", "Q": "Q8sIQc",
    }.items()
}  # fmt: skip
_OTHERS: Final = {"Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "B": 19, "I": 50, "N": 20, "O": 48}
LENGTHS: Final = {**{kind: form.size for kind, form in _FORMS.items()}, **_OTHERS}
PRICE_SCALE = 10_000
_STATES = {b"H": HALT, b"P": HALT, b"Q": HALT, b"T": RESUME}
_PIECE = 1 << 20
_Fields = tuple[Any, ...]  # as `struct` unpacks them: numbers, and bytes for letters


class _Order:
    """What rests: how much, where."""

    __slots__ = ("locate", "price", "shares", "side")

    def __init__(self, locate: int, side: int, price: int, shares: int) -> None:
        self.locate = locate
        self.side = side
        self.price = price
        self.shares = shares


class Itch:
    """One session; `symbols` are those wanted, all if None; `midnight` is ns UTC of the venue's own midnight."""

    def __init__(self, midnight: int, symbols: Iterable[str] | None = None) -> None:
        """Nothing rests before the session's first message."""
        self.midnight = midnight
        self.wanted = None if symbols is None else frozenset(symbols)
        self.messages = 0
        self._rest = b""
        self._names: dict[int, str] = {}
        self._orders: dict[int, _Order] = {}
        self._levels: dict[tuple[int, int, int], int] = {}
        self._hear: dict[int, Callable[[_Fields, int, str], list[Named]]] = {
            ord("A"): self._added, ord("F"): self._added, ord("E"): self._executed, ord("C"): self._executed_at,
            ord("X"): self._cancelled, ord("D"): self._deleted, ord("U"): self._replaced, ord("P"): self._traded,
            ord("Q"): self._crossed, ord("H"): self._acted,
        }  # fmt: skip

    def feed(self, data: bytes) -> list[Named]:
        """The words of the messages that are whole now; raises Retry SF980 for what is none, or does not fit."""
        data, begin = self._rest + data, 0
        out: list[Named] = []
        while len(data) - begin >= 2:
            end = begin + 2 + (data[begin] << 8 | data[begin + 1])
            if len(data) < end:
                if end - begin - 2 > max(LENGTHS.values()):
                    raise garbled("ITCH", f"a message of {end - begin - 2} bytes")
                break
            out += self._message(data[begin + 2 : end])
            begin = end
        self._rest = data[begin:]
        return out

    @property
    def is_within_a_message(self) -> bool:
        """Whether more must come."""
        return bool(self._rest)

    def level(self, symbol: str, side: int, price: float) -> int:
        """The shares that a level shows."""
        locates = [locate for locate, name in self._names.items() if name == symbol]
        return sum(self._levels.get((locate, side, round(price * PRICE_SCALE)), 0) for locate in locates)

    def _message(self, data: bytes) -> list[Named]:
        """One message."""
        kind = chr(data[0]) if data else ""
        if LENGTHS.get(kind) != len(data):
            raise garbled("ITCH", f"a message {kind!r} of {len(data)} bytes")
        self.messages += 1
        locate = data[1] << 8 | data[2]
        if kind == "R":
            name = data[11:19].decode("ascii", "replace").rstrip()
            if self.wanted is None or name in self.wanted:
                self._names[locate] = name
            return []
        hear, symbol = self._hear.get(data[0]), self._names.get(locate)
        if hear is None or symbol is None:
            return []
        fields = _FORMS[kind].unpack(data)
        return hear(fields, self.midnight + (fields[3] << 32 | fields[4]), symbol)

    # Orders.

    def _added(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        return [(symbol, self._place(fields[5], fields[1], _side(fields[6]), fields[9], fields[7], time))]

    def _executed(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        order, level = self._take(fields[5], fields[6], fields[1], time)
        trade = trade_word(time, time, fields[7], order.price / PRICE_SCALE, float(fields[6]), -order.side)
        return [(symbol, trade), (symbol, level)]

    def _executed_at(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        order, level = self._take(fields[5], fields[6], fields[1], time)
        if fields[8] != b"Y" or not fields[9]:
            return [(symbol, level)]  # it will be printed with a cross
        trade = trade_word(time, time, fields[7], fields[9] / PRICE_SCALE, float(fields[6]), -order.side)
        return [(symbol, trade), (symbol, level)]

    def _cancelled(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        return [(symbol, self._take(fields[5], fields[6], fields[1], time)[1])]

    def _deleted(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        return [(symbol, self._take(fields[5], 0, fields[1], time)[1])]

    def _replaced(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        order, gone = self._take(fields[5], 0, fields[1], time)
        gone.last = False
        return [(symbol, gone), (symbol, self._place(fields[6], fields[1], order.side, fields[8], fields[7], time))]

    def _place(self, number: int, locate: int, side: int, price: int, shares: int, time: int) -> Depth:
        """An order rests from now on; raises Retry SF980 for one that does already, or that is none."""
        if number in self._orders or not price or not shares:
            raise garbled("ITCH", f"order {number} of {shares} at {price} comes a second time, or is none")
        self._orders[number] = _Order(locate, side, price, shares)
        return self._changed(locate, side, price, shares, time)

    def _take(self, number: int, shares: int, locate: int, time: int) -> tuple[_Order, Depth]:
        """Some of an order is gone, all of it for 0; raises Retry SF980 where so much did not rest."""
        order = self._orders.get(number)
        if order is None or order.locate != locate or shares > order.shares:
            raise garbled("ITCH", f"{shares} of order {number}, which does not rest: messages are missing before it")
        gone = shares or order.shares
        order.shares -= gone
        if not order.shares:
            del self._orders[number]
        return order, self._changed(locate, order.side, order.price, -gone, time)

    def _changed(self, locate: int, side: int, price: int, by: int, time: int) -> Depth:
        """A level shows more or less."""
        place = locate, side, price
        size = self._levels.get(place, 0) + by
        if size:
            self._levels[place] = size
        else:
            del self._levels[place]
        word = Depth()
        word.time = word.known = time
        word.source_sequence = self.messages
        word.side, word.price, word.size = side, price / PRICE_SCALE, float(size)
        return word

    # What is no order.

    def _traded(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        """Against an order that was not shown; since 2014 the message does not say whose side it was."""
        return self._print(symbol, time, fields[10], fields[9], fields[7])

    def _crossed(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        """An auction; one without shares had none."""
        return self._print(symbol, time, fields[8], fields[7], fields[5])

    def _print(self, symbol: str, time: int, number: int, price: int, shares: int) -> list[Named]:
        if not price or not shares:
            return []
        return [(symbol, trade_word(time, time, number, price / PRICE_SCALE, float(shares), 0))]

    def _acted(self, fields: _Fields, time: int, symbol: str) -> list[Named]:
        kind = _STATES.get(fields[6])
        return [] if kind is None else [(symbol, status_word(kind, time))]


def _side(letter: bytes) -> int:
    """1 for a buyer; raises Retry SF980 for neither."""
    if letter not in (b"B", b"S"):
        raise garbled("ITCH", f"the side {letter!r}")
    return 1 if letter == b"B" else -1


def words_in(path: Path, midnight: int, symbols: Iterable[str] | None = None) -> Iterator[Named]:
    """The words of a file, compressed or not.  Raises Retry SF980 for a file that is none, or that breaks off."""
    import gzip
    import zlib

    session = Itch(midnight, symbols)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield from session.feed(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise garbled("ITCH", f"{path}: {error}") from None
    if session.is_within_a_message:
        raise garbled("ITCH", f"{path} ends within a message, after {session.messages:,}")
