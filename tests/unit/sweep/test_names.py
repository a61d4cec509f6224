"""What a cell is called by, and what a study shows: nothing is found that is another, nothing shown that was not asked."""

import importlib.util
import linecache
import sys
from types import SimpleNamespace

import polars as pl
import pytest

import stratofold
from stratofold import Setup, Slippage, Stop, Strategy, at_close, param, sweep
from stratofold.research.prepare import Options
from stratofold.research.sweep.place import places_of
from stratofold.research.sweep.store import Store, parts_of
from stratofold.research.sweep.study import open_study
from stratofold.research.validation.luck import Luck
from tests.unit.sweep.strategies import Above


@pytest.fixture(scope="module")
def few():
    return stratofold.sample("SPY", start="2014-06-02", end="2014-08-29")


def asked(few, study, **space):
    return sweep(Above, few, study=study, **({"execution": "interpreted", "length": [5, 9]} | space))


def test_a_parameter_that_changes_its_type_breaks_no_study(few, tmp_path):
    """Its older cells have whole numbers there and its newer ones have not: the column takes both, the strategy its own."""
    first = asked(few, tmp_path / "study")
    frame = first.store.frame().with_columns(pl.col("length").cast(pl.Float64) + 0.5, place=pl.lit("elsewhere"))
    first.store.add(frame)
    again = asked(few, tmp_path / "study", length=[5, 9, 12])
    assert (again.reused, again.computed) == (2, 1)
    assert again.table["length"].to_list() == [5.0, 9.0, 12.0]
    assert again.result(again.best).stats["sharpe"] == again.best["sharpe"]
    assert again.sql("select max(length) m from everything")["m"][0] == 12.0


def test_a_narrower_call_answers_with_what_it_asked_for(few, tmp_path):
    whole = asked(few, tmp_path / "study", length=list(range(5, 15)))
    other = [length for length in (6, 8) if length != whole.best["length"]]
    narrow = asked(few, tmp_path / "study", length=[*other, 11])
    assert narrow.computed == 0
    assert narrow.best["length"] in {*other, 11}
    assert set(narrow.table["length"]) == {*other, 11} == set(narrow.top(10)["length"])
    assert len(narrow) == len(other) + 1
    assert set(narrow.front()["length"]) <= {*other, 11}
    assert narrow.sql("select count(*) n from cells")["n"][0] == len(other) + 1
    assert len(open_study(tmp_path / "study")) == 10
    assert isinstance(narrow.luck(), Luck)
    assert narrow.luck().trials == 10, "every cell that was ever tried is a trial"


def test_a_walk_trades_no_cell_that_it_did_not_ask_for(few, tmp_path):
    walk = {"train": 30, "test": 10, "execution": "interpreted", "study": tmp_path / "study"}
    stratofold.walk_forward(Above, few, length=[3, 4, 5, 6, 7, 8, 9], **walk)
    narrow = stratofold.walk_forward(Above, few, length=[8, 9], **walk)
    assert {stretch.parameters["length"] for stretch in narrow.stretches} <= {8, 9}
    assert str(narrow) == str(stratofold.walk_forward(Above, few, length=[8, 9], **walk | {"study": None}))


class Twice:
    """A sampler that asks for the same point twice in one breath."""

    is_adaptive = True

    def __init__(self):
        self.told = []
        self._left = [[{"length": 5, "units": 10.0}] * 3, [{"length": 5, "units": 10.0}], []]

    def ask(self):
        return self._left.pop(0)

    def tell(self, values):
        self.told.append(len(values))


def test_what_is_asked_for_twice_is_computed_and_stored_once(few, tmp_path, monkeypatch):
    sampler = Twice()
    monkeypatch.setattr("stratofold.research.sweep.sweep.sampler_of", lambda *_: sampler)
    study = asked(few, tmp_path / "study")
    assert sampler.told == [3, 1]
    assert (len(study), study.computed, study.reused) == (1, 1, 1)


@pytest.mark.parametrize(
    "asked_for",
    [
        {"costs": {"one": {}, "other": {"cash": 100_000.0}}},
        {"windows": {"one": ("2014-06-02", "2014-08-29"), "other": ("2014-01-01", "2014-12-31")}},
    ],
)
def test_two_names_for_one_place_are_refused(few, asked_for):
    with pytest.raises(Setup) as error:
        asked(few, None, **asked_for)
    assert error.value.code == "SFS33"
    assert "one" in str(error.value)


def hash_of(few, strategy, **options):
    (place,) = places_of([strategy], few, Options(**options))
    return place.hash


def made(base, name="Made", **members):
    """A class of that name, with these members."""
    return type(name, (base,), {"__module__": __name__, **members})


def slippage_of(path, monkeypatch, rate):
    """A slippage of a user's file."""
    path.write_text(
        "from stratofold import Slippage\n\nclass Dear(Slippage):\n"
        f"    def price(self, side, price, quantity, volume, scale):\n        return price * (1.0 + side * {rate})\n",
        encoding="utf-8",
    )
    linecache.checkcache()
    spec = importlib.util.spec_from_file_location("own_costs", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_costs", module)
    spec.loader.exec_module(module)
    return module.Dear()


def test_the_code_and_the_numbers_of_a_cost_model_count(few, tmp_path, monkeypatch):
    """A slippage of one's own: its method, and what it keeps in itself, are part of what a cell is called by."""
    hashes = [hash_of(few, Above, slippage=each) for each in (None, Slippage())]
    for name, rate in (("a.py", 0.01), ("b.py", 0.02), ("c.py", 0.01)):
        model = slippage_of(tmp_path / name, monkeypatch, rate)
        hashes.append(hash_of(few, Above, slippage=model))
    assert len(set(hashes)) == 4
    assert hashes[2] == hashes[4]
    model.levels = (1.0, 2.0)
    two = hash_of(few, Above, slippage=model)
    model.levels = (1.0, 3.0)
    assert len({*hashes, two, hash_of(few, Above, slippage=model)}) == 6


def test_schedule_series_and_our_own_code_count(few, monkeypatch):
    plain = hash_of(few, made(Above))
    assert plain == hash_of(few, made(Above))
    assert plain != hash_of(few, made(Above, schedule=(at_close(-5),)))
    assert hash_of(few, made(Above, schedule=(at_close(-5),))) != hash_of(few, made(Above, schedule=(at_close(-6),)))
    assert plain != hash_of(few, made(Above, series=("score",)))
    monkeypatch.setattr("stratofold.research.sweep.place.own_hash", lambda: "another way to count")
    assert plain != hash_of(few, made(Above))


class Unsuited(Strategy):
    """Refuses its own defaults, as a space may well suit it."""

    fast = param(20, low=1, high=100)
    slow = param(20, low=1, high=100)

    def setup(self):
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")

    def on_bar(self, bar, book):
        if bar.weekday == self.fast % 5:
            book.target_quantity(bar.symbol, float(self.slow))


def test_a_strategy_that_refuses_its_defaults_is_swept(few):
    study = sweep(Unsuited, few, fast=[1, 2], slow=[5, 9], execution="interpreted")
    assert study.table["error"].null_count() == 4


def test_a_reader_leaves_a_damaged_file_where_it_is(few, tmp_path):
    """Two are damaged: all are looked at, only who has the lock puts one aside, and a disk's error is no damage."""
    goal = tmp_path / "study"
    for length in (5, 9, 12):
        asked(few, goal, length=[length], cash=50_000.0, units=[1.0, 2.0])
    paths = parts_of(goal)
    for path in paths[:2]:
        path.write_bytes(b"PAR1")
    assert len(open_study(goal).notices) == 2
    assert parts_of(goal) == paths
    again = asked(few, goal, length=[5, 9, 12], cash=50_000.0, units=[1.0, 2.0])
    assert (again.reused, again.computed) == (2, 4)
    assert len(list((goal / "cells").glob("*.damaged"))) == 2


def test_a_disk_that_does_not_answer_loses_no_file(few, tmp_path, monkeypatch):
    goal = tmp_path / "study"
    asked(few, goal)

    def no(path):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(pl, "read_parquet_schema", no)
        with pytest.raises(OSError, match="open files"):
            asked(few, goal)
    assert asked(few, goal).reused == 2, "the lock was let go, and the file is there"


ROOM = {"full": 0, "roomy": 1 << 30}


@pytest.mark.parametrize(
    ("wrong", "room", "mend"),
    [
        (OSError(28, "No space left on device"), "full", "make room"),
        (OSError(30, "Read-only file system"), "roomy", "can be written"),
        (pl.exceptions.ComputeError("parquet: Invalid thrift: transport error"), "full", "make room"),
        (pl.exceptions.ComputeError("parquet: out of specification"), "roomy", "can be written"),
    ],
)
def test_what_the_disk_says_is_told_with_what_mends_it(few, tmp_path, monkeypatch, wrong, room, mend):
    """On a full disk polars speaks of thrift."""

    def no(frame, path, **options):
        path.write_bytes(b"PAR1")
        raise wrong

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=ROOM[room]))
    monkeypatch.setattr(pl.DataFrame, "write_parquet", no)
    with pytest.raises(Stop) as error:
        asked(few, tmp_path / "study")
    assert error.value.code == "SFS18"
    assert mend in error.value.fix
    assert not list((tmp_path / "study").rglob("*.half"))


def test_a_study_is_read_by_who_writes_it_after_the_one_before(few, tmp_path):
    goal = tmp_path / "study"
    (goal).mkdir()
    (goal / "study.json.half").write_text("{", encoding="utf-8")  # killed while it wrote its first page
    asked(few, goal)
    assert not list(goal.rglob("*.half"))
    writer = Store(goal, writes=True)
    with pytest.raises(Setup) as error:
        Store(goal, writes=True)
    assert error.value.code == "SFS25"
    writer.unlock()
