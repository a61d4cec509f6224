"""Values that are no prices end in the same bytes in every execution: interpreted, compiled, frozen, broken off, and live.

The last row carries them through the whole live path as signed signals, in lock-step with the paper exchange: what was known
at a session's close is heard after its bars and before anything else, and its records fold to the same state again.
"""

import asyncio
import json
from array import array
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold import Fees, Latency, Slippage, Strategy, backtest, kernel, param, sample
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.fold.state import restore, save
from stratofold.live.desk import restore_fold
from stratofold.live.lockstep import run_in_step
from stratofold.live.verify import verify
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, Key, receive, sign
from stratofold.market.observations import read_observations
from stratofold.research.execute import carry, drive, rest
from stratofold.research.prepare import Options, prepare
from tests.live_tools import paper

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
SECRET = b"a key of 32 random bytes, or so.."
BARS = sample("SPY", "AAPL", start="2014-03-03", end="2014-08-29")  # with a split of seven for one, and dividends
SERIES = ("sentiment", "rates", "mood")


class Listens(Strategy):
    """Hears two of three series, of its symbols and of none, beside bars, fills and a timer, and orders on all of it."""

    series = ("rates", "sentiment")
    weight = param(0.5, low=0.0, high=1.0)

    def setup(self):
        self.sums = array("d", [0.0, 0.0])
        self.early = 0
        self.filled = 0
        self.score = 0.0

    def on_observation(self, observation, book):
        self.sums[observation.series] += observation.value
        self.score = self.weight * self.score + observation.value
        if observation.known > book.time or observation.time > observation.known:
            self.early += 1
        if observation.symbol >= 0:
            book.target_quantity(observation.symbol, 10.0 if self.score > 0.0 else -5.0)
        elif observation.value > 1.0:
            book.buy(0, 3.0, limit=book.price(0) * 0.999)

    def on_bar(self, bar, book):
        if self.score < -2.0 and book.position(bar.symbol) > 0.0:
            book.close(bar.symbol)

    def on_fill(self, fill, book):
        self.filled += 1


def table(seed, count=40):
    """Values of three series at chance times, some of them alike, before, amid and after the bars."""
    chance = np.random.default_rng(seed)
    first, last = int(BARS.time[0]) - 3 * DAY_NS, int(BARS.time[-1]) + DAY_NS
    known = np.where(chance.random(count) < 0.4, chance.choice(BARS.time, count), chance.integers(first, last, count))
    return pl.DataFrame({
        "series": chance.choice(SERIES, count),
        "symbol": chance.choice(["SPY", "AAPL", ""], count),
        "known": pl.Series(known).cast(pl.Datetime("ns", "UTC")),
        "period": pl.Series(known - chance.integers(-DAY_NS, 40 * DAY_NS, count)).cast(pl.Datetime("ns", "UTC")),
        "value": np.round(chance.normal(0.0, 1.5, count), 3),
    }).vstack(_each_series())  # fmt: skip


def _each_series():
    """One value of each series, so that none is missing."""
    moment = pl.Series([int(BARS.time[5])] * 3).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame({"series": SERIES, "symbol": "", "known": moment, "period": moment, "value": 0.5})


def fresh(seed, weight=0.5):
    costs = Options(
        fees=Fees(per_share=0.005), slippage=Slippage(spread=0.0004), latency=Latency(3_600 * SECOND_NS), equity_curve=True,
        capacity=1, log_rows=1,
    )  # fmt: skip
    return prepare(Listens, read_observations(BARS, table(seed)), costs, {"weight": weight})


def everything(run):
    return save(run.engine) + save(run.strategy)


def interpreted(run, stop=-1):
    rest(run.engine, run.strategy, run.feed, run.events if stop < 0 else stop)
    return run


def compiled(run, stop=-1):
    drive(run.engine, run.strategy, run.feed, run.events if stop < 0 else stop)
    return run


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """The kernel, from a file of its own."""
    run = fresh(0)
    path = tmp_path_factory.mktemp("frozen") / "listens.kernel"
    return kernel.load(kernel.freeze(run.engine, run.strategy, run.feed, path, target="native"))


def broken(seed, weight, stops, execute):
    """The run saved and restored into fresh objects at each stop."""
    run = fresh(seed, weight)
    for stop in stops:
        execute(run, min(stop, run.events))
        state = save(run.engine), save(run.strategy)
        run = fresh(seed, weight)
        restore(run.engine, state[0])
        restore(run.strategy, state[1])
    return execute(run)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**31), weight=st.floats(0.0, 1.0), stops=st.lists(st.integers(0, 290), max_size=4).map(sorted)
)
def test_every_execution_ends_in_the_same_bytes(frozen, seed, weight, stops):
    run = interpreted(fresh(seed, weight))
    expected = everything(run)
    assert run.strategy.early == 0
    assert run.engine.logs.orders.count > 0
    assert everything(compiled(fresh(seed, weight))) == expected
    third = fresh(seed, weight)
    carry(third.engine, third.strategy, third.feed, third.events, frozen.bind(third.engine, third.strategy, third.feed))
    assert everything(third) == expected
    assert everything(broken(seed, weight, stops, compiled)) == expected
    assert everything(broken(seed, weight, stops, interpreted)) == expected


def test_a_restart_at_every_event_changes_nothing():
    run = interpreted(fresh(1))
    assert everything(broken(1, 0.5, range(1, run.events, 3), interpreted)) == everything(run)


# Live: the same values as signals.


class Announces:
    """A stepper that sends what is known by now before the exchange goes on, and waits until it is heard."""

    def __init__(self, run, runner, values):
        self.run, self.runner, self.inner, self.values = run, runner, run.stepper, values

    async def now(self):
        return await self.inner.now()

    async def wait(self, time):
        return await self.inner.wait(time)

    async def step(self):
        released = await self.inner.now()
        while self.values and released.next is not None and self.values[0]["known"] < released.next:
            self.send(self.values.pop(0))
            await self.runner.settled()
        return await self.inner.step()

    def send(self, row):
        now = self.run.clock.time
        moment = datetime.fromtimestamp(row["known"] // SECOND_NS, UTC).isoformat()
        said = {
            "kind": "signal", "book": "paper", "sender": "desk", "id": str(len(self.values)), "series": row["series"],
            "symbol": row["symbol"], "value": str(row["value"]), "time": moment,
        }  # fmt: skip
        data, stamp = json.dumps(said).encode(), str(now // SECOND_NS)
        headers = {TIMESTAMP: stamp, SIGNATURE: sign(SECRET, stamp, data)}
        assert receive(self.run.journal, [Key(SECRET)], headers, data, now).word == "taken"


def test_live_is_the_backtest_and_its_records_fold_again():
    chance = np.random.default_rng(3)
    closes = chance.choice(np.unique(BARS.time)[5:-5], 30, replace=False)
    closes.sort()
    values = pl.DataFrame({
        "series": chance.choice(Listens.series, 30), "symbol": chance.choice(["SPY", "AAPL", ""], 30),
        "known": closes, "value": np.round(chance.normal(0.0, 1.5, 30), 3),
    })  # fmt: skip
    data = read_observations(BARS, values.with_columns(pl.col("known").cast(pl.Datetime("ns", "UTC"))))
    result = backtest(Listens, data, execution="interpreted", slippage=Slippage(proportional=0.0001))
    run = paper(Listens, BARS, DAY_NS, slippage=Slippage(proportional=0.0001))

    async def work():
        async with Tasks() as tasks:
            runner = await run.runner(tasks)
            await run_in_step(runner, Announces(run, runner, values.to_dicts()), run.clock, lambda _: None)
            return runner.desk

    desk = asyncio.run(work())
    fills = [(row[0], BARS.symbols[row[2]], row[5], row[6]) for row in run.witness.fills]
    expected = result.fills.to_polars()
    assert len(fills) > 10
    assert fills == list(zip(expected["time"].dt.epoch("ns"), *(expected[name] for name in ("symbol", "quantity", "price")), strict=True))  # fmt: skip
    assert run.witness.failures == []
    assert desk.fold.strategy.filled == len(fills)
    assert restore_fold(run.journal, "paper", Listens, use_snapshot=False).save() == desk.fold.save()
    assert verify(run.journal, "paper", Listens).identical
