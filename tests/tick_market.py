"""A made market of ticks: a middle that walks, levels around it that change, trades at the touch; from a seed."""

from random import Random

import polars as pl

import stratofold
from stratofold.market.tick_data import TickData

START = 1_700_000_000_000_000_000
XYZ = stratofold.Equity("XYZ", calendar="24/7")


def made(seed: int = 1, moments: int = 400, *, kinds: tuple[str, ...] = ("quotes", "trades", "depth")) -> TickData:
    """Ticks of those kinds: a snapshot, then at each moment a message of depth, a quote of its touch, or a trade."""
    chance = Random(seed)
    tables: dict[str, list[dict[str, object]]] = {"quotes": [], "trades": [], "depth": [], "snapshot": []}
    middle, time = 10_000, START
    shown = {1: {middle - k: 100 * k for k in range(1, 9)}, -1: {middle + k: 100 * k for k in range(1, 9)}}
    for side, name in ((1, "bid"), (-1, "ask")):
        tables["snapshot"] += [_row(time, side=name, price=price, size=size) for price, size in shown[side].items()]
    for _ in range(moments):
        time += chance.randint(1, 400) * 1_000_000
        if chance.random() < 0.25:
            aggressor = chance.choice((1, -1))
            price = min(shown[-1]) if aggressor > 0 else max(shown[1])
            size = chance.randint(1, 3) * 100
            tables["trades"].append(_row(time, price=price, size=size, side="buy" if aggressor > 0 else "sell"))
            continue
        middle += chance.choice((-1, 0, 0, 0, 1))
        tables["depth"] += [_row(time, **change) for change in _message(chance, shown, middle)]
        bid, ask = max(shown[1]), min(shown[-1])
        tables["quotes"].append(_row(time, bid=bid, bid_size=shown[1][bid], ask=ask, ask_size=shown[-1][ask]))
    given = {name: rows for name, rows in tables.items() if name in kinds or (name == "snapshot" and "depth" in kinds)}
    return stratofold.read_ticks(
        **{name: pl.DataFrame(rows) for name, rows in given.items()}, symbols="XYZ", instruments=XYZ
    )


def _row(time: int, **values: object) -> dict[str, object]:
    """A row, prices in cents made money."""
    prices = {name: value / 100 for name, value in values.items() if name in ("price", "bid", "ask")}  # type: ignore[operator]
    return {"time": time, **values, **prices}


def _message(chance: Random, shown: dict[int, dict[int, int]], middle: int) -> list[dict[str, object]]:
    """Changes that bring both sides to the middle: what it has passed goes, the touch fills up, a level or two moves."""
    changes: list[tuple[int, int, int]] = []
    for side in (1, -1):
        changes += [(side, price, 0) for price in shown[side] if side * (price - middle) >= 0]
        changes += [(side, middle - side, chance.randint(1, 9) * 100)]
        changes += [(side, middle - side * chance.randint(2, 8), chance.choice((0, 200, 500, 900))) for _ in range(2)]
    for side, price, size in changes:
        shown[side][price] = size
        if size == 0:
            del shown[side][price]
    return [{"side": "bid" if side > 0 else "ask", "price": price, "size": size} for side, price, size in changes]
