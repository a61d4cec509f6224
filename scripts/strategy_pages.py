"""Writes a page for each shipped strategy: its rule, its parameters, and what it did on the shipped sample.

What comes in: the classes of `stratofold.strategies`, their docstrings and a run of each.
What goes out: docs/strategies/*.md; `build_pages.py` writes them and checks that they are current, so that a change
of a single fill anywhere shows here.
"""

import functools
import inspect
import re
from typing import Any, NamedTuple

import stratofold
from stratofold import strategies


class Page(NamedTuple):
    """What a page says beside the class: its file, its title, the sample it runs on, and two honest words."""

    file: str
    title: str
    symbols: tuple[str, ...]
    why: str
    watch: tuple[str, ...]


PAGES = {
    "BuyAndHold": Page(
        "buy-and-hold",
        "Buy and hold",
        ("SPY",),
        "Owners of companies are paid for bearing the risk of owning them.\n"
        "It is the yardstick: a strategy that does worse than this after costs, with the same risk, is work for nothing.",
        (
            "Dividends stay in cash, so a long run is no longer wholly invested; funds that reinvest them show more.",
            "Of many symbols those that are listed late find the cash already spent.",
            "Symbols that are known today to have risen are a choice made with hindsight, and the result shows it.",
        ),
    ),
    "Crossover": Page(
        "crossover",
        "Two moving averages",
        ("SPY",),
        "Prices that move because news spreads slowly go on moving for a while; two averages are the plainest way to notice.",
        (
            "It is late at every turn by half its windows, so it loses in markets that go nowhere and misses the first part of each trend.",
            "With 50 units most of the money lies idle: it is a rule to compare programs by. `--quantity 0` puts all equity to work.",
            "Parameters chosen because they were best on one history are fitted to that history.",
        ),
    ),
    "Momentum": Page(
        "momentum",
        "Multi-asset momentum",
        ("us14",),
        "What has risen for some months has, on average over names and decades, risen for some more: investors are slow to believe, and follow each other.\n"
        "Inverse volatility gives each name about the same risk, and the stop bounds what one name can cost between two looks.",
        (
            "The fourteen names of the sample were chosen after the fact: they are large because they rose, and buying and holding them is the proof.",
            "So the figures show that the machinery works, not that the idea does; run it on a universe as it was listed at the time.",
            "Trends end together: in a crash all names fall at once, and weights by volatility were set in the calm before.",
            "Stops act on closes and fill at the next open, so a gap goes through them.",
            "`--daily true` trades many times as much; look at what is left after costs.",
        ),
    ),
    "Allocation": Page(
        "allocation",
        "Allocation by a rule",
        ("us14",),
        "Nobody knows next year's returns well, but volatilities and correlations last: a portfolio that shares risk out needs only those.\n"
        "Scaled to one volatility, it holds less when markets are wild, which is when falls are deep.",
        (
            "The fourteen names of the sample are nearly all shares of one country, which fall together: there is little to share out. Add bonds, commodities or BTC, with caps by class.",
            "Mean and variance (`--rule 5`) believes the means of its window, and they are mostly noise; its figure on a history that was chosen after the fact says little.",
            "Rules that concentrate on what was calm are hurt most when the calm ends.",
            "Weights are of the month's last close and filled at the next open; a month is long in a crash.",
        ),
    ),
    "Ensemble": Page(
        "ensemble",
        "Three strategies in one book",
        ("us14",),
        "Ideas that lose at different times lose less together than each alone, and what they want against each other need not be traded at all.\n"
        "A trend follower is hurt by turns and a buyer of weakness by crashes; giving equity by risk lets neither decide alone.",
        (
            "Shares follow what the sleeves made in the last sixty sessions, before costs: a sleeve that trades much looks better than it is.",
            "A wild market is known only after it has been wild for some days.",
            "Much of the money lies idle most of the time: compare the ratio and the drawdown, not the return, or raise `--gross`.",
            "Six parameters and three ideas are many ways to fit one history: sweep them, and read what is said about luck.",
        ),
    ),
    "Pairs": Page(
        "pairs",
        "Pairs",
        ("GOOG", "GOOGL"),
        "Two claims on nearly the same thing should not drift apart for long; whoever buys the cheap one and sells the dear one is paid for bringing them back.",
        (
            "Two classes of one company's shares are the tamest pair there is, and the spread is small against costs: compare the columns.",
            "A pair that parts for good loses without a limit of its own: state `limits`, and a borrowing rate (`borrow_rate`).",
            "The decision falls at a close and fills at the next open, when much of the spread may be gone.",
            "Of many pairs tried, the best one on history is mostly luck.",
        ),
    ),
    "DonchianBreakout": Page(
        "breakout",
        "Channel breakout",
        ("us14",),
        "A new high of eleven weeks is a rough sign that something has changed; most breakouts fail, and the rule lives on a few long trends and small, equal risks.",
        (
            "Expect far fewer winners than losers, and long stretches below the last high of the equity.",
            "A gap through the stop loses more than the stated risk.",
            "The Turtles traded futures on many unrelated markets; shares rise and fall together, and so do these entries.",
        ),
    ),
    "RsiMeanReversion": Page(
        "mean-reversion",
        "RSI mean reversion",
        ("SPY",),
        "Sellers in a hurry pay for it: a sharp dip inside an upward trend is often bought back within days.",
        (
            "Many small gains and, in a crash that begins in an upward trend, a few large losses: there is no stop.",
            "It was published on the market it is shown on, and both thresholds with it.",
            "It trades often, so costs decide; a wider spread than the one assumed here takes most of the gain.",
        ),
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
    import quoter_page  # it writes with what is here

    written = {f"strategies/{page.file}.md": text(name, page, note) for name, page in PAGES.items()}
    written[f"strategies/{quoter_page.FILE}.md"] = quoter_page.page(note)
    return {"strategies/index.md": index(note), **written}


def index(note: str) -> str:
    """The list of strategies."""
    import quoter_page

    rows = [f"| [{page.title}]({page.file}.md) | {first_sentence(kind(name))} |" for name, page in PAGES.items()]
    rows.append(f"| [{quoter_page.TITLE}]({quoter_page.FILE}.md) | {first_sentence(strategies.TwoSidedQuoter)} |")
    head = "Ready-made, to start from; do not expect to grow rich with them.\nEach page says what its strategy did on the shipped sample, or on a market that it makes."
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
    where = f"src/stratofold/strategies/{strategy.__module__.rpartition('.')[2]}.py"
    parts = [f"# {page.title}", "", note, "", *rule(strategy), f"The source is `{where}`.", ""]
    parts += ["## Why it might work", "", page.why, "", *run_it(name, page)]
    parts += [*parameter_table(strategy), *figure_table(strategy, page), ""]
    parts += ["## What to watch out for", "", *(f"- {each}" for each in page.watch)]
    return "\n".join(parts) + "\n"


def rule(strategy: type) -> list[str]:
    """The docstring as paragraphs: what it does, then what it needs, its source and what it ignores."""
    words = re.sub(r"\s+", " ", inspect.getdoc(strategy).replace("\n\n", " \0 ")).replace(" \0 ", "\n\n")
    return [re.sub(r"\s*\b(Needs|Source|Ignores): ", r"\n\n**\1:** ", words), ""]


def run_it(name: str, page: Page) -> list[str]:
    """The command, and the same in a notebook."""
    chosen = "" if page.symbols == ("us14",) else f" --symbols {','.join(page.symbols)}"
    sample = "" if page.symbols == ("us14",) else ", ".join(f'"{symbol}"' for symbol in page.symbols)
    return [
        "## Run it",
        "",
        "```console",
        f"$ stratofold backtest stratofold.strategies:{name}{chosen}",
        "```",
        "",
        "In a notebook, with the costs of the figures below:",
        "",
        "```python",
        "import stratofold",
        f"from stratofold.strategies import {name}",
        "",
        "result = stratofold.backtest(",
        f"    {name},",
        f"    stratofold.sample({sample}),",
        f"    fees=stratofold.Fees({arguments(FEES)}),",
        f"    slippage=stratofold.Slippage({arguments(SLIPPAGE)}),",
        ")",
        "print(result)",
        "```",
        "",
    ]


def arguments(given: dict[str, float]) -> str:
    """Keyword arguments as they are written."""
    return ", ".join(f"{name}={value}" for name, value in given.items())


def parameter_table(strategy: Any) -> list[str]:
    """Parameters with their meaning, defaults and bounds."""
    if not strategy.parameters():
        return ["It has no parameters.", ""]
    rows = [
        f"| `{name}` | {one.doc} | {one.default} | {'' if one.low is None else f'{one.low:g} to {one.high:g}'} |"
        for name, one in strategy.parameters().items()
    ]
    return ["## Parameters", "", "| name | what it is | default | bounds |", "|---|---|--:|---|", *rows, ""]


def figure_table(strategy: Any, page: Page) -> list[str]:
    """What it did on the sample: with costs, free of them, and beside buying and holding the same symbols."""
    data = stratofold.sample(*page.symbols)
    costs = {"fees": stratofold.Fees(**FEES), "slippage": stratofold.Slippage(**SLIPPAGE)}
    runs = {"this": run(strategy, data, **costs), "free of costs": run(strategy, data)}
    if strategy is not strategies.BuyAndHold:
        runs["buy and hold"] = run(strategies.BuyAndHold, data, **costs)
    rows = [f"| {key} | {' | '.join(shown(key, result) for result in runs.values())} |" for key in FIGURES]
    names = ", ".join(page.symbols) if page.symbols != ("us14",) else "all fourteen symbols"
    stats = runs["this"].stats
    span = f"{stats['start']:%Y-%m-%d} to {stats['end']:%Y-%m-%d}"
    costs_said = "half a cent a share with a dollar at least, and one basis point of slippage"
    head = f"On {names}, {span}, from 100,000 USD, with fees of {costs_said}:"
    return ["## On the sample", "", head, "", f"| | {' | '.join(runs)} |", "|---|" + "--:|" * len(runs), *rows]


# Twenty years of fourteen symbols: minutes when they are interpreted, and the kernels are those that the tests have made.
run = functools.partial(stratofold.backtest, execution="compiled")


def shown(key: str, result: Any) -> str:
    """One figure as the result prints it."""
    from stratofold.research.stats import as_text

    return as_text(key, result.stats[key], "USD")
