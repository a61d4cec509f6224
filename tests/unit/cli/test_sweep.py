"""`stratofold sweep` and `stratofold study` as a person meets them."""

import json

import pytest

import stratofold
from stratofold.cli.app import run
from stratofold.cli.load import load_strategy
from tests.unit.cli.test_commands import CROSSOVER

SPACE = ["--fast", "5:15:5", "--slow", "20,30", "--where", "fast < slow", "--execution", "interpreted"]
SHORT = ["--symbols", "SPY", "--start", "2015-01-01", "--end", "2015-06-30"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a strategy in it, where we stand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crossover.py").write_text(CROSSOVER)
    return tmp_path


def test_a_sweep_is_ranked_kept_and_asked_again(folder, capsys):
    assert run(["sweep", "crossover.py", *SPACE, *SHORT, "--report", "page.html"]) == 0
    out, err = capsys.readouterr()
    assert "6 cells (6 computed now, 0 known)" in out
    assert "Deflated Sharpe" in out
    assert "6 of 6 cells" in err
    assert (folder / "page.html").read_text().startswith("<!doctype html>")
    assert run(["sweep", "crossover.py", *SPACE, *SHORT, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["cells"], answer["computed"], answer["reused"]) == (6, 0, 6)
    assert answer["luck"]["trials"] == 6
    best = answer["best"][0]

    assert run(["study", "best", "crossover", "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert best["cell"][:8] in out
    assert run(["study", "ls"]) == 0
    assert "crossover  6" in capsys.readouterr().out
    assert run(["study", "sql", "crossover", "select max(sharpe) s from cells", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [[best["sharpe"]]]
    assert run(["study", "compare", "crossover", "studies/crossover", "--by=-max_drawdown", "--json"]) == 0
    one, other = json.loads(capsys.readouterr().out)["studies"]
    assert one == other
    assert one["best"] <= one["median"] <= one["worst"]
    assert run(["study", "report", "crossover"]) == 0
    assert (folder / "crossover.html").exists()


def test_objectives_are_given_with_commas_or_again_and_again(folder, capsys):
    words = ["sweep", "crossover.py", *SPACE, *SHORT, "--study", "./mine"]
    assert run([*words, "--objective", "sharpe", "--objective=-max_drawdown,trades", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objective"] == ["sharpe", "-max_drawdown", "trades"]
    assert run(words) == 0
    assert "kept in mine: stratofold study best mine" in capsys.readouterr().out
    assert (folder / "mine" / "study.json").exists()


@pytest.mark.parametrize(("verb", "words"), [("sweep", []), ("walk-forward", ["--train", "60", "--test", "30"])])
def test_a_page_that_cannot_be_written_loses_nothing_else(folder, capsys, verb, words):
    words = ["--fast", "5,10", "--slow", "20", *words, *SHORT, "--execution", "interpreted"]
    assert run([verb, "crossover.py", *words, "--report", "nowhere/page.html"]) == 2
    out, err = capsys.readouterr()
    assert "Sharpe" in out
    assert "SF502" in err


def test_windows_symbols_and_bounds_are_typed(folder, capsys):
    words = ["--slow", "20..21", "--fast", "5", "--execution", "interpreted", "--each-symbol", "--symbols", "SPY,AAPL"]
    days = ["--window", "2015-01-01..2015-03-31", "--window", "2015-04-01..2015-06-30"]
    assert run(["sweep", "crossover.py", *words, *days, "--study", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"] == 8


def test_strategies_are_ranked_together(folder, capsys):
    (folder / "held.py").write_text(HELD)
    words = ["--fast", "5,10", "--slow", "20", "--share", "0.5,0.9", "--execution", "interpreted", *SHORT, "--json"]
    assert run(["sweep", "crossover.py", "--also", "held.py", *words]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {row["strategy"] for row in answer["best"]} == {"Crossover", "Held"}
    assert answer["cells"] == 4
    assert run(["sweep", "crossover.py", *words]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SF725"


HELD = """
from stratofold import Strategy, param

class Held(Strategy):
    share = param(0.5, low=0.0, high=1.0)

    def on_bar(self, bar, book):
        book.target_weight(bar.symbol, self.share, drift=0.1)
"""


def test_what_is_known_counts_among_the_best_so_far(folder, capsys):
    words = ["sweep", "crossover.py", "--slow", "20", "--execution", "interpreted", *SHORT]
    assert run([*words, "--fast", "18,15"]) == 0
    best = capsys.readouterr().err.splitlines()[-1].partition("best ")[2].partition(")")[0]
    assert run([*words, "--fast", "18,15,5"]) == 0
    out, err = capsys.readouterr()
    assert "1 computed now, 2 known" in out
    assert best in err


def test_costs_and_open_windows_are_typed(folder, capsys):
    words = ["--fast", "5,10", "--slow", "20", "--execution", "interpreted", *SHORT, "--study", "mine"]
    costs = ["--cost", "stated", "--cost", "dear:fees.per_share=0.5,slippage.proportional=0.01,cash=50000"]
    days = ["--window", "2015-04-01..", "--window", "..2015-03-31"]
    assert run(["sweep", "crossover.py", *words, *costs, *days, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"] == 8
    query = 'select costs, sum(fees) f, min("window") w from cells group by costs order by f'
    assert run(["study", "sql", "mine", query, "--json"]) == 0
    free, dear = json.loads(capsys.readouterr().out)["rows"]
    assert free == ["stated", 0.0, "from 2015-04-01"]
    assert dear[0] == "dear"
    assert dear[1] > 0.0


def test_a_walk_is_typed_and_is_the_one_of_the_library(folder, capsys):
    words = ["--fast", "5,10", "--slow", "20,30", "--execution", "interpreted", "--train", "60", "--test", "20"]
    asked = ["walk-forward", "crossover.py", *words, *SHORT]
    assert run([*asked, "--fees", "per_share=0.01", "--json", "--report", "walk.html"]) == 0
    answer = json.loads(capsys.readouterr().out)
    walk = stratofold.walk_forward(
        load_strategy("crossover.py"), stratofold.sample("SPY"), train=60, test=20, start="2015-01-01", end="2015-06-30",
        fast=[5, 10], slow=[20, 30], fees=stratofold.Fees(per_share=0.01), execution="interpreted",
    )  # fmt: skip
    assert answer["out_of_sample"] == walk.stats
    assert [each["parameters"] for each in answer["stretches"]] == [dict(each.parameters) for each in walk.stretches]
    assert (folder / "walk.html").read_text().startswith("<!doctype html>")
    assert run([*asked, "--fees", "per_share=0.01"]) == 0
    assert "out of sample: Sharpe" in capsys.readouterr().out
    assert run([*asked, "--train", "500", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SFS43"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SFS03", ["--fast", "5:x"]),
        ("SFS31", ["--fast", "5,6", "--window", "2015"]),
        ("SFS31", ["--fast", "5,6", "--window", ".."]),
        ("SFS34", ["--fast", "5,6", "--cost", "dear:fees.per_share"]),
        ("SFS34", ["--fast", "5,6", "--cost", "dear:fee.per_share=1"]),
        ("SFS16", ["--fast", "5,6", "--cost", "dear:fee=1"]),
        ("SF711", ["--fast", "5,6", "--cost", "dear:fees.per_shares=1"]),
        ("SFS05", ["--fast", "30:60:10", "--slow", "20", "--where", "fast < slow"]),
        ("SFS24", ["--fast", "5"]),
        ("SF725", ["--fats", "5,6"]),
        ("SF102", ["--fast", "5:100:5"]),
        ("SFS13", ["--fast", "5,6", "--objective", "luck"]),
        ("SFS06", ["--fast", "5,6", "--sampler", "gird"]),
        ("SFS22", ["--fast", "5,6", "--executor", "cloud"]),
    ],
)
def test_what_is_typed_wrong_is_told(folder, capsys, code, words):
    assert run(["sweep", "crossover.py", *words, *SHORT, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == code


def test_what_is_wrong_with_a_cost_is_found_where_it_was_typed(folder, capsys):
    assert run(["sweep", "crossover.py", "--fast", "5,6", "--cost", "dear:fees.per_shares=1", *SHORT, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["where"] == "--cost fees.per_shares"


@pytest.mark.parametrize("verb", ["sweep", "walk-forward"])
def test_help_offers_no_execution_that_cells_do_not_have(capsys, verb):
    assert run([verb, "--help"]) == 0
    assert "frozen" not in capsys.readouterr().out


def test_a_study_that_is_not_there_is_told(folder, capsys):
    assert run(["study", "best", "nothing"]) == 2
    assert "SFS19" in capsys.readouterr().err
    assert run(["study", "ls"]) == 0
    assert "no study" in capsys.readouterr().out


def test_a_study_that_cannot_be_read_hides_no_other_and_its_cells_are_found_again(folder, capsys):
    assert run(["sweep", "crossover.py", *SPACE, *SHORT]) == 0
    (folder / "studies" / "torn").mkdir()
    (folder / "studies" / "torn" / "study.json").write_text('{"format": 1')
    capsys.readouterr()
    assert run(["study", "ls"]) == 0
    out, err = capsys.readouterr()
    assert "crossover  6" in out
    assert "the study 'torn' cannot be read" in err
    (folder / "studies" / "crossover" / "study.json").write_text("")
    assert run(["sweep", "crossover.py", *SPACE, *SHORT]) == 2
    assert "take study.json away" in capsys.readouterr().err
    (folder / "studies" / "crossover" / "study.json").unlink()
    assert run(["sweep", "crossover.py", *SPACE, *SHORT]) == 0
    assert "0 computed now, 6 known" in capsys.readouterr().out


def test_an_interruption_says_that_nothing_is_lost(folder, capsys, monkeypatch):
    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("stratofold.research.sweep.executors.work.Bench.run", interrupted)
    assert run(["sweep", "crossover.py", *SPACE, *SHORT]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_stress_runs_a_strategy_and_shows_its_tables(folder, capsys):
    assert run(["stress", "crossover.py", *SHORT, "--fast", "5", "--out", "stress.html"]) == 0
    out = capsys.readouterr().out
    assert "1987: one day" in out
    assert "report:" in out
    assert (folder / "stress.html").exists()
    for said, code in (("SPY=stock", "SFS93"), ("SPY", "SFS93"), ("TLT=bond", "SFS92")):
        assert run(["stress", "crossover.py", *SHORT, "--class", said, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == code
