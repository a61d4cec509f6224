"""Words as rows of a catalogue.

What comes in: words with their symbols, and when each was received.
What goes out: columns by kind, put into a catalogue a piece at a time.
Why it is shaped so: a recording may be larger than memory, and what was put in once is left out when it comes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.events import Depth, Event, Quote, Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.feeds.spoken import Named
    from stratofold.market.catalogue.catalogue import Catalogue

ROWS_MAX = 200_000

# Kind of row to its columns, each as it is in a word.
COLUMNS: dict[type[Event], tuple[str, dict[str, str]]] = {
    Trade: (
        "trades",
        {"time": "time", "price": "price", "size": "size", "aggressor": "aggressor", "id": "source_sequence"},
    ),
    Quote: (
        "quotes",
        {
            "time": "time",
            "bid": "bid",
            "bid_size": "bid_size",
            "ask": "ask",
            "ask_size": "ask_size",
            "id": "source_sequence",
        },
    ),
    Depth: (
        "depth",
        {
            "time": "time",
            "side": "side",
            "price": "price",
            "size": "size",
            "snapshot": "snapshot",
            "final_id": "source_sequence",
        },
    ),
}


class Rows:
    """Rows on their way into a catalogue; `close` puts in the last."""

    def __init__(self, place: Catalogue, source: str, rows_max: int = ROWS_MAX) -> None:
        """Nothing waits."""
        self.place = place
        self.source = source
        self.rows_max = rows_max
        self.added: dict[str, int] = {}
        self._kept: dict[type[Event], list[tuple[Any, ...]]] = {kind: [] for kind in COLUMNS}
        self._take: dict[type[Event], Callable[[Event], tuple[Any, ...]]] = {
            kind: _getter(tuple(columns.values())) for kind, (_, columns) in COLUMNS.items()
        }

    def take(self, received: int, words: list[Named]) -> None:
        """The rows of a frame; what is neither trade, quote nor depth is none."""
        for symbol, word in words:
            kind = type(word)
            if kind in self._kept:
                rows = self._kept[kind]
                rows.append((symbol, received, *self._take[kind](word)))
                if len(rows) >= self.rows_max and getattr(word, "last", True):
                    self._put(kind)

    def close(self) -> dict[str, int]:
        """Put in what waits; how many rows of each kind were new."""
        for kind in COLUMNS:
            self._put(kind)
        return self.added

    def _put(self, kind: type[Event]) -> None:
        import polars as pl

        if not self._kept[kind]:
            return
        name, columns = COLUMNS[kind]
        frame = pl.DataFrame(
            self._kept[kind], schema=["symbol", "received_ns", *columns], orient="row", infer_schema_length=None
        )
        self._kept[kind] = []
        receipt = self.place.append(name, frame, self.source)
        self.added[name] = self.added.get(name, 0) + receipt.added


def _getter(names: tuple[str, ...]) -> Callable[[Event], tuple[Any, ...]]:
    from operator import attrgetter

    return attrgetter(*names)
