"""A run in lock-step with the paper exchange, through the whole live path, is the backtest of the same days."""

import asyncio

import pytest

import stratofold
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.fold.tally import statistics
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.lockstep import run_in_step
from stratofold.strategies import Crossover, Momentum
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
SLIPPAGE = {"slippage": stratofold.Slippage(proportional=0.0001)}


@pytest.fixture(scope="module")
def year():
    return stratofold.sample("us14").subset(["SPY", "AAPL", "EEM", "BAC"], start="2020-04-01", end="2020-12-31")


def rows_of(result):
    columns = ("number", "symbol", "side", "quantity", "price", "time")
    frame = result.fills.to_polars()
    return frame.select(columns).with_columns(frame["time"].dt.epoch("ns")).rows()


@pytest.mark.parametrize("strategy", [Momentum, Crossover])
def test_same_fills_and_same_equity_to_the_cent(strategy, year):
    run = paper(strategy, year, DAY_NS, **SLIPPAGE)
    desk = run.run()
    desk.fold.finish()
    result = stratofold.backtest(strategy, year, execution="interpreted", **SLIPPAGE)
    found = statistics(desk.fold.engine.tally, desk.fold.engine.book.ledger, 252)
    assert found["final_equity"] == result.stats["final_equity"]
    assert found["trades"] == result.stats["trades"]
    assert found["trades"] > 0
    fills = [
        (row[1], year.symbols[row[2]], "buy" if row[3] > 0 else "sell", row[5], row[6], row[0])
        for row in run.witness.fills
    ]
    assert fills == rows_of(result)
    assert run.witness.failures == []


def test_a_restart_folds_the_same_state_and_fences_the_earlier_writer(year):
    run = paper(Momentum, year, DAY_NS, **SLIPPAGE)
    desk = run.run()
    again = open_desk(run.journal, "paper", Momentum, "another", 0)
    assert again.fold.save() == desk.fold.save()
    assert restore_fold(run.journal, desk.manifest.book, Momentum, use_snapshot=False).save() == desk.fold.save()
    with pytest.raises(stratofold.errors.Stop) as fenced:
        run.journal.append("paper", desk.head.epoch, desk.head.step, [])
    assert fenced.value.code == "SF801"


def test_a_run_stopped_half_way_goes_on_where_it_was(year):
    whole = paper(Momentum, year, DAY_NS, **SLIPPAGE).run()
    run = paper(Momentum, year, DAY_NS, **SLIPPAGE)

    async def halves():
        class Enough(Exception):
            pass

        count = 0

        def stop_at(_):
            nonlocal count
            count += 1
            if count in (300, 501, 701):
                raise Enough

        while True:
            async with Tasks() as tasks:
                runner = await run.runner(tasks)
                try:
                    await run_in_step(runner, run.stepper, run.clock, stop_at)
                except Enough:
                    continue
                return runner.desk

    desk = asyncio.run(halves())
    assert desk.head.epoch == 4
    assert desk.fold.engine.book.ledger.equity_steps == whole.fold.engine.book.ledger.equity_steps
