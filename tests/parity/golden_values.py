"""The numbers whose last bit may never change, worked out by the standard library and the fold alone.

What comes in: nothing; the inputs are made here, by integer arithmetic and `random.random`, which Python promises not
to change.  What goes out: a mapping of sections to rows, doubles as hexadecimal text, long series as a SHA-256 of
their bytes.  `python tests/parity/golden_values.py` prints it for any Python; with `--write` it replaces the files,
which wants a reason in the changelog.
"""

import hashlib
import inspect
import json
import random
import struct
import sys
from array import array
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from stratofold import strategies  # noqa: E402 - a script for Pythons that have nothing installed
from stratofold.events import TIMER, Bars  # noqa: E402
from stratofold.fold import indicators, maths, models  # noqa: E402
from stratofold.fold.engine import HEARS_BAR, HEARS_BARS, HEARS_FILL, HEARS_TIMER  # noqa: E402
from stratofold.fold.run import CROWDED, run  # noqa: E402
from stratofold.fold.strategy import Strategy  # noqa: E402
from tests.harness import build, outcome, run_scenario  # noqa: E402
from tests.reference.scenario import MARGINED, Bar, Costs, Happening, Instrument, Scenario, Script, Session, Word  # noqa: E402

ROWS_A_FUNCTION = 13
BARS = 400
DAY_LENGTH = 1000
RUNS = 8


def double(value: float) -> str:
    """A double as text; every NaN is the same here."""
    return "nan" if value != value else float(value).hex()


def digest(values: list[float]) -> str:
    """SHA-256 over the little-endian bytes of doubles, with one NaN for all."""
    plain = [float("nan") if value != value else value for value in values]
    return hashlib.sha256(struct.pack(f"<{len(plain)}d", *plain)).hexdigest()


def answer(function: object, *arguments: float) -> str:
    """The result, or the error's name."""
    try:
        value = function(*arguments)
    except (ValueError, ArithmeticError) as error:
        return type(error).__name__
    return double(value) if isinstance(value, float) else str(value)


def arguments_of(chance: random.Random, row: int) -> float:
    """Small, middling, large and whole numbers in turn, half of them negative."""
    x = (
        chance.random() * 4.0,
        chance.random() * 40.0,
        chance.random(),
        chance.random() * 700.0,
        float(int(chance.random() * 9)),
    )[row % 5]
    return -x if chance.random() < 0.5 else x


def inside(function: object, row: list[float]) -> str:
    """Arguments, `->`, result; where that is an error, the arguments moved into the function's domain beside it."""
    moves = (float, abs, lambda x: abs(x) + 1.0, lambda x: x / (abs(x) + 1.0))
    told = []
    for move in moves:
        moved = [move(x) for x in row]
        told.append(f"{' '.join(map(double, moved))} -> {answer(function, *moved)}")
        if "Error" not in told[-1]:
            break
    return told[0] if len(told) == 1 else f"{told[0]}; {told[-1]}"


def of_maths() -> dict[str, list[str]]:
    """Each function of the maths: arguments, `->`, result."""
    found = {}
    for name in maths.__all__:
        function = getattr(maths, name)
        if name in {"total", "round_half_even", "whole_power"}:
            continue
        count = len(inspect.signature(function).parameters)
        chance = random.Random(name)
        rows = [[arguments_of(chance, row) for _ in range(count)] for row in range(ROWS_A_FUNCTION)]
        found[name] = [inside(function, row) for row in rows]
    chance = random.Random(1)
    found["round_half_even"] = [
        f"{double(x)} {digits} -> {answer(maths.round_half_even, x, digits)}"
        for x, digits in ((chance.random() * 1000.0, row % 9 - 3) for row in range(30))
    ]
    found["whole_power"] = [
        f"{base} {exponent} -> {answer(maths.whole_power, base, exponent)}"
        for base in (-7, 2, 10)
        for exponent in (0, 5, 18, 30)
    ]
    found["total"] = [double(maths.total(array("d", [chance.random() for _ in range(100)])))]
    return found


def market(seed: int) -> list[dict[str, float]]:
    """Bars whose prices are whole cents, now and then standing still, with a volume of 0 at times."""
    chance = random.Random(seed)
    close, other, rows = 10_000, 5_000, []
    for number in range(BARS):
        opened = close + int(chance.random() * 41) - 20
        close = max(100, opened + int(chance.random() * 161) - 80) if chance.random() < 0.95 else opened
        other = max(100, other + int(chance.random() * 81) - 40)
        row = {
            "open": opened / 100, "high": (max(opened, close) + int(chance.random() * 30)) / 100,
            "low": (min(opened, close) - int(chance.random() * 30)) / 100, "close": close / 100, "other": other / 100,
            "volume": float(int(chance.random() * 1000)), "session": number // 7,
        }  # fmt: skip
        rows.append(row | {"value": row["close"], "y": row["close"], "x": row["other"]})
    return rows


def numbers_of(thing: object) -> list[float]:
    """The public numbers of an object."""
    names = [name for name in dir(thing) if not name.startswith("_")]
    return [float(value) for value in (getattr(thing, name) for name in names) if isinstance(value, (int, float))]


def of_indicators() -> dict[str, str]:
    """Each indicator over one market: the last result, and a hash over all results and public numbers."""
    rows, found = market(3), {}
    for name in indicators.__all__:
        made = getattr(indicators, name)()
        takes = list(inspect.signature(made.update).parameters)
        series = []
        for row in rows:
            series.append(float(made.update(*(row[each] for each in takes))))
            series += numbers_of(made)
        found[name] = f"{double(made.update(*(rows[0][each] for each in takes)))} {digest(series)}"
    return found


def of_models() -> dict[str, str]:
    """Each kind of model over one market of features."""
    chance = random.Random(9)

    def draw(count: int) -> list[float]:
        return [2.0 * chance.random() - 1.0 for _ in range(count)]

    tree = {
        "feature": [0, 1, -1, -1, 2, -1, -1], "threshold": [0.1, -0.2, 0, 0, 0.3, 0, 0], "left": [1, 2, 0, 0, 5, 0, 0],
        "right": [4, 3, 0, 0, 6, 0, 0], "value": draw(7), "roots": [0, 1, 4],
    }  # fmt: skip
    made = {
        "linear": models.Linear(draw(3), 0.1).predict,
        "logistic": models.Linear(draw(3), 0.1, link="logistic").predict,
        "boosted": models.TreeEnsemble(**tree, base=0.25, link="logistic").predict,
        "forest": models.TreeEnsemble(**tree, averaged=True, strict=True).predict,
        "network": models.Recurrent(draw(36), draw(48), draw(12), draw(12), draw(4), 0.1).update,
    }
    features = [array("d", draw(3)) for _ in range(BARS)]
    series = {name: [ask(row) for row in features] for name, ask in made.items()}
    return {name: f"{double(values[-1])} {digest(values)}" for name, values in series.items()}


def word(chance: random.Random, price: float, number: int) -> Word:
    """One thing to say, of every kind in turn."""
    symbol = int(chance.random() * 2)
    quantity = float(1 + int(chance.random() * 20))
    near = round(price * (0.97 + 0.06 * chance.random()), 2)
    kind = int(chance.random() * 12)
    if kind < 4:
        extra = ({}, {"limit": near}, {"stop": near}, {"trail": 1.5})[kind]
        return Word("buy" if chance.random() < 0.5 else "sell", symbol, quantity=quantity, **extra)
    if kind < 6:
        legs = {"take_profit": round(price * 1.03, 2), "stop_loss": round(price * 0.97, 2)}
        return Word("buy", symbol, quantity=quantity, **legs, tif=("GTC", "DAY")[kind - 4])
    if kind == 6:
        return Word("cancel", number=max(1, number - 3))
    if kind in {7, 8}:
        return Word("close", symbol)
    return Word(
        ("target_quantity", "target_value", "target_weight")[kind - 9],
        symbol,
        value=(quantity, 100 * quantity, quantity / 50)[kind - 9],
    )


def scenario(seed: int) -> tuple[Scenario, Script]:
    """Two symbols, six bars a day, fees and slippage, a split, a dividend, a halt and a funding."""
    chance = random.Random(seed)
    bars, words = [], {}
    for number, (one, two) in enumerate(zip(market(seed), market(seed + 1000), strict=True)):
        day, part = divmod(number, 6)
        for symbol, row in enumerate((one, two)):
            time = DAY_LENGTH * day + 400 + 100 * part
            bars.append(Bar(time, symbol, row["open"], row["high"], row["low"], row["close"], row["volume"], 100))
            if chance.random() < 0.2:
                words[2 * number + symbol] = [word(chance, row["close"], len(words))]
    days = BARS // 6 + 2
    sessions = [
        Session(DAY_LENGTH * day + 300, DAY_LENGTH * day + 1000, 730_000 + day, day % 7, 1) for day in range(days)
    ]
    happenings = [
        Happening(10 * DAY_LENGTH + 300, "dividend", 0, 0.37), Happening(20 * DAY_LENGTH + 300, "split", 0, 1.5),
        Happening(30 * DAY_LENGTH + 650, "funding", 1, 0.0001), Happening(40 * DAY_LENGTH + 450, "halt", 0),
        Happening(41 * DAY_LENGTH + 450, "resume", 0), Happening(50 * DAY_LENGTH + 300, "deposit", value=1234.56),
    ]  # fmt: skip
    instruments = (Instrument(), Instrument(MARGINED, lot=0.1, quantity_decimals=1, multiplier=5.0, margin=0.1))
    costs = Costs(
        per_share=0.005,
        per_value=0.0003,
        minimum=1.0,
        proportional=0.0001,
        impact=0.05,
        volume_cap=0.1,
        latency=seed % 2 * 40,
        borrow=0.02,
    )
    return Scenario(instruments, bars, sessions, happenings, costs), Script(words)


def of_runs() -> dict[str, str]:
    """Whole runs of the fold: fills, last equity, and a hash over everything that happened."""
    found = {}
    for seed in range(RUNS):
        result = run_scenario(*scenario(seed))
        series = [float(value) for fill in result.fills for value in fill]
        series += [*result.cash, *result.positions, *result.equity]
        found[f"run {seed}"] = f"{len(result.fills)} fills {double(result.equity[-1])} {digest(series)}"
    return found


def timers_of(strategy: Strategy, scene: Scenario) -> list[tuple[int, int]]:
    """(time, entry of the schedule): every entry is due at every close."""
    return [(session.close, entry) for session in scene.sessions for entry in range(len(strategy.schedule))]


def of_strategies() -> dict[str, str]:
    """Each shipped strategy over daily bars: fills, last equity, and a hash over fills and equity."""
    found, scene = {}, daily_scenario()
    for name in strategies.ON_BARS:
        made = getattr(strategies, name)()
        made.symbol_count = len(scene.instruments)
        made._edge_symbols = ("ONE", "TWO")
        made.setup()
        engine, _, feed = build(scene, Script())
        for time, entry in timers_of(made, scene):
            feed.event_key.append(2 * time + 2)
            feed.event_time.append(time)
            feed.event_rank.append(TIMER)
            feed.event_kind.append(entry)
            feed.event_symbol.append(-1)
            feed.event_currency.append(0)
            feed.event_value.append(0.0)
        heard = {HEARS_BAR: "on_bar", HEARS_BARS: "on_bars", HEARS_TIMER: "on_timer", HEARS_FILL: "on_fill"}
        engine.hears = sum(
            flag for flag, hook in heard.items() if getattr(type(made), hook) is not getattr(Strategy, hook)
        )
        engine.bars = Bars(made.symbol_count)
        while run(engine, made, feed, len(feed.time) + len(feed.event_key)) == CROWDED:
            engine.logs.make_room()
        result = outcome(scene, engine)
        series = [float(value) for fill in result.fills for value in fill] + result.equity
        found[name] = f"{len(result.fills)} fills {double(result.equity[-1])} {digest(series)}"
    return found


def daily_scenario() -> Scenario:
    """Two symbols, one bar a session, no events between."""
    bars = [
        Bar(DAY_LENGTH * day + 900, symbol, row["open"], row["high"], row["low"], row["close"], 10_000.0, 600)
        for day, rows in enumerate(zip(market(5), market(6), strict=True))
        for symbol, row in enumerate(rows)
    ]
    sessions = [
        Session(DAY_LENGTH * day + 300, DAY_LENGTH * day + 900, 730_000 + day, day % 7, 1 + day // 30 % 12)
        for day in range(BARS + 1)
    ]
    return Scenario((Instrument(), Instrument()), bars, sessions, costs=Costs(per_share=0.005))


# What is on file, and what is only compared between Pythons: the strategies may learn, the fold may not change its mind.
SECTIONS = {"maths": of_maths, "indicators": of_indicators, "models": of_models, "runs": of_runs}


def file_of(section: str) -> Path:
    """Where a section's golden values are kept."""
    return HERE / f"golden_{section}.json"


def main() -> None:
    """Print all sections as JSON, or write them."""
    found = {name: make() for name, make in SECTIONS.items()}
    if "--write" in sys.argv:
        for name, rows in found.items():
            file_of(name).write_text(json.dumps(rows, indent=1) + "\n")
    else:
        json.dump(found | {"strategies": of_strategies()}, sys.stdout)


if __name__ == "__main__":
    main()
