"""What is sent again is paid again, and asked for first; what a killed driver has sent is neither sent nor lost."""

from itertools import count

import pytest

import stratofold
from stratofold.errors import Stop
from stratofold.research.prepare import Options
from stratofold.research.sweep.cells import Cells, Leg
from stratofold.research.sweep.executors import foreman
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import Foreman, Heard
from stratofold.research.sweep.executors.left import _NOTES
from stratofold.research.sweep.executors.money import Purse, Tariff
from stratofold.research.sweep.executors.shelf import Folder
from stratofold.research.sweep.executors.work import Plan, Work
from stratofold.research.sweep.executors.worker import perform
from stratofold.research.sweep.place import places_of
from tests.unit.sweep.strategies import Above

LENGTHS = range(5, 21)
PIECE_USD, SECOND_USD = 1.0, 1e-9


class Here:
    """Does orders in this process when it is asked which are over; `fate` of an order's number: "dies", "is late", or fine."""

    def __init__(self, folder, fate=None):
        self.shelf, self.fate = Folder(folder), fate or {}
        self.orders = []
        self.waiting = []

    def start(self, orders):
        self.waiting += [(len(self.orders) + k, each) for k, each in enumerate(orders)]
        self.orders += orders

    def ended(self):
        over, late = set(), []
        for number, order in self.waiting:
            fate = self.fate.get(number)
            if fate == "is late":
                late.append((number, order))
                continue
            if fate != "dies":
                perform(self.shelf, order)
            over.add(order["goal"])
        self.waiting = late
        return over

    def stop(self):
        pass


@pytest.fixture(scope="module")
def places():
    return places_of([Above], stratofold.sample("SPY", start="2014-06-02", end="2014-08-29"), Options())


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    for name in ("_LATE_SECONDS_MIN", "_LATE_SECONDS_MIN_OF_MANY", "_WAIT_SECONDS"):
        monkeypatch.setattr(foreman, name, 0.02)


def work(lengths=LENGTHS):
    return [Work(0, tuple({"length": length, "units": 10.0} for length in lengths))]


def crew(folder, sender, budget=None):
    plan = Plan(workers=2, seconds=0.0, seconds_max=30.0, limit_seconds=300.0)
    return Elsewhere(
        Folder(folder), sender, plan, "interpreted", "native", Purse(Tariff(SECOND_USD, PIECE_USD), budget)
    )


def done(crew_, places, work):
    return {each["length"] for piece, _ in Foreman(crew_, places).run(work) for each in piece.sets}


@pytest.mark.parametrize(
    ("fate", "more"), [({}, 0), ({2: "dies"}, 1), ({3: "is late"}, 1), ({1: "dies", 2: "is late"}, 2)]
)
def test_every_order_that_was_sent_is_paid(places, tmp_path, fate, more):
    """One that died, and the copy of one that was late, have run somewhere too."""
    crew_ = crew(tmp_path, sender := Here(tmp_path, fate))
    assert done(crew_, places, work()) == set(LENGTHS)
    names = [each["name"] for each in sender.orders]
    assert len(names) - len(set(names)) == more
    assert crew_._purse.spent_usd == pytest.approx(PIECE_USD * len(names), abs=1e-3)


def test_what_was_lost_is_sent_again_only_where_there_is_money(places, tmp_path):
    """The whole costs 12 dollars, and a thirteenth order is one too many."""
    enough = 12.5
    done(crew(tmp_path / "lucky", Here(tmp_path / "lucky"), enough), places, work())
    crew_ = crew(tmp_path, Here(tmp_path, {2: "dies"}), enough)
    with pytest.raises(Stop) as stopped:
        done(crew_, places, work())
    assert stopped.value.code == "SFS69"
    assert crew_._purse.spent_usd <= enough


def test_a_copy_of_what_is_late_is_left_out_where_there_is_no_money(places, tmp_path, monkeypatch):
    """It is waited for as long again, and comes."""
    sender = Here(tmp_path, {4: "is late"})
    enough = 12.5  # five cells first, then eleven pieces of one
    silent = count()
    ended = sender.ended

    def sooner_or_later():
        if next(silent) > 5:
            sender.fate.clear()
        return ended()

    monkeypatch.setattr(sender, "ended", sooner_or_later)
    monkeypatch.setattr(foreman, "_LATE_SECONDS_MIN", 0.3)
    crew_ = crew(tmp_path, sender, enough)
    assert done(crew_, places, work()) == set(LENGTHS)
    assert len(sender.orders) == int(crew_._purse.spent_usd + 0.5) <= enough


class Killed(Exception):
    """The driver."""


class Dying(Here):
    """The driver dies when it has sent everything; its workers do not know."""

    def ended(self):
        if len(self.orders) > 1:
            raise Killed
        return super().ended()


def killed(folder, places, monkeypatch):
    sender = Dying(folder)
    crew_ = crew(folder, sender)
    monkeypatch.setattr(crew_, "end", lambda: None)
    with pytest.raises(Killed):
        done(crew_, places, work())
    return sender


class Beside(Here):
    """Other workers, beside which those of the driver before go on."""

    def __init__(self, folder, before):
        super().__init__(folder)
        self.before = before

    def ended(self):
        Here.ended(self.before)
        return super().ended()


def test_what_a_killed_driver_has_sent_is_waited_for_and_paid_once(places, tmp_path, monkeypatch):
    before = killed(tmp_path, places, monkeypatch)
    crew_ = crew(tmp_path, after := Beside(tmp_path, before))
    more = [*LENGTHS, 40, 41]
    assert done(crew_, places, work(more)) == set(more)
    sent = [each["name"] for each in after.orders]
    assert not set(sent) & {each["name"] for each in before.orders}
    assert sent
    under_way = len(before.orders) - 1  # the first was heard, and its five cells are found on the shelf
    assert crew_._purse.spent_usd == pytest.approx(PIECE_USD * (1 + under_way + len(sent)), abs=1e-3)
    done(third := crew(tmp_path, Here(tmp_path)), places, work(more))
    assert third._purse.spent_usd == 0.0


def test_workers_that_died_with_their_driver_are_waited_for_a_while(places, tmp_path, monkeypatch):
    """Then what they were at is sent again."""
    before = killed(tmp_path, places, monkeypatch)
    crew_ = crew(tmp_path, after := Here(tmp_path))
    assert done(crew_, places, work([*LENGTHS, 40])) == {*LENGTHS, 40}
    assert {each["name"] for each in before.orders[1:]} < {each["name"] for each in after.orders}


def test_a_driver_that_ends_says_so(places, tmp_path):
    done(crew(tmp_path, sender := Here(tmp_path)), places, work())
    notes = Folder(tmp_path).names(f"{_NOTES}/")
    assert notes[-1].endswith("/over")
    assert len(notes) == 3  # the first cells, the rest, and the end
    next(iter((tmp_path / "answers").rglob(sender.orders[-1]["name"]))).unlink()
    done(crew(tmp_path, after := Here(tmp_path)), places, work())
    assert [each["name"] for each in after.orders] == [sender.orders[-1]["name"]]


def test_an_answer_is_read_once_in_all_rounds_of_a_sampler(places, tmp_path, monkeypatch):
    """Also what was there before and is wanted only later."""
    done(crew(tmp_path, Here(tmp_path)), places, work())
    crew_ = crew(tmp_path, after := Here(tmp_path))
    read = []
    get = crew_._shelf.get
    monkeypatch.setattr(crew_._shelf, "get", lambda name, *part: read.append(name) or get(name, *part))
    for lengths in ([5, 6], [50, 51], [7, 8], [60], [19, 20]):
        assert done(crew_, places, work(lengths)) == set(lengths)
    assert len(after.orders) == 2
    assert len(read) == len(set(read))


class Counted:
    """A crew that takes a second a cell from the beginning, and a hundredth from a state; it notes what it was sent."""

    shares_fate = False

    def __init__(self):
        self.plan = Plan(workers=4, seconds=5.0, seconds_max=30.0, limit_seconds=300.0)
        self.pieces, self.waiting = [], {}

    def begin(self, places, work):
        pass

    def found(self, work):
        return iter(())

    def under_way(self, work):
        return []

    def await_(self, pieces):
        assert not pieces

    def afford(self, pieces, seconds):
        pass

    def send(self, pieces):
        self.pieces += pieces.values()
        self.waiting |= pieces

    def heard(self, seconds):
        waiting, self.waiting = self.waiting, {}
        for number, piece in waiting.items():
            begun = piece.leg.begun or [b""] * len(piece.sets)
            yield Heard(number, Cells({}, [""] * len(piece.sets)), sum(0.01 if state else 1.0 for state in begun))

    def end(self):
        pass


def test_cells_that_go_on_from_states_say_nothing_of_how_long_whole_ones_take(places):
    """Thirty days' worth of the former are a piece; of the latter five seconds'."""
    sets = work(range(2, 402))[0].sets
    begun = tuple(b"state" if row < 200 else b"" for row in range(400))
    crew_ = Counted()
    rows = [
        each["length"] for piece, _ in Foreman(crew_, places).run([Work(0, sets, Leg(begun))]) for each in piece.sets
    ]
    assert sorted(rows) == list(range(2, 402))
    whole = [len(piece.sets) for piece in crew_.pieces if not any(piece.leg.begun)]
    short = [len(piece.sets) for piece in crew_.pieces if any(piece.leg.begun)]
    assert max(whole) <= 15
    assert short == [5, 195]
