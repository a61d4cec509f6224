"""Random markets and random scripts, from a seed, that stay inside what the page defines.

Prices wander on a coarse lattice so that limits and stops are met, equalled and gapped often; volumes and cash are
small enough for the volume cap and buying power to bite.  A seed and not hypothesis decides each choice: hypothesis
prefers simple cases and takes twenty times as long, and rules that need three things at once were hardly met.
"""

from random import Random
from typing import Any

from .scenario import (
    AT_CLOSE,
    DAY,
    FOK,
    GTC,
    IOC,
    MARGINED,
    PAID,
    Bar,
    Costs,
    Currency,
    Happening,
    Instrument,
    Scenario,
    Script,
    Session,
    Word,
)

SPAN = 10
TICKS = (0.5, 0.37, 0.01)
STARTS = (50.0, 33.37)
MOVES = (0, 0, 0, 1, -1, 1, -1, 2, -2, 5, -5)
KINDS = (
    "dividend", "split", "split", "halt", "resume", "funding", "interest", "deposit", "withdrawal", "rename",
    "delisting", "expiry",
)  # fmt: skip


def case(seed: int) -> tuple[Scenario, Script]:
    """A scenario, and a script for it."""
    dice = Random(seed)
    currencies = dice.choice(
        ((Currency(),), (Currency(),), (Currency(), Currency(0, 0.7)), (Currency(4), Currency(2, 1.1)))
    )
    market = [instrument(dice, len(currencies)) for _ in range(dice.randint(1, 3))]
    rows = sessions(dice)
    tick, start = dice.choice(TICKS), dice.choice(STARTS)
    bars = walks(dice, len(market), rows, tick, start)
    scenario = Scenario(
        instruments=market,
        bars=bars,
        sessions=rows,
        happenings=happenings(dice, len(market), len(currencies), rows),
        costs=costs(dice, len(currencies) == 1),
        cash=dice.choice((10_000.0, 1_000.0, 3_000.0, 100_000.0)),
        currencies=currencies,
    )
    return scenario, script(dice, Desk(dice, market, start, tick), bars)


def instrument(dice: Random, currency_count: int) -> Instrument:
    """A paid or a margined instrument."""
    kind = dice.choice((PAID, PAID, MARGINED))
    decimals, lot = dice.choice(((0, 1.0), (0, 1.0), (0, 10.0), (1, 0.1), (3, 0.005)))
    return Instrument(
        kind=kind,
        price_decimals=dice.choice((2, 2, 1, 4)),
        lot=lot,
        quantity_decimals=decimals,
        multiplier=dice.choice((1.0, 1.0, 5.0, 0.01)),
        margin=dice.choice((1.0, 1.0, 0.5, 0.0) if kind == PAID else (0.1, 0.25, 1.0)),
        maintenance=dice.choice((0.0, 0.0, 0.05, 0.6)),
        currency=dice.randrange(currency_count),
    )


def costs(dice: Random, single_currency: bool) -> Costs:
    """Mostly none of each."""
    maker, taker = dice.choice(((None, None), (None, None), (None, None), (0.0002, 0.0005), (-0.0001, 0.0003)))
    tiers = dice.choice(((), ((0.0, 0.002), (3000.0, 0.001), (9000.0, 0.0005)), ((500.0, 0.001),)))
    return Costs(
        per_share=dice.choice((0.0, 0.0, 0.005)),
        per_value=dice.choice((0.0, 0.0011)),
        tiers=tiers if single_currency else (),
        maker=maker,
        taker=taker,
        minimum=dice.choice((0.0, 0.0, 1.0)),
        maximum_fraction=dice.choice((None, None, 0.01)),
        fixed=dice.choice((0.0, 0.0, 0.0, 0.03, 0.5, 40.0)),
        proportional=dice.choice((0.0, 0.0, 0.0007)),
        spread=dice.choice((0.0, 0.0, 0.0012)),
        impact=dice.choice((0.0, 0.0, 0.003)),
        volume_cap=dice.choice((None, None, 0.013, 0.05)),
        latency=dice.choice((0, 0, 0, 3, SPAN, 25)),
        borrow=dice.choice((0.0, 0.0, 0.365)),
    )


def sessions(dice: Random) -> list[Session]:
    """Two to four sessions, half days and long weekends among them."""
    rows, date = [], 730_000
    for day in range(dice.randint(2, 4)):
        date += dice.choice((1, 1, 3))
        opens = 1000 * day + 100
        rows.append(Session(opens, opens + SPAN * dice.choice((4, 6, 2, 1)), date, date % 7, 1))
    return rows


def walks(dice: Random, count: int, rows: list[Session], tick: float, start: float) -> list[Bar]:
    """Bars of every symbol, some outside hours, some missing, some that overlap; a symbol may begin late."""
    times = [time for row in rows for time in range(row.open + SPAN, row.close + 1, SPAN)]
    if dice.random() < 0.25:
        times = sorted([*times, *[row.open - 20 for row in rows], *[row.close + 15 for row in rows[:-1]]])
    span = dice.choice((SPAN, SPAN, 25))
    found = []
    for symbol in range(count):
        known = times[5:] if symbol and dice.random() < 0.15 else times
        found += walk(dice, symbol, known, tick, start, span)
    return sorted(found, key=lambda bar: (bar.time, bar.symbol))


def walk(dice: Random, symbol: int, times: list[int], tick: float, start: float, span: int) -> list[Bar]:
    """Bars of one symbol."""
    rows: list[Bar] = []
    close = 0
    for time in times:
        if rows and dice.random() < 0.1:
            continue
        opens = close + dice.choice(MOVES)
        close = opens + dice.choice(MOVES)
        high, low = max(opens, close) + dice.randint(0, 2), min(opens, close) - dice.randint(0, 2)
        prices = [max(start + tick * step, 0.5) for step in (opens, high, low, close)]
        volume = float(dice.choice((500, 500, 100, 2000, 0, 33)))
        rows.append(Bar(time, symbol, *prices, volume=volume, span=span))
    return rows


def happenings(dice: Random, count: int, currency_count: int, rows: list[Session]) -> list[Happening]:
    """A few actions, rates and statuses, at opens, at bars and between sessions."""
    times = [row.open for row in rows[1:]] + [rows[0].open + SPAN, rows[0].close, rows[0].close + 5]
    kinds = (*KINDS, "rate", "rate") if currency_count > 1 else KINDS
    return [
        _happening(dice, dice.choice(kinds), dice.choice(times), count, currency_count)
        for _ in range(dice.randint(0, 4))
    ]


def _happening(dice: Random, kind: str, time: int, count: int, currency_count: int) -> Happening:
    sizes = {
        "dividend": (0.5, 0.137), "split": (2.0, 0.5, 1.5, 0.1, 7.0), "funding": (0.0001, -0.00037),
        "interest": (12.34,), "deposit": (1000.0,), "withdrawal": (777.77,), "rate": (1.25, 0.9137),
        "delisting": (float("nan"), 12.345, 0.0), "expiry": (float("nan"), 48.5),
    }  # fmt: skip
    symbol = -1 if kind in ("interest", "deposit", "withdrawal", "rate") else dice.randrange(count)
    if kind in ("halt", "resume") and dice.random() < 0.25:
        symbol = -1
    currency = 1 if kind == "rate" else dice.randrange(currency_count)
    return Happening(time, kind, symbol, dice.choice(sizes.get(kind, (float("nan"),))), currency)


class Desk:
    """Draws words, and keeps count of the numbers they surely spend."""

    def __init__(self, dice: Random, market: list[Instrument], start: float, tick: float) -> None:
        """No number spent."""
        self.dice, self.market, self.start, self.tick = dice, market, start, tick
        self.kinds: list[str] = []
        self.priced: set[int] = set()
        self.aims: dict[tuple[str, int], float] = {}

    def price(self, toward: int = 1) -> float:
        """A price on the lattice, near the start and more often on the side that `toward` (1 up, -1 down) says."""
        return max(self.start + toward * self.tick * self.dice.randint(-3, 5), 0.5)

    def symbol(self) -> int:
        """Any instrument."""
        return self.dice.randrange(len(self.market))

    def order(self, symbol: int | None = None) -> Word:
        """A purchase or a sale of any kind."""
        symbol = self.symbol() if symbol is None else symbol
        side = self.dice.choice((1, -1))
        trails = ("trail", "trail_fraction") if symbol in self.priced else ()
        kind = self.dice.choice(("market", "market", "limit", "limit", "stop", "stop_limit", *trails))
        more = self._terms(kind, side)
        for leg, toward in (("take_profit", side), ("stop_loss", -side)):
            if self.dice.random() < 0.4:
                more[leg] = self.price(toward)
        self.kinds.append(kind)
        self.kinds += [leg for leg in ("take_profit", "stop_loss") if leg in more]
        return Word("buy" if side > 0 else "sell", symbol, self.quantity(symbol), **more)

    def _terms(self, kind: str, side: int) -> dict[str, Any]:
        more: dict[str, Any] = {"tif": self.dice.choice((GTC, GTC, DAY))}
        if kind in ("market", "limit"):
            more["tif"] = self.dice.choice((GTC, GTC, GTC, DAY, IOC, FOK, AT_CLOSE))
        if kind in ("limit", "stop_limit"):
            more["limit"] = self.price(-side if kind == "limit" else side)
        if kind in ("stop", "stop_limit"):
            more["stop"] = self.price(side)
        if kind == "trail":
            more["trail"] = self.tick * self.dice.randint(1, 3)
        if kind == "trail_fraction":
            more["trail_fraction"] = self.dice.choice((0.01, 0.0033))
        return more

    def quantity(self, symbol: int) -> float:
        """Whole lots."""
        held = self.market[symbol]
        return round(self.dice.randint(1, self.dice.choice((10, 60, 300))) * held.lot, held.quantity_decimals)

    def number(self) -> int:
        """A number that may exist, the latest more often."""
        last = max(len(self.kinds), 1) + 1
        return self.dice.randint(max(1, last - 4) if self.dice.random() < 0.5 else 1, last)

    def cancel(self) -> Word:
        """A cancel of some number."""
        return Word("cancel", number=self.number())

    def replace(self) -> Word:
        """New terms for an order of a known kind."""
        number = self.number()
        kind = self.kinds[number - 1] if number <= len(self.kinds) else "market"
        more = {}
        if kind in ("limit", "stop_limit", "take_profit") and self.dice.random() < 0.6:
            more["limit"] = self.price(self.dice.choice((1, -1)))
        if kind in ("stop", "stop_limit", "stop_loss") and self.dice.random() < 0.6:
            more["stop"] = self.price(self.dice.choice((1, -1)))
        if kind not in ("take_profit", "stop_loss") and (not more or self.dice.random() < 0.2):
            more["quantity"] = float(self.dice.randint(1, 60) * 10)
        return Word("replace", number=number, **more)

    def pair(self) -> list[Word]:
        """Two orders of one symbol, linked."""
        symbol = self.symbol()
        words, numbers = [], []
        for _ in range(2):
            numbers.append(len(self.kinds) + 1)
            words.append(self.order(symbol))
        return [*words, Word("one_cancels_other", number=numbers[0], other=numbers[1])]

    def target(self) -> Word:
        """A target by quantity, value or weight, often near the last one; or a close."""
        symbol = self.symbol()
        name = self.dice.choice(("target_quantity", "target_value", "target_weight", "close"))
        self.kinds.append("market")
        last = self.aims.get((name, symbol), 0.0)
        if last and self.dice.random() < 0.6:
            value = last * self.dice.choice((1.0, 1.004, 0.996, 1.02, -1.0, 0.5))
        else:
            lots = self.dice.choice((1, 5)) * self.dice.randint(-60, 60)
            value = {"target_quantity": lots * self.market[symbol].lot, "target_value": lots * 77.7}.get(
                name, lots / 160
            )
        self.aims[name, symbol] = value
        return Word(name, symbol, value=value)


EXACT = ("order", "order", "order", "cancel", "replace", "pair")
AIMED = ("target", "target", "target", "order", "cancel")


def script(dice: Random, desk: Desk, bars: list[Bar]) -> Script:
    """Either orders with links and replaces, whose numbers are known, or orders with targets and closes."""
    exact = dice.random() < 0.5
    on_bar = {}
    for k in range(len(bars) - 1):
        if dice.random() < 0.35:
            desk.priced = {bar.symbol for bar in bars[: k + 1]}
            on_bar[k] = hook(desk, EXACT if exact else AIMED)
    desk.priced = {bar.symbol for bar in bars if bar.time == bars[0].time}
    heard = [n for n in range(12) if dice.random() < 0.15]
    return Script(on_bar, {n: hook(desk, ("cancel", "replace") if exact else AIMED) for n in heard})


def hook(desk: Desk, kinds: tuple[str, ...]) -> list[Word]:
    """What one call of a hook says."""
    words: list[Word] = []
    for _ in range(desk.dice.choice((1, 1, 2, 3))):
        said = getattr(desk, desk.dice.choice(kinds))()
        words += said if isinstance(said, list) else [said]
    return words
