"""Writes a page for each shipped strategy: its rule, its parameters, and what it did on the shipped sample.

What comes in: the classes of `stratofold.strategies`, their docstrings and a run of each.
What goes out: docs/strategies/*.md; `build_pages.py` writes them and checks that they are current, so that a change
of a single fill anywhere shows here.
"""

import inspect
import re
from typing import Any, NamedTuple

import stratofold
from stratofold import strategies


class Page(NamedTuple):
    """What a page says beside the class: its file, its title, the sample it runs on, and an honest word."""

    file: str
    title: str
    symbols: tuple[str, ...]
    word: str


PAGES = {
    "BuyAndHold": Page(
        "buy-and-hold",
        "Buy and hold",
        ("SPY",),
        "The yardstick.\nA strategy that does worse than this after costs, with the same risk, is work for nothing.",
    ),
    "Crossover": Page(
        "crossover",
        "Two moving averages",
        ("SPY",),
        "It is late at every turn by half its windows, so it loses in markets that go nowhere and misses the first part of each trend.\n"
        "With 50 units it is a rule to compare programs by; `--quantity 0` puts all equity to work.",
    ),
    "Momentum": Page(
        "momentum",
        "Multi-asset momentum",
        ("us14",),
        "The fourteen names of the sample were chosen after the fact: they are large because they rose.\n"
        "The figures below show that the machinery works, not that the idea does; run it on a universe as it was listed at the time.",
    ),
    "Pairs": Page(
        "pairs",
        "Pairs",
        ("GOOG", "GOOGL"),
        "Two classes of one company's shares are the tamest pair there is, and still the spread is small against costs.\n"
        "A pair that parts for good loses without a limit of its own: state `limits`, and a borrowing rate.",
    ),
    "DonchianBreakout": Page(
        "breakout",
        "Channel breakout",
        ("us14",),
        "Most breakouts fail; the rule lives on a few long trends and small, equal risks.\nExpect fewer winners than losers.",
    ),
    "RsiMeanReversion": Page(
        "mean-reversion",
        "RSI mean reversion",
        ("SPY",),
        "Many small gains and, in a crash that begins in an upward trend, a few large losses.\n"
        "It was published on the market it is shown on.",
    ),
}
FIGURES = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "max_drawdown",
    "exposure",
    "turnover",
    "trades",
    "win_rate",
    "fees",
)
FEES = {"per_share": 0.005, "minimum": 1.0}
SLIPPAGE = {"proportional": 0.0001}


def pages(note: str) -> dict[str, str]:
    """The text of every page by its path under docs/."""
    written = {f"strategies/{page.file}.md": text(name, page, note) for name, page in PAGES.items()}
    return {"strategies/index.md": index(note), **written}


def index(note: str) -> str:
    """The list of strategies."""
    rows = [f"| [{page.title}]({page.file}.md) | {first_sentence(kind(name))} |" for name, page in PAGES.items()]
    head = "Ready-made, to start from; do not expect to grow rich with them.\nEach page says what its strategy did on the shipped sample."
    return "\n".join(["# Strategies", "", note, "", head, "", "| | |", "|---|---|", *rows, ""])


def kind(name: str) -> Any:
    """The class of that name."""
    return getattr(strategies, name)


def first_sentence(strategy: type) -> str:
    """What the strategy does, in one sentence."""
    return inspect.getdoc(strategy).partition("\n")[0]


def text(name: str, page: Page, note: str) -> str:
    """One page."""
    strategy = kind(name)
    rule = re.sub(
        r"(?:^| )(Source|Ignores): ", r"\n\n**\1:** ", inspect.getdoc(strategy).replace("\n", " ").replace("  ", "\n\n")
    )
    rule = re.sub(r"\n +", "\n", rule)
    where = f"src/stratofold/strategies/{strategy.__module__.rpartition('.')[2]}.py"
    symbols = ",".join(page.symbols)
    chosen = "" if page.symbols == ("us14",) else f" --symbols {symbols}"
    parts = [f"# {page.title}", "", note, "", rule, "", page.word, "", f"The source is `{where}`.", "", "## Run it", ""]
    parts += ["```console", f"$ stratofold backtest stratofold.strategies:{name}{chosen}", "```", ""]
    parts += [*parameter_table(strategy), *figure_table(strategy, page)]
    return "\n".join(parts) + "\n"


def parameter_table(strategy: Any) -> list[str]:
    """Parameters with defaults and bounds."""
    if not strategy.parameters():
        return ["It has no parameters.", ""]
    rows = [
        f"| `{name}` | {one.default} | {'' if one.low is None else f'{one.low:g} to {one.high:g}'} |"
        for name, one in strategy.parameters().items()
    ]
    return ["## Parameters", "", "| name | default | bounds |", "|---|--:|---|", *rows, ""]


def figure_table(strategy: Any, page: Page) -> list[str]:
    """What it did on the sample, beside buying and holding the same symbols."""
    data = stratofold.sample(*page.symbols)
    costs = {"fees": stratofold.Fees(**FEES), "slippage": stratofold.Slippage(**SLIPPAGE)}
    own = stratofold.backtest(strategy, data, **costs)
    held = stratofold.backtest(strategies.BuyAndHold, data, **costs)
    heads = "| | this | buy and hold |" if strategy is not strategies.BuyAndHold else "| | this |"
    rows = []
    for key in FIGURES:
        cells = [shown(key, result) for result in ((own, held) if "hold" in heads else (own,))]
        rows.append(f"| {key} | {' | '.join(cells)} |")
    names = ", ".join(page.symbols) if page.symbols != ("us14",) else "all fourteen symbols"
    span = f"{own.stats['start']:%Y-%m-%d} to {own.stats['end']:%Y-%m-%d}"
    costs_said = "half a cent a share with a dollar at least, and one basis point of slippage"
    head = f"On {names}, {span}, from 100,000 USD, with fees of {costs_said}:"
    return ["## On the sample", "", head, "", heads, "|---|" + "--:|" * (heads.count("|") - 2), *rows]


def shown(key: str, result: Any) -> str:
    """One figure as the result prints it."""
    from stratofold.research.stats import as_text

    return as_text(key, result.stats[key], "USD")
