"""The demo's second half: the same strategy on paper, through the whole live path, and the receipt.

What comes in: nothing but the shipped sample.  What goes out: a receipt, and the backtest of the same days beside it.
Why it is shaped so: the exchange is a process of its own and speaks HTTP, the book is written to a real journal; only the
folder goes away afterwards.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from stratofold.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLIPPAGE = "proportional=0.0001"
FIRST_DAY = "2020-04-01"  # the last year of the sample
_WAIT_SECONDS = 60.0


@dataclass
class PaperDemo:
    """What came of it: the receipt, what a backtest of the same days says otherwise, counts and seconds."""

    receipt: Any
    difference: str | None
    events: int
    orders: int
    fills: int
    equity: float
    backtest_equity: float
    records: int
    seconds: float

    @property
    def same(self) -> bool:
        """Whether the run, its replay and the backtest decided the same."""
        return self.receipt.identical and self.difference is None and self.equity == self.backtest_equity


def paper_demo(progress: Callable[[str], None]) -> PaperDemo:
    """Momentum over the last year of the sample, stepped through a paper exchange."""
    import stratofold
    from stratofold.strategies import Momentum

    data = stratofold.sample("us14").subset(start=FIRST_DAY)
    started = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        progress("paper-trading Momentum over the sample's last year, through the whole live path")
        supervisor = _run(place, data, Momentum)
        seconds = perf_counter() - started
        return _compared(place, data, Momentum, supervisor, seconds)


def _run(place: Path, data: Any, strategy: type[Any]) -> Any:
    """Start an exchange, run a book against it to the end, and stop the exchange."""
    from stratofold.cli.home import Home, spec_of
    from stratofold.cli.running import Wanted, run_book
    from stratofold.cli.venue import exchange_venue, span_ns
    from stratofold.fold.risk import Limits
    from stratofold.live.risk.limits_config import read_stated

    stated = read_stated(LIMITS, "the demo")
    assert set(stated.limits) == set(Limits.__slots__)  # noqa: S101  every limit is stated
    wanted = Wanted("demo", strategy, spec_of(strategy), data.symbols, {}, stated, span_ns("1d"), guarded=False)

    async def work(ready: dict[str, Any]) -> Any:
        return await run_book(wanted, Home(place), await exchange_venue(ready, "1d"), lambda *_: None)

    with _exchange(place) as ready:
        return asyncio.run(work(ready))


class _exchange:  # noqa: N801  it reads as a word
    """A paper exchange as a process of its own, while the block lasts."""

    def __init__(self, place: Path) -> None:
        self._file = place / "ready.json"

    def __enter__(self) -> dict[str, Any]:
        """Start it and wait for its ready line; raises Stop SF956 when it does not come."""
        words = [
            sys.executable, "-m", "stratofold", "exchange", "--data", "sample", "--start", FIRST_DAY, "--speed", "step",
            "--slippage", SLIPPAGE, "--port", "0", "--json",
        ]  # fmt: skip
        with self._file.open("w") as out:
            self._process = subprocess.Popen(words, stdout=out, stderr=subprocess.PIPE)  # noqa: S603  our own
        until = perf_counter() + _WAIT_SECONDS
        while perf_counter() < until and self._process.poll() is None:
            text = self._file.read_text(encoding="utf-8")
            if text.endswith("\n"):
                ready: dict[str, Any] = json.loads(text)
                return ready | {"trading_url": ready["url"]}
            sleep(0.05)
        self.__exit__()
        raise Stop(
            "SF956", "the demo's paper exchange did not start", fix="try it alone: stratofold exchange --speed step"
        )

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _compared(place: Path, data: Any, strategy: type[Any], supervisor: Any, seconds: float) -> PaperDemo:
    """The receipt, and the backtest of the same days."""
    import stratofold
    from stratofold.cli import job as jobs
    from stratofold.cli.home import Home
    from stratofold.live.verify import Fill, compare_runs, verify

    desk, picture = supervisor.desk, supervisor.picture
    journal = Home(place).journal()
    receipt = verify(journal, "demo", strategy)
    result = stratofold.backtest(
        strategy, data, execution="interpreted", slippage=jobs.cost("slippage", SLIPPAGE),
        limits=stratofold.Limits(**desk.manifest.limits),
    )  # fmt: skip
    difference = compare_runs(journal, "demo", _bars(data), [Fill(*row) for row in _fills(result)])
    journal.close()
    return PaperDemo(
        receipt, difference, picture.events, picture.orders, picture.fills, desk.fold.engine.book.equity,
        result.stats["final_equity"], desk.head.sequence,
        seconds,
    )  # fmt: skip


def _bars(data: Any) -> Iterator[tuple[int, str, float, float, float, float, float]]:
    """The data's bars as a run heard them."""
    names = [data.symbols[handle] for handle in data.symbol.tolist()]
    columns = (data.open, data.high, data.low, data.close, data.volume)
    return zip(data.time.tolist(), names, *[column.tolist() for column in columns], strict=True)


def _fills(result: Any) -> Iterator[tuple[Any, ...]]:
    """A backtest's fills as a run's."""
    frame = result.fills.to_polars()
    rows = frame.with_columns(frame["time"].dt.epoch("ns")).select(
        "number", "symbol", "side", "quantity", "price", "time"
    )
    return ((row[0], row[1], 1 if row[2] == "buy" else -1, *row[3:]) for row in rows.rows())


# Wide enough for the demo's 100,000 dollars, and stated all the same: what is not stated allows nothing.
LIMITS = """
[limits]
position_max = 1_000_000
order_quantity_max = 1_000_000
order_notional_max = 1_000_000
gross_exposure_max = 1_000_000
net_exposure_max = 1_000_000
leverage_max = 10.0
price_collar = 1.0
orders_per_minute_max = 1_000
duplicate_seconds = 0.0
[risk.account]
exposure_max = 10_000_000
symbol_exposure_max = 10_000_000
orders_max = 1_000
orders_per_second_max = 1_000
"""
