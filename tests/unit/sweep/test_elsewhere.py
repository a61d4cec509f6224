"""Workers elsewhere: what they need, what becomes of those that die, forget or are late, and who pays."""

from functools import partial
from math import nan

import pytest

import stratofold
from stratofold import sweep
from stratofold.errors import Setup, Stop
from stratofold.research.prepare import Options
from stratofold.research.sweep.cells import Cells
from stratofold.research.sweep.executors import foreman
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import DIED, Foreman
from stratofold.research.sweep.executors.money import Purse, Tariff, dollars
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.windows import chains_of
from stratofold.research.sweep.executors.work import Plan, Work
from stratofold.research.sweep.place import places_of
from stratofold.research.sweep.rows import Finished, frame_of
from stratofold.strategies import Crossover, DonchianBreakout
from tests.patience import PATIENCE_SECONDS
from tests.unit.sweep.hands import Hands, Pool
from tests.unit.sweep.strategies import Above, Poisonous

LENGTHS = [5, 9, 12, 20, 30, 40, 50]


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")


def crew(folder, hands, execution="compiled", purse=None, seconds=0.0):
    plan = Plan(workers=2, seconds=seconds, seconds_max=30.0, limit_seconds=300.0)
    return Elsewhere(Folder(folder), hands, plan, execution, "native", purse or Purse(None))


def carried(crew_, places, work):
    """Every cell that came back, by its name: figures and error."""
    rows = {}
    for piece, cells in Foreman(crew_, places).run(work):
        frame = frame_of([Finished(places[piece.place], piece, cells)])
        for row in frame.to_dicts():
            assert row["cell"] not in rows
            rows[row["cell"]] = row
    return rows


@pytest.fixture(scope="module")
def pool():
    found = Pool(2)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nothing is late for being slow."""
    monkeypatch.setattr(foreman, "_LATE_SECONDS_MIN", PATIENCE_SECONDS)
    monkeypatch.setattr(foreman, "_LATE_SECONDS_MIN_OF_MANY", PATIENCE_SECONDS)


@pytest.fixture
def hands(tmp_path, pool):
    found = Hands(tmp_path, pool)
    yield found
    found.stop()


def above(market, lengths=LENGTHS):
    return places_of([Above], market, Options()), [Work(0, tuple({"length": n, "units": 10.0} for n in lengths))]


def same(rows, study):
    """Whether these are the study's cells, to the bit."""
    wanted = {row["cell"]: repr(row) for row in study.table.to_dicts()}
    assert {name: repr(row) for name, row in rows.items()} == wanted


def test_a_worker_with_numpy_alone_gives_every_cell_to_the_bit(market, hands):
    """No compiler, no frames, nothing of the user's: the kernel and the columns come to it; two of them, in any order."""
    places = places_of([Crossover], market, Options(), each_symbol=True)
    usual = {name: each.default for name, each in Crossover.parameters().items()}
    sets = tuple(usual | {"fast": fast} for fast in LENGTHS)
    crew_ = crew(hands.folder, hands)
    rows = carried(crew_, places, [Work(0, sets), Work(1, sets)])
    same(rows, sweep(Crossover, market, fast=LENGTHS, each_symbol=True, execution="compiled"))
    assert not crew_.notices
    assert hands.deaths == 0


@pytest.mark.nightly
def test_what_is_taped_here_is_computed_there(market, hands):
    """A worker has no compiler, so none of a kernel with tapes; its cells are the same."""
    places = places_of([DonchianBreakout], market, Options())
    usual = {name: each.default for name, each in DonchianBreakout.parameters().items()}
    sets = tuple(usual | {"entry": entry} for entry in LENGTHS)
    crew_ = crew(hands.folder, hands)
    rows = carried(crew_, places, [Work(0, sets)])
    same(rows, sweep(DonchianBreakout, market, entry=LENGTHS, execution="compiled"))
    assert not crew_.notices


def test_what_a_killed_driver_had_done_is_found_by_the_next(market, hands):
    """Answers lie on the shelf; of a longer list only the rest is done."""
    places, work = above(market, LENGTHS[:4])
    carried(crew(hands.folder, hands, "interpreted"), places, work)
    before = len(hands.orders)
    places, work = above(market)
    rows = carried(crew(hands.folder, hands, "interpreted"), places, work)
    same(rows, sweep(Above, market, length=LENGTHS, execution="interpreted"))
    done = sum(each["bytes"] for each in hands.orders[before:])
    assert done < sum(each["bytes"] for each in hands.orders[:before]) / 1.2


def test_cells_that_kill_their_worker_are_found_one_by_one(market, hands):
    """Every other cell is as if nothing had happened."""
    lengths = list(range(5, 10))
    usual = {"units": 10.0}
    sets = [{"length": n, **usual, "poison": 2 if n == 7 else n % 2} for n in lengths]
    places = places_of([Poisonous], market, Options())
    rows = carried(crew(hands.folder, hands, "interpreted", seconds=9.0), places, [Work(0, tuple(sets))])
    dead = {row["length"] for row in rows.values() if row["error"] == DIED}
    assert dead == {7}
    alive = {name: row for name, row in rows.items() if row["error"] != DIED}
    study = sweep(Poisonous, market, length=lengths, poison=[0, 1], execution="interpreted")
    wanted = {row["cell"]: repr(row) for row in study.table.to_dicts()}
    assert all(repr(row) == wanted[name] for name, row in alive.items())
    assert len(rows) == 5
    assert hands.deaths == 4  # twice all five, then the half it is in, then it alone


def test_what_an_engine_forgets_is_sent_again(market, tmp_path, pool, monkeypatch):
    """Nobody ever says that the third order ended: when all else is done and nothing comes, a copy goes out."""

    def patience(self, total):
        """A tenth of a second once everything else is back, and for ever otherwise: the first piece goes out by itself."""
        return 0.1 if total > 1 and len(self._waiting) == 1 and not self._copied else PATIENCE_SECONDS

    monkeypatch.setattr(foreman.Foreman, "_patience", patience)
    monkeypatch.setattr(foreman, "_WAIT_SECONDS", 0.1)
    hands = Hands(tmp_path, pool, forget=[2])
    places, work = above(market)
    rows = carried(crew(tmp_path, hands, "interpreted"), places, work)
    same(rows, sweep(Above, market, length=LENGTHS, execution="interpreted"))
    goals = [each["goal"] for each in hands.orders]
    assert goals.count(goals[2]) == 2
    assert len(goals) == len(set(goals)) + 1


def test_a_worker_of_another_version_is_refused_in_its_own_words(market, hands, monkeypatch):
    """Its fold may round otherwise, so its cells would be another program's."""
    monkeypatch.setattr("stratofold.research.sweep.executors.elsewhere.program_hash", lambda: "0" * 64)
    places, work = above(market, [6])
    with pytest.raises(Setup) as refused:
        carried(crew(hands.folder, hands, "interpreted"), places, work)
    assert refused.value.code == "SFS65"


def test_a_strategy_that_needs_what_a_worker_lacks_is_told_so(market, hands, tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text(
        "import typer\nfrom tests.unit.sweep.strategies import Above\nclass Needy(Above):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import needy

    places = places_of([needy.Needy], market, Options())
    with pytest.raises(Setup) as refused:
        carried(crew(hands.folder, hands, "interpreted"), places, [Work(0, ({"length": 5, "units": 10.0},))])
    assert refused.value.code == "SFS64"
    assert "typer" in refused.value.why


def test_a_strategy_of_a_script_is_refused_before_anything_is_sent(market, hands):
    """A worker that imported the script would run it."""
    scripted = type("Scripted", (Above,), {"__module__": "__main__"})
    places = places_of([scripted], market, Options())
    with pytest.raises(Setup) as refused:
        carried(crew(hands.folder, hands, "interpreted"), places, [Work(0, ({"length": 5, "units": 10.0},))])
    assert (refused.value.code, hands.orders) == ("SFS63", [])


@pytest.mark.nightly
def test_a_users_file_and_what_it_imports_travel_with_their_kernel(market, hands, tmp_path, monkeypatch):
    """It is compiled here, and its source there hashes to the same."""
    (tmp_path / "aid.py").write_text("TIMES = 3\n\ndef wide(value):\n    return value * TIMES\n")
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    import own

    places = places_of([own.Own], market, Options())
    crew_ = crew(hands.folder, hands)
    rows = carried(crew_, places, [Work(0, tuple({"length": length} for length in LENGTHS))])
    assert not crew_.notices
    same(rows, sweep(own.Own, market, length=LENGTHS, execution="compiled"))


OWN = """
from stratofold import Strategy, param
from stratofold.indicators import SMA
from aid import wide

class Own(Strategy):
    length = param(4, low=2, high=90)

    def setup(self):
        self.average = self.per_symbol(SMA, self.length)

    def on_bar(self, bar, book):
        mean = self.average[bar.symbol].update(bar.close)
        book.target_quantity(bar.symbol, wide(1.0) if bar.close > mean else 0.0)
"""

DEAR = Tariff(second_usd=1.0, piece_usd=0.001, look_usd=0.0, overhead_seconds=5_000.0)


@pytest.mark.parametrize(
    ("budget", "spent", "code"),
    [(0.0, 0.0, "SFS67"), ("much", 0.0, "SFS67"), (-1.0, 0.0, "SFS67"), (nan, 0.0, "SFS67"), (2.0, 2.5, "SFS68")],
)
def test_a_budget_that_buys_nothing_or_is_spent_is_refused_before_anything_runs(budget, spent, code):
    with pytest.raises(Setup) as refused:
        Purse(DEAR, budget, spent)
    assert refused.value.code == code


def test_amounts_are_shown_however_small():
    amounts = (0.0, 0.0000001234, 0.0123, 1234.5)
    assert [dollars(each) for each in amounts] == ["$0.0000", "$0.00000012", "$0.0123", "$1,234.5000"]


def test_a_budget_needs_a_price():
    with pytest.raises(Setup) as refused:
        Purse(None, 1.0)
    assert refused.value.code == "SFS67"


def test_what_the_rest_would_cost_is_known_before_it_is_sent(market, hands):
    """The first cells were paid, and are kept."""
    purse = Purse(DEAR, 9_000.0)
    places, work = above(market)
    with pytest.raises(Stop) as stopped:
        carried(crew(hands.folder, hands, "interpreted", purse), places, work)
    assert stopped.value.code == "SFS69"
    assert len(hands.orders) == 1
    assert 5_000.0 < purse.spent_usd < 9_000.0


def test_a_cell_that_takes_too_long_is_heard_in_windows_by_several_workers(market, hands, monkeypatch):
    """Each goes on from the state of the one before, in another process; the cells are the same to the bit."""
    crew_ = crew(hands.folder, hands)
    monkeypatch.setattr(Plan, "limit", 0.0)
    crew_.plan = Plan(workers=2, seconds=0.0, seconds_max=1e-9, limit_seconds=60.0)
    places = places_of([Crossover], market, Options())
    usual = {name: each.default for name, each in Crossover.parameters().items()}
    monkeypatch.setattr("stratofold.research.sweep.executors.foreman.chains_of", partial(_thirds, chains_of))
    work = [Work(0, tuple(usual | {"fast": fast} for fast in LENGTHS))]
    rows = carried(crew_, places, work)
    same(rows, sweep(Crossover, market, fast=LENGTHS, execution="compiled"))
    windows = [(each["keep"] > 0, each["ends"]) for each in hands.orders[1:]]
    assert windows.count((True, False)) == 2 * windows.count((False, True)) == 4


def _thirds(chains, place, whole, cell_seconds, seconds):
    """Chains of three windows, however long a cell takes."""
    return chains(place, whole, 3.0, 1.0)


def test_a_window_that_left_no_state_is_followed_by_the_whole(market):
    """Machine code had left it to Python: it is tried as one piece, and that is the last."""
    places, work = above(market, [5])
    (chain,) = chains_of(places[0], work[0], 4.0, 1.0)
    assert len(chain) == 4
    assert (chain.first.leg.ends, chain.first.sets) == (False, work[0].sets)
    second = chain.after(Cells({}, [""], states=[b"state"]))
    assert second.leg.begun == (b"state",)
    assert second.leg.keep > chain.whole.leg.keep
    assert chain.after(Cells({}, [""], states=[b""])) is chain.whole
    assert chain.after(Cells({}, [""], states=[])) is None


def test_no_piece_is_planned_beyond_most_of_the_time_that_a_worker_has(market):
    places, _ = above(market)
    bars = len(market)
    sets = tuple({"length": n, "units": 1.0} for n in range(2, 402))
    plan = Plan(workers=10, seconds=5.0, seconds_max=30.0, limit_seconds=20.0)
    for cell_seconds, count in ((1.0, 10), (2.0, 8), (10.0, 1), (0.01, 400)):
        pieces = plan.cut(places, [Work(0, sets)], cell_seconds / bars)
        assert max(len(piece.sets) for piece in pieces) == count
        assert max(len(piece.sets) for piece in pieces) * cell_seconds <= 16.0
        assert [each for piece in pieces for each in piece.sets] == list(sets)
    with pytest.raises(Setup) as refused:
        plan.cut(places, [Work(0, sets)], 17.0 / bars)
    assert refused.value.code == "SFS60"
