"""Random markets of ticks and random scripts, from a seed: prices few and close, so that everything meets."""

from dataclasses import replace
from random import Random

from .scenario import Word
from .ticks import POST_ONLY, Depth, Quote, TickCase, TickScript, Trade

QUEUES = ("through", "back", "proportional", "squared", "front")
_WIDE = tuple(float(price) for price in range(96, 105))
_NARROW = (99.0, 99.0, 100.0, 101.0, 101.0)  # where orders stand in queues for long
_KINDS = (
    ("quotes",),
    ("trades",),
    ("quotes", "trades"),
    ("depth",),
    ("depth", "trades"),
    ("depth", "trades", "quotes"),
)


def tick_case(seed: int) -> tuple[TickCase, TickScript]:
    """A case and its script."""
    chance = Random(seed)
    symbols = chance.choice((1, 1, 2))
    kinds = [chance.choice(_KINDS) for _ in range(symbols)]
    rows: list[Quote | Trade | Depth] = []
    time = 10
    prices = chance.choice((_WIDE, _NARROW))
    for _ in range(chance.randint(3, 40)):
        time += chance.choice((0, 1, 1, 2, 5, 20))
        rows += _moment(chance, kinds, time, prices)
    rows.sort(key=lambda row: (row.time, (Trade, Depth, Quote).index(type(row)), not getattr(row, "first", False)))
    rows = _completed(rows)
    last = rows[-1].time
    case = TickCase(
        rows, symbols, _halts(chance, symbols, last), (*sorted({chance.randint(11, last + 5) for _ in range(2)}), 10**15),
        latency=chance.choice((0, 0, 1, 3, 10)), cap=chance.choice((1.0, 1.0, 0.5)), queue=chance.choice(QUEUES),
    )  # fmt: skip
    on_row = {k: _words(chance, symbols, prices) for k in range(len(rows)) if chance.random() < 0.35}
    on_fill = {k: _words(chance, symbols, prices) for k in range(8) if chance.random() < 0.4}
    return case, TickScript(on_row, on_fill)


def _halts(chance: Random, symbols: int, last: int) -> list[tuple[int, int, bool]]:
    if chance.random() < 0.7:
        return []
    begin = chance.randint(10, last)
    symbol = chance.randrange(symbols)
    return [(begin, symbol, True), (begin + chance.randint(1, 20), symbol, False)]


def _moment(
    chance: Random, kinds: list[tuple[str, ...]], time: int, prices: tuple[float, ...]
) -> list[Quote | Trade | Depth]:
    """What one symbol's market says at one time."""
    symbol = chance.randrange(len(kinds))
    kind = chance.choice(kinds[symbol])
    if kind == "trades":
        return [Trade(time, symbol, chance.choice(prices), _size(chance), chance.choice((-1, 0, 1)))]
    if kind == "quotes":
        bid = chance.choice(prices)
        ask = bid + chance.choice((0, 1, 1, 2, 3, -1))
        known = chance.random() < 0.8
        sizes = (_size(chance), _size(chance)) if known else (None, None)
        one_sided = chance.random()
        return [Quote(
            time, symbol, None if one_sided < 0.1 else bid, None if one_sided < 0.1 else sizes[0],
            None if one_sided > 0.9 else ask, None if one_sided > 0.9 else sizes[1],
        )]  # fmt: skip
    middle = 100.0 if prices is _NARROW else chance.choice(prices)
    rows = []
    is_snapshot = chance.random() < 0.1
    for k in range(chance.randint(1, 5)):
        side = chance.choice((-1, 1))
        price = middle - side * chance.randint(0 if chance.random() < 0.2 else 1, 3)
        size = 0.0 if chance.random() < 0.3 else _size(chance)
        rows.append(Depth(time, symbol, side, price, size, False, is_snapshot and k == 0))
    return rows


def _size(chance: Random) -> float:
    return float(chance.randint(1, 9))


def _completed(rows: list[Quote | Trade | Depth]) -> list[Quote | Trade | Depth]:
    """The last change of depth of each symbol and time completes its message."""
    seen: set[tuple[int, int]] = set()
    out: list[Quote | Trade | Depth] = []
    for row in reversed(rows):
        if isinstance(row, Depth):
            out.append(replace(row, last=(row.time, row.symbol) not in seen))
            seen.add((row.time, row.symbol))
        else:
            out.append(row)
    return out[::-1]


def _words(chance: Random, symbols: int, prices: tuple[float, ...]) -> list[Word]:
    return [_word(chance, symbols, prices) for _ in range(chance.choice((1, 1, 2, 3)))]


def _word(chance: Random, symbols: int, prices: tuple[float, ...]) -> Word:
    name = chance.choice(("buy", "sell", "buy", "sell", "buy", "sell", "cancel", "replace"))
    number = chance.randint(1, 12)
    price = chance.choice(prices)
    if name == "cancel":
        return Word("cancel", number=number)
    if name == "replace":
        what = chance.choice(("quantity", "limit", "stop", "both"))
        quantity = _size(chance) if what in ("quantity", "both") else None
        return Word(
            "replace", number=number, quantity=quantity, limit=price if what in ("limit", "both") else None,
            stop=price if what == "stop" else None,
        )  # fmt: skip
    kind = chance.choice(("market", "limit", "limit", "limit", "stop", "stop limit"))
    limit = price if "limit" in kind else None
    stop = chance.choice(prices) if "stop" in kind else None
    tifs = ("GTC", "DAY") if stop is not None else ("GTC", "DAY", "IOC", "FOK")
    tif = chance.choice((*tifs, "GTC", POST_ONLY) if kind == "limit" else tifs)
    return Word(name, chance.randrange(symbols), quantity=_size(chance), limit=limit, stop=stop, tif=tif)
