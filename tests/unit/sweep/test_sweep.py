"""A sweep: every cell is the single backtest, a study is found again, and what goes wrong is told."""

import math
import struct
from math import inf
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import Fees, Limits, Setup, Slippage, Stop, backtest, sweep
from stratofold.research.stats import LESS_IS_BETTER
from stratofold.research.sweep.block import Block
from stratofold.research.sweep.cells import WHOLE
from stratofold.research.sweep.columns import STATISTICS
from stratofold.research.sweep.executors import DIED
from stratofold.research.sweep.objective import objectives_of
from stratofold.research.sweep.store import parts_of, place_of
from stratofold.research.sweep.study import open_study
from stratofold.research.validation import luck
from stratofold.strategies import Crossover
from tests.patience import PATIENCE_SECONDS
from tests.tick_market import made
from tests.unit.sweep.strategies import Above, Busy, Idle, Poisonous, Wide


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")


def bits(number):
    return struct.pack("<d", number) if number == number else "nan"


def assert_equal_to_backtests(study):
    """Every figure of every cell is that of the single backtest, to the bit."""
    for row in study.table.iter_rows(named=True):
        result = study.result(row)
        for name in STATISTICS:
            expected = len(result.refusals) if name == "refusals" else result.stats[name]
            assert bits(row[name]) == bits(float(expected)), (row, name)


@pytest.mark.parametrize("execution", ["interpreted", "compiled"])
def test_every_cell_is_the_single_backtest_to_the_bit(market, execution):
    study = sweep(
        Crossover, market, fast=[3, 8], slow=[20, 40, 200], where="fast < slow", execution=execution, each_symbol=True,
        windows={"early": ("2014-06-02", "2014-10-31"), "late": ("2014-11-03", "2015-03-31")},
        costs={"free": {}, "dear": {"fees": Fees(per_share=0.01, minimum=1.0), "slippage": Slippage(proportional=0.001)}},
    )  # fmt: skip
    assert len(study) == 6 * 2 * 2 * 2
    assert study.table["cell"].n_unique() == len(study)
    assert_equal_to_backtests(study)


def test_cells_of_many_symbols_refusals_and_crowded_logs_are_too(market):
    limits = Limits(**dict.fromkeys(Limits.__slots__, inf) | {"position_max": 2.0, "duplicate_seconds": 0.0})
    study = sweep(Busy, market, size=[1.0, 2.0], limits=limits, execution="interpreted", objective="refusals")
    assert_equal_to_backtests(study)
    assert study.best["refusals"] > 0
    many = stratofold.sample("us14").subset(start="2008-01-02", end="2012-12-31")
    study = sweep(Crossover, many, fast=[2], slow=[3, 4], limits=limits, quantity=[2.0, 3.0], execution="compiled")
    assert study.best["trades"] > 2 * max(256, len(many) // 32), "logs were crowded more than once"
    assert_equal_to_backtests(study)


def test_cells_on_ticks_are_too():
    study = sweep(Wide, made(3), cents=[1, 2, 3], execution="interpreted", queue="front", objective="final_equity")
    assert study.table["traded_value"].n_unique() > 1
    assert_equal_to_backtests(study)


def test_both_executions_and_any_order_give_the_same_table(market):
    space = {"fast": [5, 9, 13], "quantity": [1.0, 10.0]}
    tables = [sweep(Crossover, market, execution=each, **space).table for each in ("interpreted", "compiled")]
    backwards = {name: values[::-1] for name, values in space.items()}
    tables.append(sweep(Crossover, market, execution="compiled", **backwards).table)
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_a_study_is_found_again_and_grows(market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = sweep(Above, market, study="mine", execution="interpreted", length=[5, 9])
    assert (one.computed, one.reused) == (2, 0)
    two = sweep(Above, market, study="mine", execution="interpreted", length=[5, 9, 12])
    assert (two.computed, two.reused) == (1, 2)
    whole = sweep(Above, market, execution="interpreted", length=[5, 9, 12])
    assert two.table.equals(whole.table)
    stored = open_study("mine")
    assert stored.table.equals(whole.table)
    assert stored.best == whole.best
    other = sweep(Above, market, study="mine", execution="interpreted", length=[5, 9], cash=50_000.0)
    assert (other.computed, other.reused, len(other)) == (2, 0, 2)
    assert other.sql("select count(*) n from everything")["n"][0] == 5
    assert other.sql("select count(*) n from cells")["n"][0] == 2


def test_a_sweep_that_was_broken_off_goes_on_where_it_was(market, tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.research.sweep.sweep._SAY_SECONDS", 0.0)
    monkeypatch.setattr("stratofold.research.sweep.executors.inline._SHORT", 0.0)
    monkeypatch.setattr("stratofold.research.sweep.sweep._SHORT", 0.0)
    goal = tmp_path / "study"
    calls = []

    def interrupt(text):
        calls.append(text)
        if len(calls) == 1:
            raise KeyboardInterrupt

    space = {"length": list(range(5, 60)), "execution": "interpreted"}
    with pytest.raises(KeyboardInterrupt):
        sweep(Above, market.subset("SPY", end="2014-07-31"), study=goal, progress=interrupt, **space)
    kept = len(open_study(goal))
    assert 0 < kept < 55
    again = sweep(Above, market.subset("SPY", end="2014-07-31"), study=goal, **space)
    assert (again.reused, again.computed) == (kept, 55 - kept)
    assert again.table.equals(sweep(Above, market.subset("SPY", end="2014-07-31"), **space).table)


def test_a_damaged_file_is_put_aside_and_computed_again(market, tmp_path):
    space = {"length": [5, 9], "execution": "interpreted", "study": tmp_path / "study"}
    before = sweep(Above, market, **space).table
    path = parts_of(tmp_path / "study")[0]
    path.write_bytes(path.read_bytes()[:100])
    again = sweep(Above, market, **space)
    assert again.computed == 2
    assert "put aside" in str(again)
    assert again.table.equals(before)


def test_crumbs_are_joined(market, tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.research.sweep.store._PARTS_MAX", 2)
    monkeypatch.setattr("stratofold.research.sweep.sweep._SHORT", 0.0)
    study = sweep(Above, market, study=tmp_path / "study", execution="interpreted", length=[5, 9], each_symbol=True,
                  windows=[("2014-06-02", "2014-09-30"), ("2014-10-01", "2014-12-31")])  # fmt: skip
    (whole,) = parts_of(tmp_path / "study")
    assert whole.stem.startswith("whole")
    assert open_study(tmp_path / "study").table.equals(study.table)
    half = whole.with_name("part-00000000.parquet")  # as if the process had been killed before this one was gone
    half.write_bytes(whole.read_bytes())
    assert parts_of(tmp_path / "study") == [whole]
    assert len(open_study(tmp_path / "study")) == len(study)


def test_short_pieces_are_stored_together(market, tmp_path, monkeypatch):
    """Each time is a frame and a file: many markets of few cells would make thousands."""
    monkeypatch.setattr("stratofold.research.sweep.sweep._SHORT", PATIENCE_SECONDS)
    study = sweep(Above, market, study=tmp_path / "study", execution="interpreted", length=[5, 9], each_symbol=True)
    (one,) = parts_of(tmp_path / "study")
    assert one.stem.startswith("part")
    assert study.table["symbols"].to_list() == ["SPY", "SPY", "AAPL", "AAPL"]
    alone = sweep(Above, market.subset("AAPL"), execution="interpreted", length=[5, 9]).table
    assert study.table.filter(study.table["symbols"] == "AAPL").equals(alone)


def test_every_column_of_a_table_is_in_one_piece(market, monkeypatch):
    """Where some are and others are not, whoever asks for rows has all of them copied: a fifth more memory."""
    monkeypatch.setattr("stratofold.research.sweep.sweep._SHORT", PATIENCE_SECONDS)
    study = sweep(Above, market, execution="interpreted", length=[5, 9], each_symbol=True)
    assert set(study.store.frame().n_chunks("all")) == {1}


def test_a_study_on_disk_is_ranked_without_being_read(market, tmp_path):
    """What a stored study shows is what the whole table shows, ties and cells without a number included."""
    space = {"fast": [2, 3, 5, 200], "slow": [20, 30, 400], "execution": "interpreted", "study": tmp_path / "study"}
    study = sweep(Crossover, market, **space)
    for objective in ("sharpe", "-max_drawdown", "trades", "-trades", "sessions"):
        stored = open_study(tmp_path / "study")
        stored.objectives = list(objectives_of(objective))
        best = stored.top(5)
        assert stored.store._frames == [], "only what ranks was read"
        study.objectives = list(objectives_of(objective))
        assert best.equals(study.ranked().head(5))
        assert str(stored).splitlines()[2:9] == str(study).splitlines()[2:9]


@pytest.mark.parametrize("name", sorted(LESS_IS_BETTER))
def test_of_a_fall_and_of_costs_the_least_is_best_however_it_is_asked(name):
    """Nobody looks for the deepest fall: of a table of cells it ranked first."""
    for asked in (name, f"-{name}"):
        (goal,) = objectives_of(asked)
        assert goal.values({name: [0.3, 0.1, 0.2]}).argmax() == 1
        assert goal.text == f"least {name}"
    assert [goal.sign for goal in objectives_of(["turnover", "-turnover"])] == [1.0, -1.0]


def test_changed_code_is_computed_again(market, tmp_path, monkeypatch):
    space = {"length": [5, 9], "execution": "interpreted", "study": tmp_path / "study"}
    sweep(Above, market, **space)
    monkeypatch.setattr("stratofold.kernel.sources.engine_hash", lambda: "another fold")
    assert sweep(Above, market, **space).computed == 2


def test_the_best_the_front_and_several_strategies(market):
    study = sweep([Above, Crossover], market, length=[5, 50], fast=[5, 10], slow=[20, 30], execution="interpreted",
                  objective=["-max_drawdown", "total_return"], units=5.0)  # fmt: skip
    assert len(study) == 2 + 4
    assert study.best["max_drawdown"] == study.table["max_drawdown"].min()
    front = study.front()
    for row in front.iter_rows(named=True):
        beaten = study.table.filter(
            (pl.col("max_drawdown") < row["max_drawdown"]) & (pl.col("total_return") > row["total_return"])
        )
        assert not len(beaten)
    assert study.table["total_return"].max() in front["total_return"].to_list()
    assert {"Above", "Crossover"} == set(study.table["strategy"])
    assert "strategy" in str(study)


def test_a_function_is_an_objective_and_a_failed_cell_is_told(market):
    def per_trade(figures):
        return figures["total_return"] / figures["trades"] if figures["trades"] else math.nan

    study = sweep(Poisonous, market, length=[5, 30, 400], poison=[0, 1], objective=per_trade, execution="interpreted")
    failed = study.table.filter(pl.col("error").is_not_null())
    assert len(failed) == 3
    assert failed["error"].str.contains("no luck").all()
    assert "3 failed" in str(study)
    assert study.best["length"] in {5, 30}


@pytest.mark.parametrize(
    ("code", "strategy", "asked"),
    [
        ("SFS05", Above, {"length": [5, 9], "where": "length > 10"}),
        ("SFS10", Above, {"length": (5, 9), "sampler": "cmaes", "trials": 3, "objective": ["sharpe", "trades"]}),
        ("SFS11", Poisonous, {"length": [5, 9], "poison": 1}),
        ("SFS12", Idle, {"number": [1, 2]}),
        ("SFS13", Above, {"length": [5, 9], "objective": "sharp"}),
        ("SFS14", Above, {"length": [5, 9], "objective": lambda figures: figures["nothing"]}),
        ("SFS15", Above, {"length": [5, 9], "windows": []}),
        ("SFS16", Above, {"length": [5, 9], "costs": {"dear": {"fee": 1}}}),
        ("SFS16", Above, {"length": [5, 9], "costs": {}}),
        ("SFS22", Above, {"length": [5, 9], "executor": "cloud"}),
        ("SFS24", Above, {"length": 5}),
        ("SFS26", Above, {"length": [5, 9], "objective": lambda figures: math.nan}),
        ("SFS32", Above, {"length": [5, 9], "execution": "frozen"}),
        ("SFS21", Above, {"length": [5, 9], "executor": "processes", "workers": 0}),
        ("SF107", "Above", {"length": [5, 9]}),
        ("SFS23", [], {"length": [5, 9]}),
        ("SF108", Above, {"length": [5, 9], "cash": -1.0}),
        ("SF108", Above, {"length": [5, 9], "cash": 1e14}),
        ("SF210", Above, {"length": [5, 9], "windows": [("1980-01-01", "1981-01-01")]}),
    ],
)
def test_what_cannot_be_swept_is_told(market, code, strategy, asked):
    with pytest.raises(Setup) as error:
        sweep(strategy, market.subset("SPY", end="2014-08-29"), **({"execution": "interpreted"} | asked))
    assert error.value.code == code
    assert error.value.fix


def test_the_condition_that_nothing_meets_is_said(market):
    with pytest.raises(Setup) as error:
        sweep(Above, market, length=[5, 9], where=["length > 10", "length > 4"], execution="interpreted")
    assert error.value.why == "the space is length 5, 9, and it must be that length > 10 and length > 4"


def test_of_idle_cells_the_bars_are_said_also_where_others_failed(market):
    """It said that the data have nan bars."""
    with pytest.raises(Setup) as error:
        sweep(Poisonous, market.subset("SPY", end="2014-08-29"), length=400, poison=[1, 0], execution="interpreted")
    assert error.value.code == "SFS12"
    assert "the data have 64 bars" in error.value.why
    assert error.value.why.endswith("1 of them failed")


def test_a_cell_that_failed_is_said_how_to_run_alone(market):
    """With what every cell has in common, where that is not what the strategy declares."""
    with pytest.raises(Setup) as error:
        sweep(Poisonous, market.subset("SPY"), length=[5, 9], poison=1, execution="interpreted")
    assert error.value.fix == "run it alone: backtest(Poisonous, data, length=5, poison=1)"


def test_a_cell_whose_worker_died_is_tried_again_another_day(market, tmp_path, monkeypatch):
    """It is shown as failed by the call that has met it, and kept by none, nor when files are joined."""
    monkeypatch.setattr("stratofold.research.sweep.store._PARTS_MAX", 0)
    asked = {"length": [5, 9, 12], "study": tmp_path / "study", "execution": "interpreted"}
    real = Block.run

    def dies(self, sets, leg=WHOLE):
        found = real(self, sets, leg)
        found.errors = [DIED if each["length"] == 9 else error for each, error in zip(sets, found.errors, strict=True)]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Block, "run", dies)
        study = sweep(Above, market, **asked)
        assert study.table["error"].to_list() == [None, DIED, None]
        opened = open_study(tmp_path / "study")
        assert len(opened) == 2
        assert "\nnote: 1 more died with their workers" in str(opened)
    again = sweep(Above, market, **asked)
    assert open_study(tmp_path / "study").notices == []
    assert (again.computed, again.reused) == (1, 2)
    assert again.table["error"].to_list() == [None] * 3
    assert again.table["length"].to_list() == [5, 9, 12]


def test_time_left_is_not_said_of_cells_that_waited_for_a_compiler(market, monkeypatch):
    """Only when some have come after the first ones."""
    monkeypatch.setattr("stratofold.research.sweep.sweep._SAY_SECONDS", 0.0)
    monkeypatch.setattr("stratofold.research.sweep.sweep._SHORT", 0.0)
    monkeypatch.setattr("stratofold.research.sweep.executors.inline._SHORT", 0.0)
    said = []
    sweep(Above, market, length=range(5, 20), execution="interpreted", each_symbol=True, progress=said.append)
    assert len(said) > 2
    assert ["left" in line for line in said] == [False, *([True] * (len(said) - 2)), False]


def test_a_study_is_named_or_placed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("mine") == place_of(Path("mine")) == Path("studies/mine")
    assert place_of("./mine") == Path("mine")
    assert place_of("other/mine") == Path("other/mine")
    assert place_of(tmp_path / "mine") == tmp_path / "mine"


def test_a_study_that_says_nothing_is_stored_all_the_same(market, tmp_path):
    few = market.subset("SPY", end="2014-07-31")
    with pytest.raises(Setup):
        sweep(
            Above,
            few,
            length=[5, 9],
            study=tmp_path / "study",
            objective=lambda figures: math.nan,
            execution="interpreted",
        )
    assert sweep(Above, few, length=[5, 9], study=tmp_path / "study", execution="interpreted").reused == 2


def test_a_disk_that_takes_nothing_leaves_what_is_there(market, tmp_path, monkeypatch):
    goal = tmp_path / "study"
    few = market.subset("SPY", end="2014-07-31")
    sweep(Above, few, length=[5, 9], study=goal, execution="interpreted")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(Stop) as error:
            sweep(Above, few, length=[5, 9, 12], study=goal, execution="interpreted")
    assert error.value.code == "SFS18"
    assert len(open_study(goal)) == 2
    assert sweep(Above, few, length=[5, 9, 12], study=goal, execution="interpreted").computed == 1


def test_another_writer_and_another_folder_are_refused(market, tmp_path):
    few = market.subset("SPY", end="2014-07-31")
    study = sweep(Above, few, length=[5, 9], study=tmp_path / "study", execution="interpreted")
    study.store.lock()
    with pytest.raises(Setup) as error:
        sweep(Above, few, length=[5, 9], study=tmp_path / "study", execution="interpreted")
    assert error.value.code == "SFS25"
    study.store.unlock()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    for path, code in ((tmp_path / "other", "SFS17"), (tmp_path / "none", "SFS19")):
        with pytest.raises(Setup) as error:
            sweep(Above, few, length=[5, 9], study=path) if code == "SFS17" else open_study(path)
        assert error.value.code == code


def test_a_stored_study_cannot_run_and_a_wrong_query_is_told(market, tmp_path):
    few = market.subset("SPY", end="2014-07-31")
    sweep(Above, few, length=[5, 9], study=tmp_path / "study", execution="interpreted")
    study = open_study(tmp_path / "study")
    for code, ask in (
        ("SFS28", study.result),
        ("SFS30", lambda: study.sql("select")),
        ("SFS27", lambda: study.cell("x")),
    ):
        with pytest.raises(Setup) as error:
            ask()
        assert error.value.code == code


def test_a_page_of_a_study_holds_every_figure_it_draws(market, tmp_path):
    study = sweep(Crossover, market, fast=[3, 5, 8], slow=[20, 30], execution="interpreted")
    text = study.report(tmp_path / "page.html").read_text()
    assert text.count("<rect") >= 6 + 1
    assert "://" not in text
    assert "promises" in text
    assert study.best["cell"][:8] in text


def test_a_sharpe_is_what_the_backtest_prints(market):
    study = sweep(Above, market, length=[5, 9], execution="interpreted")
    assert backtest(Above, market, length=study.best["length"]).stats["sharpe"] == study.best["sharpe"]


def test_the_best_is_told_how_much_of_it_is_luck(market, tmp_path, monkeypatch):
    """The returns behind it are those of the backtests, and every cell counts as a trial, sampled or not."""
    space = {"fast": [2, 3, 5, 8], "slow": [10, 20, 30], "execution": "interpreted"}
    study = sweep(Crossover, market, study=tmp_path / "study", **space)
    found = study.luck()
    equities = [
        study.result(row).equity.to_polars()["equity"].to_numpy() for row in study.ranked().iter_rows(named=True)
    ]
    returns = np.column_stack([np.diff(each, prepend=1e5) / np.concatenate(([1e5], each[:-1])) for each in equities])
    expected = luck(returns, best=0, splits=16)
    assert found.trials == 12
    assert found == pytest.approx(expected, rel=1e-9)
    assert str(found) in str(study)
    assert study.as_dict()["luck"]["trials"] == 12
    monkeypatch.setattr("stratofold.research.sweep.chance._CELLS_MAX", 4)
    sampled = sweep(Crossover, market, **space).luck()
    assert sampled.trials == 12
    assert sampled.effective == pytest.approx(found.effective, rel=0.5)
    assert open_study(tmp_path / "study").luck() == found
    assert (
        sweep(Crossover, market.subset(end="2014-06-30"), fast=[2, 3], slow=5, execution="interpreted").luck()
        is not None
    )
