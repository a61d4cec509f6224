"""A case on which product and reference differ, made small, and written so that a person can read it.

One thing after another is left out (a word, a happening, a cost, a bar, a leg) as long as the same field of the
outcome still differs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from time import monotonic
from typing import Any

from .scenario import GTC, Costs, Instrument, Outcome, Scenario, Script, Word
from .simulator import simulate

Case = tuple[Scenario, Script]
Product = Callable[[Scenario, Script], Outcome]

SECONDS_MAX = 20.0
KEPT = ("lot", "quantity_decimals")  # quantities in the script are on this grid


def differs(case: Case, product: Product) -> str:
    """The first field in which the outcomes differ, or the error of one alone; empty if they agree."""
    expected, actual = result(simulate, case), result(product, case)
    if isinstance(expected, str) or isinstance(actual, str):
        return "" if expected == actual else str(expected if isinstance(expected, str) else actual)
    names = [field.name for field in fields(Outcome)]
    return next((name for name in names if getattr(actual, name) != getattr(expected, name)), "")


def result(act: Product, case: Case) -> Outcome | str:
    """The outcome, or the name of the error raised."""
    try:
        return act(*case)
    except Exception as error:  # noqa: BLE001  # whatever it raises is compared
        return type(error).__name__


def smallest(case: Case, product: Product) -> Case:
    """The smallest case found in the time allowed that differs in the same way."""
    kind, end = differs(case, product), monotonic() + SECONDS_MAX
    smaller: Case | None = case
    while smaller is not None and monotonic() < end:
        case = smaller
        smaller = next((each for each in variants(case) if differs(each, product) == kind), None)
    return case


def variants(case: Case) -> Iterator[Case]:
    """The case with one thing left out."""
    scenario, script = case
    for hooks in ("on_fill", "on_bar"):
        for fewer in fewer_words(getattr(script, hooks)):
            yield scenario, replace(script, **{hooks: fewer})
    for happenings in without_one(scenario.happenings):
        yield replace(scenario, happenings=happenings), script
    for costs in plainer(scenario.costs, Costs()):
        yield replace(scenario, costs=costs), script
    yield from fewer_bars(scenario, script)
    for k, instrument in enumerate(scenario.instruments):
        for plain in plainer(instrument, Instrument()):
            market = [*scenario.instruments[:k], plain, *scenario.instruments[k + 1 :]]
            yield replace(scenario, instruments=market), script


def without_one(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """The rows, each left out once."""
    for k in range(len(rows)):
        yield [*rows[:k], *rows[k + 1 :]]


def fewer_words(calls: Mapping[int, Sequence[Word]]) -> Iterator[dict[int, Sequence[Word]]]:
    """The words without a call, without a word, or with a plainer word."""
    for k, words in calls.items():
        yield {call: said for call, said in calls.items() if call != k}
        for fewer in without_one(words):
            yield {**calls, k: fewer}
        for j, word in enumerate(words):
            for change in ({"take_profit": None}, {"stop_loss": None}, {"tif": GTC}):
                if any(getattr(word, name) != value for name, value in change.items()):
                    yield {**calls, k: [*words[:j], replace(word, **change), *words[j + 1 :]]}


def plainer(thing: Any, plain: Any) -> Iterator[Any]:
    """The record with one field as in `plain`."""
    for field in fields(plain):
        value = getattr(plain, field.name)
        if field.name not in KEPT and getattr(thing, field.name) != value:
            yield replace(thing, **{field.name: value})


def fewer_bars(scenario: Scenario, script: Script) -> Iterator[Case]:
    """The case without one bar after which nothing is said; later calls move up."""
    for k in reversed(range(len(scenario.bars))):
        if k not in script.on_bar:
            moved = {call - (call > k): words for call, words in script.on_bar.items()}
            bars = [*scenario.bars[:k], *scenario.bars[k + 1 :]]
            yield replace(scenario, bars=bars), replace(script, on_bar=moved)


def shown(case: Case, product: Product) -> str:
    """The case and both outcomes, what is usual left out."""
    scenario, script = case
    rows = [brief(each) for each in (*scenario.instruments, scenario.costs, *scenario.currencies)]
    rows += [f"cash {scenario.cash}"]
    rows += [brief(each) for each in (*scenario.sessions, *scenario.happenings)]
    rows += [f"{k}: {brief(bar)}" for k, bar in enumerate(scenario.bars)]
    rows += [f"after bar {k}: {', '.join(map(brief, words))}" for k, words in script.on_bar.items()]
    rows += [f"at fill {k}: {', '.join(map(brief, words))}" for k, words in script.on_fill.items()]
    expected, actual = result(simulate, case), result(product, case)
    if isinstance(expected, str) or isinstance(actual, str):
        return "\n".join([*rows, f"reference: {expected}", f"product: {actual}"])
    for name in (field.name for field in fields(Outcome)):
        wanted, got = getattr(expected, name), getattr(actual, name)
        if wanted != got:
            rows += [f"{name}, reference: {wanted}", f"{name}, product:   {got}"]
    return "\n".join(rows)


def brief(thing: Any) -> str:
    """A record without the fields that are as usual."""
    told = []
    for field in fields(thing):
        value = getattr(thing, field.name)
        if field.default is MISSING or value != field.default:
            told.append(f"{field.name}={value!r}")
    return f"{type(thing).__name__}({', '.join(told)})"
