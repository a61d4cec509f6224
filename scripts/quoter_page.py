"""Writes the page of the two-sided quoter, which runs on ticks: a made market, and what each queue model makes of it.

What comes in: the strategy's class.  What goes out: docs/strategies/quoter.md.
Why a page of its own: the shipped sample has bars only, so the page makes its market before the reader's eyes, and its
table is what that very code finds.
"""

from typing import Any

from strategy_pages import parameter_table, rule
from stratofold.strategies import TwoSidedQuoter

FILE, TITLE = "quoter", "Two-sided quoter"
QUEUES = ("through", "back", "proportional", "squared", "front")
MADE = '''from random import Random

import polars as pl

import stratofold
from stratofold.strategies import TwoSidedQuoter


def market(seed=7, moments=3_000):
    """A middle that moves a cent now and then, one level either side of it, and trades at those."""
    chance, middle, time = Random(seed), 10_000, 1_700_000_000_000_000_000
    shown, depth, trades = {}, [], []
    for _ in range(moments):
        time += chance.randint(1, 500) * 1_000_000
        side = chance.choice((1, -1))
        if shown.get(middle + side, 0) and chance.random() < 0.4:
            size = min(chance.randint(1, 4) * 100, shown[middle + side])
            trades.append({"time": time, "price": (middle + side) / 100, "size": size, "side": "buy" if side > 0 else "sell"})
            changes = {middle + side: shown[middle + side] - size}
        else:
            gone = dict.fromkeys(shown, 0) if chance.random() < 0.05 else {}
            middle += chance.choice((1, -1)) if gone else 0
            changes = gone | {middle - 1: chance.randint(3, 9) * 100, middle + 1: chance.randint(3, 9) * 100}
        for price, size in changes.items():
            old = price - middle if price in (middle - 1, middle + 1) else (1 if price > middle else -1)
            depth.append({"time": time, "side": "ask" if old > 0 else "bid", "price": price / 100, "size": size})
            shown[price] = size
        shown = {price: size for price, size in shown.items() if price in (middle - 1, middle + 1)}
    return stratofold.read_ticks(
        depth=pl.DataFrame(depth), trades=pl.DataFrame(trades), symbols="XYZ",
        instruments=stratofold.Equity("XYZ", calendar="24/7"),
    )


ticks = market()
results = {
    queue: stratofold.backtest(TwoSidedQuoter, ticks, size=100.0, queue=queue, latency=stratofold.Latency(5_000_000))
    for queue in ("through", "back", "proportional", "squared", "front")
}
'''


def page(note: str) -> str:
    """The text of the page."""
    scope: dict[str, Any] = {}
    exec(MADE, scope)  # noqa: S102 - our own text, as the page shows it
    rows = [
        f"| `{queue}` | {len(result.fills)} | {result.stats['trades']:.0f} | {result.stats.text('total_return')} | {result.stats.text('max_drawdown')} |"
        for queue, result in scope["results"].items()
    ]
    return "\n".join([
        f"# {TITLE}", "", note, "", *rule(TwoSidedQuoter), "The source is `src/stratofold/strategies/quoter.py`.", "",
        "## Why it might work", "",
        "Whoever must trade now pays half the spread to whoever waits; a quoter is paid for waiting, and for holding what it did not choose.", "",
        "## Run it", "", "On a market made up on the spot, so that nothing has to be fetched:", "",
        f"```python\n{MADE}```", "", *parameter_table(TwoSidedQuoter),
        "## On that market", "", "Free of costs, orders under way for five milliseconds, by [queue model](../fills.md#8-on-quotes-trades-and-depth):", "",
        "| `queue=` | fills | round trips | total return | deepest drawdown |", "|---|--:|--:|--:|--:|", *rows, "",
        "## What to watch out for", "",
        "- The made market trades at random, so nobody knows more than the quoter; real markets run over a quote just when it is wrong, and the fills one gets are the bad half.",
        "- The queue decides: compare `back` with `front`, and believe the former.",
        "- A maker's fee or rebate is often larger than the spread; state `fees=Fees(maker=..., taker=...)`.",
        "- It moves its quotes whenever the touch moves. Venues limit messages: `--pause` is there for that.", "",
    ])  # fmt: skip
