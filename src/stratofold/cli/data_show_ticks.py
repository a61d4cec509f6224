"""What `stratofold data show` says of what is no bar: trades and quotes as lines, depth as a book, observations as they became known.

What comes in: a catalogue, a kind, symbols, a range.
What goes out: one row of facts a symbol (or a symbol and series), the lines that say them in a terminal, and the ticks for a chart.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.cli.data import moment
from stratofold.cli.data_show import sparkline, summary
from stratofold.market.catalogue.kinds import DEPTH, OBSERVATIONS

if TYPE_CHECKING:
    import polars as pl

    from stratofold.market.catalogue.catalogue import Catalogue
    from stratofold.market.tick_data import TickData

LEVELS = 10  # of a book's side


def ticks_shown(
    place: "Catalogue", kind: str, names: list[str] | None, bounds: tuple[Any, Any]
) -> tuple[list[Any], Any]:
    """Rows of facts, and the ticks they are of (None where they are no ticks); raises as `Catalogue.ticks` does."""
    if kind == OBSERVATIONS:
        return _observed(place.frame(kind, names, *bounds)), None
    ticks = place.ticks(names, *bounds, kinds=(kind,))
    return [book(ticks, name) if kind == DEPTH else summary(ticks, name) for name in ticks.symbols], ticks


def book(ticks: "TickData", name: str) -> dict[str, Any]:
    """What one symbol's depth shows at the end: its best levels, the sizes of all of them as a line of characters."""
    handle = ticks.handle(name)
    mine = ticks.symbol == handle if len(ticks.symbol) > 1 else np.ones(len(ticks.time), bool)
    shown = ticks.shown_before(len(ticks.time))
    shown = shown[mine[shown]]
    rows = np.flatnonzero(mine)
    sides = {}
    for word, side in (("bids", 1), ("asks", -1)):
        own = shown[ticks.side[shown] == side]
        own = own[np.argsort(-side * ticks.price[own])][:LEVELS]
        sides[word] = list(zip(ticks.price[own].tolist(), ticks.size[own].tolist(), strict=True))
    return {
        "symbol": name, "rows": len(rows), "from": moment(int(ticks.time[rows[0]])), "to": moment(int(ticks.time[rows[-1]])),
        "levels": len(shown), **sides,
    }  # fmt: skip


def _observed(frame: "pl.DataFrame") -> list[dict[str, Any]]:
    """Each series of each symbol: how often and when it became known, and its values as a line."""
    found = []
    for (symbol, series), own in frame.partition_by("symbol", "series", as_dict=True, maintain_order=True).items():
        values = own["value"].drop_nulls().drop_nans().to_list()
        found.append({
            "symbol": symbol, "series": series, "rows": len(own), "from": own["time"][0], "to": own["time"][-1],
            "last": values[-1] if values else None, "sparkline": sparkline(values) if values else "",
        })  # fmt: skip
    return found


def lines_of(kind: str, row: dict[str, Any]) -> list[str]:
    """A row of facts for a person."""
    head = f"{row['symbol']:<10}"
    range_ = f"{row['rows']:,} {'changes' if kind == DEPTH else kind}, {row['from']:%Y-%m-%d %H:%M:%S} to {row['to']:%Y-%m-%d %H:%M:%S}"
    if kind == OBSERVATIONS:
        last = "no number" if row["last"] is None else f"last {row['last']:g}"
        return [f"{head} {row['series']}: {row['sparkline']}  {last}", f"{'':<10} {range_}"]
    if kind == DEPTH:
        return [
            f"{head} {_shape(row['bids'], row['asks'])}  {row['levels']:,} levels at the end",
            f"{'':<10} {range_}",
            *_ladder(row),
        ]
    return [f"{head} {row['sparkline']}  {row['low']:g} to {row['high']:g}, last {row['last']:g}", f"{'':<10} {range_}"]


def _shape(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> str:
    """The sizes of a book's best levels, from the furthest bid to the furthest offer, on one scale; a blank is the spread."""
    sizes = [size for _, size in (*reversed(bids), *asks)]
    line = sparkline(sizes) if sizes else ""
    return f"{line[: len(bids)]} {line[len(bids) :]}"


def _ladder(row: dict[str, Any]) -> list[str]:
    """The best five levels of each side, bids to the left."""
    lines = []
    for place in range(min(5, max(len(row["bids"]), len(row["asks"])))):
        bid, ask = (row[word][place] if place < len(row[word]) else None for word in ("bids", "asks"))
        left = "" if bid is None else f"{bid[1]:g} @ {bid[0]:.10g}"
        right = "" if ask is None else f"{ask[0]:.10g} @ {ask[1]:g}"
        lines.append(f"{'':<10} {left:>26} | {right}".rstrip())
    return lines
