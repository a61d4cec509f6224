"""A study whose market grows: every cell goes on from where it stood, and equals the whole run to the bit."""

from random import Random

import polars as pl
import pytest

import stratofold
from stratofold import Fees, Stop, Strategy, param, sweep
from stratofold.research.sweep.kept import Kept, file_of
from stratofold.research.sweep.states import States
from stratofold.research.sweep.store import Store
from stratofold.strategies import Crossover

DAYS = ("2014-12-24", "2014-12-26", "2015-01-02", "2015-03-31")
SPACE = {"fast": [3, 8], "slow": [20, 40], "fees": Fees(per_share=0.01), "execution": "compiled"}


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2015-03-31")


@pytest.fixture(autouse=True)
def short_cells_too(monkeypatch):
    monkeypatch.setattr("stratofold.research.sweep.states._BARS_MIN", 100)


def files(goal):
    return sorted((goal / "states").glob("*.states"))


@pytest.mark.parametrize("execution", ["compiled", "interpreted"])
def test_a_new_day_extends_every_cell_and_no_figure_differs(market, tmp_path, execution):
    """Four markets, each longer than the last; new parameters begin at the beginning."""
    goal = tmp_path / "study"
    for number, end in enumerate(DAYS):
        grown = SPACE | {"slow": [20, 40, 60]} if number == 2 else SPACE
        study = sweep(Crossover, market.subset(end=end), study=goal, **grown | {"execution": execution})
        whole = sweep(Crossover, market.subset(end=end), **grown)
        assert study.table.equals(whole.table)
        assert study.computed == len(study)
        assert study.continued == (0 if number == 0 else 4)
    assert "4 of them from where they stood" in str(study)
    places = {path.name.partition("-")[0] for path in files(goal)}
    assert len(places) == 2, "what two longer markets have left behind is gone"


class Keeper(Strategy):
    """Buys after a higher close, and holds something beside it."""

    length = param(3, low=2, high=9)

    def setup(self):
        self.before = 0.0
        self.held = self.beside()

    def on_bar(self, bar, book):
        over = bar.close > self.before + 0.1 * self.length * self.asked(bar)
        self.before = bar.close
        book.target_quantity(bar.symbol, 10.0 if over else 0.0)

    def asked(self, bar):
        return 1.0


class Dictionary(Keeper):
    def beside(self):
        return {}

    def asked(self, bar):
        self.held[bar.symbol] = self.held.get(bar.symbol, 0.0) + 1.0
        return self.held[bar.symbol] % 2.0


class Closes(Keeper):
    def beside(self):
        return []

    def asked(self, bar):
        self.held.append(bar.close)
        return len(self.held) % 2.0


class Lucky(Keeper):
    def beside(self):
        return Random(7)

    def asked(self, bar):
        return self.held.random()


class Large(Keeper):
    def beside(self):
        return 1

    def asked(self, bar):
        self.held = self.held * 3 % (1 << 90)
        return self.held % 2


@pytest.mark.parametrize("strategy", [Dictionary, Closes, Lucky, Large])
def test_what_holds_more_than_state_begins_anew(market, tmp_path, strategy):
    """A backtest may hold anything; what cannot be written down, or not as it is, is computed from the beginning."""
    for end in DAYS[:2]:
        study = sweep(
            strategy, market.subset(end=end), study=tmp_path / "study", length=[3, 4], execution="interpreted"
        )
        whole = stratofold.backtest(strategy, market.subset(end=end), length=3, execution="interpreted")
        assert study.table["final_equity"][0] == whole.stats["final_equity"]
        assert study.continued == 0


def test_other_data_costs_or_code_begin_anew(market, tmp_path, monkeypatch):
    goal = tmp_path / "study"
    sweep(Crossover, market.subset(end=DAYS[0]), study=goal, **SPACE)
    mended = market.close.copy()
    mended[20] += 0.01
    other = market.__class__(
        **{name: getattr(market, name) for name in market.__dataclass_fields__} | {"close": mended}
    )
    assert sweep(Crossover, other, study=goal, **SPACE).continued == 0
    assert sweep(Crossover, market, study=goal, **SPACE | {"fees": None}).continued == 0
    assert sweep(Crossover, market.subset(start="2014-06-03"), study=goal, **SPACE).continued == 0
    with monkeypatch.context() as patch:
        patch.setattr("stratofold.research.sweep.place.own_hash", lambda: "another way to count")
        assert sweep(Crossover, market, study=goal, **SPACE).continued == 0
    assert sweep(Crossover, market, study=goal, **SPACE).continued == 4


@pytest.mark.parametrize("execution", ["compiled", "interpreted"])
def test_a_last_bar_that_was_mended_costs_that_bar(market, tmp_path, execution):
    """The last bar is not part of any state, because a vendor may still mend it."""
    market = market.subset(end="2014-11-28")
    close = market.close.copy()
    close[-2:] += 1.0
    mended = market.__class__(
        **{name: getattr(market, name) for name in market.__dataclass_fields__} | {"close": close}
    )
    asked = SPACE | {"execution": execution}
    before = sweep(Crossover, market, study=tmp_path / "study", **asked)
    after = sweep(Crossover, mended, study=tmp_path / "study", **asked)
    assert after.continued == 4
    assert after.table.equals(sweep(Crossover, mended, **SPACE).table)
    assert after.table["final_equity"].to_list() != before.table["final_equity"].to_list()


def test_old_states_make_room(market, tmp_path, monkeypatch):
    goal = tmp_path / "study"
    for fee in (0.01, 0.02, 0.03):
        sweep(Crossover, market.subset(end=DAYS[0]), study=goal, **SPACE | {"fees": Fees(per_share=fee)})
    assert len(files(goal)) == 3
    size = sum(path.stat().st_size for path in files(goal))
    monkeypatch.setattr("stratofold.research.sweep.states._BYTES_MAX", int(2.5 * size))
    study = sweep(Crossover, market.subset(end=DAYS[1]), study=goal, **SPACE)
    kept = {path.name.partition("-")[0] for path in files(goal)}
    assert study.places[0].hash in kept
    assert len(kept) < 4


def test_a_state_that_is_lost_costs_time_alone(market, tmp_path, monkeypatch):
    """One file is damaged, then the disk has no room left for any."""
    goal = tmp_path / "study"
    sweep(Crossover, market.subset(end=DAYS[0]), study=goal, **SPACE)
    (path,) = files(goal)
    path.write_bytes(path.read_bytes()[:60])
    study = sweep(Crossover, market.subset(end=DAYS[1]), study=goal, **SPACE)
    assert study.continued == 0
    assert "begin anew" in str(study)
    assert study.table.equals(sweep(Crossover, market.subset(end=DAYS[1]), **SPACE).table)
    monkeypatch.setattr("stratofold.research.sweep.states._BYTES_MAX", 0)
    for end in DAYS[2:]:
        study = sweep(Crossover, market.subset(end=end), study=goal, **SPACE)
        assert study.continued == 4, "what is there serves, whatever does not join it"
        assert not any(path.name.startswith(study.places[0].hash) for path in files(goal))


def test_a_full_disk_leaves_the_study_as_it_was(market, tmp_path, monkeypatch):
    goal = tmp_path / "study"
    sweep(Crossover, market.subset(end=DAYS[0]), study=goal, **SPACE)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(Stop) as error:
            sweep(Crossover, market.subset(end=DAYS[1]), study=goal, **SPACE)
    assert error.value.code == "SFS18"
    again = sweep(Crossover, market.subset(end=DAYS[1]), study=goal, **SPACE)
    assert (again.computed, again.continued) == (4, 4)


def test_what_is_short_keeps_no_state(market, tmp_path, monkeypatch):
    monkeypatch.setattr("stratofold.research.sweep.states._BARS_MIN", 10_000)
    sweep(Crossover, market, study=tmp_path / "short", **SPACE)
    assert files(tmp_path / "short") == []
    assert States(Store(None))._left > 0


def test_files_of_states_say_what_is_not_whole(tmp_path):
    """Of two states of one name the later counts; a file that is cut, too long or another is refused with words."""
    rows = [("a", b"12345678"), ("b", b""), ("c", b"1" * 16)]
    (tmp_path / "one").write_bytes(file_of(rows))
    (tmp_path / "two").write_bytes(file_of([("c", b"2" * 8)]))
    kept = Kept()
    kept.add(tmp_path / "one")
    kept.add(tmp_path / "two")
    assert (len(kept), kept.get("a"), kept.get("b"), kept.get("c"), kept.get("d")) == (
        3,
        b"12345678",
        b"",
        b"2" * 8,
        b"",
    )
    whole = file_of(rows)
    for other in (
        whole[:10],
        whole[:-1],
        whole + b"1",
        whole[:30],
        b"SFOTHERS" + whole[8:],
        whole.replace(b"a\nb", b"a b"),
    ):
        (tmp_path / "other").write_bytes(other)
        with pytest.raises(ValueError, match="it is"):
            kept.add(tmp_path / "other")
    assert kept.get("a") == b"12345678"
    kept.close()
    spoilt = whole.replace(b"12345678", b"12345679")
    assert spoilt != whole
    (tmp_path / "other").write_bytes(spoilt)
    kept.add(tmp_path / "other")
    assert (kept.get("a"), kept.get("c")) == (b"", b"1" * 16)  # what a disk has spoilt counts as none
    kept.close()
    assert len(kept) == 0
