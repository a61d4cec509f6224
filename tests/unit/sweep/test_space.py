"""What a space, a condition and a sampler mean."""

import sys

import pytest
from scipy.stats import qmc

from stratofold import Setup, Strategy, param
from stratofold.research.sweep.samplers import sampler_of, sobol
from stratofold.research.sweep.space import parse, space_of


class Two(Strategy):
    fast = param(20, low=1, high=60)
    slow = param(50, low=2, high=250)
    stop = param(0.1, low=0.0, high=1.0)
    short = param(False)


def points(sampler="grid", trials=None, where=(), seed=0, **space):
    return sampler_of(space_of(Two, space, where), sampler, trials, seed).ask()


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("5:20:5", [5, 10, 15, 20]),
        ("5:19:5", [5, 10, 15]),
        ("1:3", [1, 2, 3]),
        ("0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("5,10,20", [5, 10, 20]),
        ("0.01..0.2", (0.01, 0.2)),
        ("7", [7]),
        ("true,false", [True, False]),
    ],
)
def test_what_is_typed(text, means):
    assert parse(text) == means


@pytest.mark.parametrize("text", ["5:1:1", "a", "1:2:3:4", "1:5:0", "..", "", "1..2..3"])
def test_what_is_typed_and_means_nothing(text):
    with pytest.raises(Setup) as error:
        parse(text)
    assert error.value.code == "SFS03"


WHY = [
    ("60:5:5", "it goes up, and 5 is below 60"),
    ("5:60:0", "a step is above 0, and this is 0"),
    ("5:60:-5", "a step is above 0, and this is -5"),
    ("0:1e9", "that is 1,000,000,001 values, and 1,000,000 is the most: longer steps, or low..high and --trials"),
    ("a:b", ""),
    ("0:inf", ""),
]


@pytest.mark.parametrize(("text", "why"), WHY)
def test_why_a_range_is_none_is_said(text, why):
    with pytest.raises(Setup) as error:
        parse(text)
    assert (error.value.code, error.value.why) == ("SFS03", why)


def test_what_no_memory_holds_is_refused_before_it_is_made():
    """A grid of a thousand million points was a MemoryError, or, with a condition, never began."""
    for where in ((), "fast < slow"):
        with pytest.raises(Setup) as error:
            points(fast=(1, 60), slow=(2, 250), stop=[k / 10_000 for k in range(10_000)], where=where)
        assert error.value.code == "SFS36"
        assert error.value.what.startswith("the grid has 149,400,000 points")
    assert len(points(trials=3, fast=(1, 60), slow=(2, 250), stop=[k / 10_000 for k in range(10_000)])) == 3
    with pytest.raises(Setup, match="SFS01"):
        points(slow=range(10**12))


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("fast ** 2 < 5", 2),
        ("2 ** -fast < 0.2", 1),
        ("fast * (1 << 3) > 8", 2),
        ("fast ** 99999999 < 3", 0),
        ("9 ** 9 ** 9 ** fast > 3", 0),
        ("(fast << 99999999) > 3", 0),
    ],
)
def test_a_condition_makes_no_number_of_any_length(where, count):
    """A power went on for ever, over each point of the grid."""
    assert len(points(fast=[1, 2, 3], where=where)) == count


def test_the_grid_is_every_allowed_point_the_last_parameter_running_fastest():
    found = points(fast=[10, 20], slow=(19, 22), where="fast < slow")
    assert [(point["fast"], point["slow"]) for point in found] == [
        (10, 19),
        (10, 20),
        (10, 21),
        (10, 22),
        (20, 21),
        (20, 22),
    ]
    assert all(point["stop"] == 0.1 and point["short"] is False for point in found)


def test_a_condition_may_be_a_function_and_there_may_be_several():
    found = points(fast=range(1, 5), slow=range(2, 5), where=["fast < slow", lambda values: values["fast"] % 2 == 0])
    assert [(point["fast"], point["slow"]) for point in found] == [(2, 3), (2, 4)]


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_longer_sample_begins_with_the_shorter_one(sampler):
    space = {"fast": (1, 60), "stop": (0.0, 0.5), "where": "fast > 10"}
    few, many = points(sampler, 20, seed=3, **space), points(sampler, 60, seed=3, **space)
    assert len(many) == 60
    assert many[:20] == few
    assert many != points(sampler, 60, seed=4, **space)
    assert all(10 < point["fast"] <= 60 and 0.0 <= point["stop"] <= 0.5 for point in many)
    assert len({tuple(point.items()) for point in many}) == 60


def test_a_sample_of_a_small_space_ends_with_the_space():
    assert len(points("random", 100, fast=[1, 2, 3], short=[False, True])) == 6
    assert len(points("grid", 4, fast=[1, 2, 3], short=[False, True])) == 4


def test_sobol_is_scipys():
    expected = qmc.Sobol(21, scramble=False, bits=32).random(256)
    numbers = sobol(21)
    for row in expected[1:]:
        assert [value / 2**32 for value in next(numbers)] == row.tolist()


@pytest.mark.parametrize(
    ("code", "ask"),
    [
        ("SFS00", lambda: points(fats=[1])),
        ("SFS01", lambda: points(fast=[])),
        ("SFS01", lambda: points(fast=(1, 2, 3))),
        ("SFS01", lambda: points(fast=(9, 3))),
        ("SF102", lambda: points(fast=[10, 61])),
        ("SF101", lambda: points(fast=[1.5])),
        ("SFS02", lambda: points(stop=(0.1, 0.2))),
        ("SFS04", lambda: points(fast=[1, 2], where="fast <")),
        ("SFS04", lambda: points(fast=[1, 2], where="fast < quick")),
        ("SFS04", lambda: points(fast=[1, 2], where="open('x')")),
        ("SFS04", lambda: points(fast=[1, 2], where="fast << 1")),  # a slip of the finger, and true of everything
        ("SFS04", lambda: points(fast=[1, 2], where="not fast - 1")),
        ("SFS04", lambda: points(fast=[1, 2], where="fast < 'a'")),
        ("SFS04", lambda: points(fast=[1, 2], where="stop << 1 < fast")),
        ("SFS06", lambda: points("guess", 3, fast=[1, 2])),
        ("SFS07", lambda: points("random", fast=[1, 2])),
        ("SFS07", lambda: points("random", 0, fast=[1, 2])),
    ],
)
def test_what_cannot_be_swept(code, ask):
    with pytest.raises(Setup) as error:
        ask()
    assert error.value.code == code
    assert error.value.fix


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("short", 2),
        ("not short and fast > 1", 1),
        ("1 <= fast < 2 or (short and fast > 1)", 3),
        ("1 / (fast - 1) > 0", 2),
    ],
)
def test_a_condition_is_a_truth_or_put_together_of_truths(where, count):
    """What cannot be divided does not hold."""
    assert len(points(fast=[1, 2], short=[False, True], where=where)) == count


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2"])
def test_optuna_asks_within_the_space_and_comes_near(name):
    pytest.importorskip("optuna")
    space = space_of(Two, {"fast": (1, 60), "stop": (0.0, 1.0), "short": [False, True]}, "fast > 5")
    goals = 2 if name == "nsga2" else 1
    sampler = sampler_of(space, name, 150, 1, goals)
    best, seen = -1e9, 0
    while found := sampler.ask():
        values = [-abs(point["fast"] - 40) - 10 * abs(point["stop"] - 0.5) for point in found]
        assert all(5 < point["fast"] <= 60 for point in found)
        sampler.tell([[value] * goals if seen else [float("nan")] * goals for value in values])
        best, seen = max(best, *values), seen + len(found)
    assert seen == 150
    assert best > -4


@pytest.mark.parametrize(("name", "needed"), [("tpe", "optuna"), ("cmaes", "optuna"), ("cmaes", "cmaes")])
def test_what_a_sampler_needs_is_asked_for_before_anything_runs(monkeypatch, name, needed):
    """Optuna itself misses CMA-ES only at the second round."""
    monkeypatch.setitem(sys.modules, needed, None)
    with pytest.raises(Setup) as error:
        sampler_of(space_of(Two, {"fast": (1, 60)}, ()), name, 30, 1, 1)
    assert (error.value.code, needed in error.value.what) == ("SFS09", True)


def test_optuna_learns_early_and_a_longer_sample_begins_with_the_shorter():
    """Thirty trials in one round would be thirty guesses."""
    pytest.importorskip("optuna")
    space = space_of(Two, {"fast": (1, 60), "stop": (0.0, 1.0)}, ())
    told = []
    for trials in (30, 37):
        sampler, rounds = sampler_of(space, "tpe", trials, 1, 1), []
        while found := sampler.ask():
            rounds.append(found)
            sampler.tell([[-abs(point["fast"] - 40)] for point in found])
        told.append(rounds)
    short, long = told
    assert [len(each) for each in long] == [10, 10, 10, 7]
    assert long[:3] == short
    errors = [sum(abs(point["fast"] - 40) for point in each) / len(each) for each in long]
    assert min(errors[1:]) < errors[0] / 1.5
