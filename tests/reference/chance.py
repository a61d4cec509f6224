"""Random markets and random scripts: hypothesis strategies that stay inside what the page defines.

Prices wander on a coarse lattice so that limits and stops are met, equalled and gapped often; volumes and cash are
small enough for the volume cap and buying power to bite.
"""

from typing import Any

from hypothesis import strategies as st

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
WORDS_A_HOOK = 3
TICKS = (0.5, 0.37, 0.01)

Drawn = Any


def often(draw: Drawn, one_in: int) -> bool:
    """True once in `one_in`, and false when shrunk."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


def pick(draw: Drawn, *choices: Any) -> Any:
    """One of `choices`; the first when shrunk."""
    return draw(st.sampled_from(choices))


@st.composite
def instruments(draw: Drawn, currency_count: int) -> Instrument:
    """A paid or a margined instrument."""
    kind = pick(draw, PAID, PAID, MARGINED)
    decimals, lot = pick(draw, (0, 1.0), (0, 1.0), (0, 10.0), (1, 0.1), (3, 0.005))
    return Instrument(
        kind=kind,
        price_decimals=pick(draw, 2, 2, 1, 4),
        lot=lot,
        quantity_decimals=decimals,
        multiplier=pick(draw, 1.0, 1.0, 5.0, 0.01),
        margin=pick(draw, 1.0, 0.5, 0.0) if kind == PAID else pick(draw, 0.1, 0.25, 1.0),
        maintenance=pick(draw, 0.0, 0.0, 0.05, 0.6),
        currency=draw(st.integers(0, currency_count - 1)),
    )


@st.composite
def costs(draw: Drawn, single_currency: bool) -> Costs:
    """Mostly none of each."""
    maker, taker = pick(draw, (None, None), (None, None), (0.0002, 0.0005), (-0.0001, 0.0003))
    tiers = pick(draw, (), (), ((0.0, 0.002), (3000.0, 0.001), (9000.0, 0.0005)), ((500.0, 0.001),))
    return Costs(
        per_share=pick(draw, 0.0, 0.0, 0.005),
        per_value=pick(draw, 0.0, 0.0011),
        tiers=tiers if single_currency else (),
        maker=maker,
        taker=taker,
        minimum=pick(draw, 0.0, 0.0, 1.0),
        maximum_fraction=pick(draw, None, None, 0.01),
        fixed=pick(draw, 0.0, 0.0, 0.03),
        proportional=pick(draw, 0.0, 0.0, 0.0007),
        spread=pick(draw, 0.0, 0.0, 0.0012),
        impact=pick(draw, 0.0, 0.0, 0.1),
        volume_cap=pick(draw, None, None, 0.013, 0.05),
        latency=pick(draw, 0, 0, 0, 3, SPAN, 25),
        borrow=pick(draw, 0.0, 0.0, 0.365),
    )


@st.composite
def sessions(draw: Drawn) -> list[Session]:
    """Two to four sessions, half days and long weekends among them."""
    rows, date = [], 730_000
    for day in range(draw(st.integers(2, 4))):
        date += pick(draw, 1, 1, 3)
        opens = 1000 * day + 100
        rows.append(Session(opens, opens + SPAN * pick(draw, 4, 6, 2, 1), date, date % 7, 1))
    return rows


@st.composite
def walks(draw: Drawn, symbol: int, times: list[int], tick: float, start: float, span: int) -> list[Bar]:
    """Bars of one symbol, of which some are missing; a symbol may begin late."""
    rows, close = [], 0
    times = times[5:] if symbol and often(draw, 5) else times
    moves = st.sampled_from((0, 0, 1, -1, 2, -2, 5, -5))
    for time in times:
        if rows and often(draw, 8):
            continue
        opens = close + draw(moves)
        close = opens + draw(moves)
        high = max(opens, close) + draw(st.integers(0, 2))
        low = min(opens, close) - draw(st.integers(0, 2))
        prices = [max(start + tick * step, 0.5) for step in (opens, high, low, close)]
        rows.append(Bar(time, symbol, *prices, volume=float(pick(draw, 500, 100, 2000, 0, 33)), span=span))
    return rows


@st.composite
def happenings(draw: Drawn, count: int, currency_count: int, rows: list[Session]) -> list[Happening]:
    """A few actions, rates and statuses, at opens, at bars and between sessions."""
    times = [session.open for session in rows[1:]] + [rows[0].open + SPAN, rows[0].close, rows[0].close + 5]
    kinds = (
        "dividend",
        "split",
        "halt",
        "resume",
        "funding",
        "interest",
        "deposit",
        "withdrawal",
        "rename",
        "delisting",
        "expiry",
    )
    found = []
    for _ in range(draw(st.integers(0, 4))):
        kind = pick(draw, *kinds, *(("rate",) if currency_count > 1 else ()))
        symbol = -1 if kind in ("interest", "deposit", "withdrawal", "rate") else draw(st.integers(0, count - 1))
        if kind in ("halt", "resume") and often(draw, 4):
            symbol = -1
        currency = 1 if kind == "rate" else draw(st.integers(0, currency_count - 1))
        found.append(Happening(draw(st.sampled_from(times)), kind, symbol, _size(draw, kind), currency))
    return found


def _size(draw: Drawn, kind: str) -> float:
    sizes = {
        "dividend": (0.5, 0.137), "split": (2.0, 0.5, 1.5, 0.1, 7.0), "funding": (0.0001, -0.00037),
        "interest": (12.34,), "deposit": (1000.0,), "withdrawal": (777.77,), "rate": (1.25, 0.9137),
        "delisting": (float("nan"), 12.345, 0.0), "expiry": (float("nan"), 48.5),
    }  # fmt: skip
    return pick(draw, *sizes.get(kind, (float("nan"),)))


class Desk:
    """Draws words, and keeps count of the numbers they surely spend."""

    def __init__(self, draw: Drawn, market: list[Instrument], start: float, tick: float) -> None:
        """No number spent."""
        self.draw, self.market, self.start, self.tick = draw, market, start, tick
        self.kinds: list[str] = []
        self.priced: set[int] = set()

    def price(self, toward: int = 1) -> float:
        """A price on the lattice, near the start and more often on the side that `toward` (1 up, -1 down) says."""
        return max(self.start + toward * self.tick * self.draw(st.integers(-2, 3)), 0.5)

    def symbol(self) -> int:
        """Any instrument."""
        return self.draw(st.integers(0, len(self.market) - 1))

    def order(self, symbol: int | None = None) -> Word:
        """A purchase or a sale of any kind."""
        symbol = self.symbol() if symbol is None else symbol
        side = pick(self.draw, 1, -1)
        trails = ("trail", "trail_fraction") if symbol in self.priced else ()
        kind = pick(self.draw, "market", "limit", "limit", "stop", "stop_limit", *trails)
        more: dict[str, Any] = {"tif": pick(self.draw, GTC, GTC, DAY)}
        if kind in ("market", "limit"):
            more["tif"] = pick(self.draw, GTC, GTC, DAY, IOC, FOK, AT_CLOSE)
        if kind in ("limit", "stop_limit"):
            more["limit"] = self.price(-side if kind == "limit" else side)
        if kind in ("stop", "stop_limit"):
            more["stop"] = self.price(side)
        if kind == "trail":
            more["trail"] = self.tick * self.draw(st.integers(1, 3))
        if kind == "trail_fraction":
            more["trail_fraction"] = pick(self.draw, 0.01, 0.0033)
        for leg, toward in (("take_profit", side), ("stop_loss", -side)):
            if often(self.draw, 3):
                more[leg] = self.price(toward)
        self.kinds.append(kind)
        self.kinds += [leg for leg in ("take_profit", "stop_loss") if leg in more]
        return Word("buy" if side > 0 else "sell", symbol, self.quantity(symbol), **more)

    def quantity(self, symbol: int) -> float:
        """Whole lots."""
        instrument = self.market[symbol]
        return round(self.draw(st.integers(1, 60)) * instrument.lot, instrument.quantity_decimals)

    def number(self) -> int:
        """A number that may exist."""
        return self.draw(st.integers(1, max(len(self.kinds), 1) + 1))

    def cancel(self) -> Word:
        """A cancel of some number."""
        return Word("cancel", number=self.number())

    def replace(self) -> Word:
        """New terms for an order of a known kind."""
        number = self.number()
        kind = self.kinds[number - 1] if number <= len(self.kinds) else "market"
        more = {}
        if kind in ("limit", "stop_limit", "take_profit") and often(self.draw, 2):
            more["limit"] = self.price()
        if kind in ("stop", "stop_limit", "stop_loss") and often(self.draw, 2):
            more["stop"] = self.price()
        if not more and kind not in ("take_profit", "stop_loss"):
            more["quantity"] = float(self.draw(st.integers(1, 60)) * 10)
        return Word("replace", number=number, **more)

    def pair(self) -> list[Word]:
        """Two orders of one symbol, linked."""
        symbol = self.symbol()
        first = self.order(symbol)
        one = len(self.kinds) - sum(leg is not None for leg in (first.take_profit, first.stop_loss))
        second = self.order(symbol)
        other = len(self.kinds) - sum(leg is not None for leg in (second.take_profit, second.stop_loss))
        return [first, second, Word("one_cancels_other", number=one, other=other)]

    def target(self) -> Word:
        """A target by quantity, value or weight, or a close."""
        symbol = self.symbol()
        name = pick(self.draw, "target_quantity", "target_value", "target_weight", "close")
        lots = self.draw(st.integers(-40, 40))
        value = {"target_quantity": lots * self.market[symbol].lot, "target_value": lots * 77.7}.get(name, lots / 80)
        return Word(name, symbol, value=value)


@st.composite
def scripts(draw: Drawn, desk: Desk, bars: list[Bar]) -> Script:
    """Either orders with links and replaces, whose numbers are known, or orders with targets and closes."""
    exact = draw(st.booleans())
    on_bar: dict[int, list[Word]] = {}
    hooks = draw(st.lists(st.integers(0, max(len(bars) - 2, 0)), min_size=1, max_size=7, unique=True))
    for k in sorted(hooks):
        desk.priced = {bar.symbol for bar in bars[: k + 1]}
        on_bar[k] = _hook(draw, desk, exact)
    desk.priced = {bar.symbol for bar in bars if bar.time == bars[0].time}
    on_fill = {}
    for n in draw(st.lists(st.integers(0, 8), max_size=3, unique=True)):
        on_fill[n] = [desk.cancel() if often(draw, 2) else desk.replace()] if exact else _hook(draw, desk, exact)
    return Script(on_bar, on_fill)


def _hook(draw: Drawn, desk: Desk, exact: bool) -> list[Word]:
    words: list[Word] = []
    for _ in range(draw(st.integers(1, WORDS_A_HOOK))):
        kind = (
            pick(draw, "order", "order", "cancel", "replace", "pair")
            if exact
            else pick(draw, "target", "order", "target", "cancel")
        )
        said = getattr(desk, kind)()
        words += said if isinstance(said, list) else [said]
    return words


@st.composite
def cases(draw: Drawn) -> tuple[Scenario, Script]:
    """A scenario, and a script for it."""
    currencies = pick(
        draw, (Currency(),), (Currency(),), (Currency(), Currency(0, 0.7)), (Currency(8), Currency(2, 1.1))
    )
    market = draw(st.lists(instruments(len(currencies)), min_size=1, max_size=3))
    rows = draw(sessions())
    tick, start = pick(draw, *TICKS), pick(draw, 50.0, 33.37)
    times = [time for row in rows for time in range(row.open + SPAN, row.close + 1, SPAN)]
    if often(draw, 4):
        times = sorted([*times, *[row.open - 20 for row in rows], *[row.close + 15 for row in rows[:-1]]])
    span = pick(draw, SPAN, SPAN, 25)
    bars = [bar for symbol in range(len(market)) for bar in draw(walks(symbol, times, tick, start, span))]
    scenario = Scenario(
        instruments=market,
        bars=sorted(bars, key=lambda bar: (bar.time, bar.symbol)),
        sessions=rows,
        happenings=draw(happenings(len(market), len(currencies), rows)),
        costs=draw(costs(len(currencies) == 1)),
        cash=pick(draw, 10_000.0, 1_000.0, 100_000.0),
        currencies=currencies,
    )
    desk = Desk(draw, market, start, tick)
    return scenario, draw(scripts(desk, scenario.bars))
