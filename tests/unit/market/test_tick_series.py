"""The book at any instant, and the series of the touch: the batch against the incremental form, and against a dictionary."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from random import Random

import polars as pl
import pytest

from stratofold import read_ticks
from stratofold.bars import imbalance, microprice, relative_spread, spread
from stratofold.errors import Setup
from stratofold.events import Depth, Quote
from stratofold.fold.ticks.engine import DEPTH, FIRST
from stratofold.live.ticks import LiveLadder
from stratofold.market.tick_series import book_at, touches
from tests.tick_market import XYZ, made
from tests.unit.live.test_ticks import words


def alike(mine: float, theirs: float) -> bool:
    return mine == theirs or (isnan(mine) and isnan(theirs))


@pytest.mark.parametrize("kinds", [("quotes", "trades"), ("quotes", "trades", "depth")], ids="+".join)
def test_the_series_is_what_a_hook_would_have_seen(kinds):
    ticks = made(11, 300, kinds=kinds)
    ladder, rows = LiveLadder(is_deep="depth" in kinds), []
    for word, flags in zip(words(ticks), ticks.flags, strict=True):
        if isinstance(word, Depth):
            if flags & FIRST:
                ladder.forget()
            ladder.change(word.side, ladder.place(word.price), word.size)
        elif isinstance(word, Quote) and not ladder.is_deep:
            ladder.quote(word)
        if (isinstance(word, Depth) and word.last) or (isinstance(word, Quote) and not ladder.is_deep):
            bid, bid_size, ask, ask_size = ladder.bid, ladder.bid_size, ladder.ask, ladder.ask_size
            rows.append((
                bid, bid_size, ask, ask_size, ladder.mid, spread(bid, ask), relative_spread(bid, ask),
                imbalance(bid_size, ask_size), microprice(bid, bid_size, ask, ask_size),
            ))  # fmt: skip
    series = touches(ticks)
    assert len(series) == len(rows) > 150
    assert all(
        alike(*pair)
        for mine, row in zip(series.drop("time").rows(), rows, strict=True)
        for pair in zip(mine, row, strict=True)
    )
    assert series["time"].is_sorted()


def test_an_absent_side_and_a_crossed_quote_say_nothing():
    quotes = pl.DataFrame({
        "time": [10**18, 10**18 + 1, 10**18 + 2], "bid": [0.0, 10.0, 10.2], "bid_size": [0.0, 3.0, 1.0],
        "ask": [10.1, 10.1, 10.1], "ask_size": [5.0, 1.0, 1.0],
    })  # fmt: skip
    series = touches(read_ticks(quotes=quotes, instruments=XYZ, symbols="XYZ"))
    assert [isnan(one) for one in series["mid"]] == [True, False, True]
    assert isnan(series["microprice"][0])
    assert series["microprice"][1] == (10.0 * 1.0 + 10.1 * 3.0) / 4.0
    assert series["imbalance"][1] == 0.5


def test_the_book_at_any_instant_is_what_was_shown_by_then():
    """At times of messages, between them, before the first; from the snapshot before it on."""
    ticks, draw = made(12, 250, kinds=("depth",)), Random(1)
    first, last = int(ticks.time[0]), int(ticks.time[-1])
    moments = [first - 1, first, last, *(draw.randrange(first, last) for _ in range(25)), *map(int, ticks.time[::400])]
    for moment in moments:
        shown: dict[tuple[int, float], float] = {}
        for time, side, price, size in zip(ticks.time, ticks.side, ticks.price, ticks.size, strict=True):
            if time <= moment:
                shown[int(side), float(price)] = float(size)
        frame = book_at(ticks, moment)
        for side, name, backwards in ((1, "bid", True), (-1, "ask", False)):
            mine = frame.filter(pl.col("side") == name).select("price", "size").rows()
            assert mine == sorted(
                ((price, size) for (of, price), size in shown.items() if of == side and size), reverse=backwards
            )
    at = datetime(2024, 1, 1, tzinfo=UTC)
    assert book_at(ticks, at).equals(book_at(ticks, last))
    begun = ticks.subset(start=int(ticks.time[700]))
    assert book_at(begun, last).equals(book_at(ticks, last))
    assert (ticks.kind == DEPTH).all()


def test_what_is_not_there_is_told():
    quotes = made(1, 5, kinds=("quotes",))
    with pytest.raises(Setup, match="SF974"):
        book_at(quotes, 0)
    with pytest.raises(Setup, match="SF974"):
        touches(made(1, 30, kinds=("trades",)))
    with pytest.raises(Setup, match="XYZ"):
        touches(quotes, "XYA")
    both = pl.DataFrame({"time": [1, 2], "symbol": ["A", "B"], "bid": [1.0, 2.0], "ask": [1.5, 2.5]})
    two = read_ticks(quotes=both)
    with pytest.raises(Setup, match="SF975"):
        touches(two)
    assert touches(two, "B")["bid"].to_list() == [2.0]
    with pytest.raises(Setup, match="SF213"):
        book_at(made(1, 5), datetime(2024, 1, 1))  # noqa: DTZ001 - that is what is refused
