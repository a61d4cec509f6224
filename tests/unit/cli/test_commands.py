"""The commands as a person meets them: what they print, what they write, which code they end with."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stratofold.cli.app import run

CROSSOVER = """
from stratofold import Strategy, param
from stratofold.indicators import SMA


class Crossover(Strategy):
    fast = param(20, low=5, high=60)
    slow = param(50, low=20, high=250)

    def setup(self):
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)

    def on_bar(self, bar, book):
        fast = self.fast_average[bar.symbol].update(bar.close)
        slow = self.slow_average[bar.symbol].update(bar.close)
        if fast > slow:
            book.target_weight(bar.symbol, 1.0 / self.symbol_count)
        elif fast < slow:
            book.target_weight(bar.symbol, 0.0)
"""
RAISES = """
from stratofold import Strategy


class Raises(Strategy):
    def on_bar(self, bar, book):
        if bar.close > 230:
            raise ValueError("too dear")
"""
PEEKS = """
from stratofold import Strategy, sample

CLOSES = [float(close) for close in sample("SPY").close]


class Peeks(Strategy):
    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        rises = self.count < len(CLOSES) and CLOSES[self.count] > bar.close
        book.target_weight(bar.symbol, 1.0 if rises else 0.0)
"""
SHORT = ["--symbols", "SPY", "--start", "2015-01-01", "--end", "2016-12-31"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with a few strategies, to stand in."""
    for name, text in {"crossover.py": CROSSOVER, "raises.py": RAISES, "peeks.py": PEEKS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_json(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_backtest_prints_its_assumptions_first_and_then_its_numbers(folder, capsys):
    assert run(["backtest", "crossover.py", *SHORT]) == 0
    printed = capsys.readouterr()
    first, *rest = printed.out.splitlines()
    assert first.startswith("Crossover on SPY")
    assert "unlimited" in first
    assert "free of costs" in first
    assert any(line.startswith("Sharpe") for line in rest)
    assert printed.err == "running Crossover ...\n"


def test_parameters_are_options(folder, capsys):
    assert run(["backtest", "crossover.py", *SHORT, "--fast", "10", "--slow=30", "--json"]) == 0
    assert as_json(capsys)["parameters"] == {"fast": 10, "slow": 30}


def test_parameters_may_come_before_the_strategy(folder, capsys):
    assert run(["backtest", "--fast", "10", "crossover.py", *SHORT, "--json"]) == 0
    assert as_json(capsys)["parameters"] == {"fast": 10, "slow": 50}


def test_costs_and_limits_on_the_command_line(folder, capsys):
    costs = ["--fees", "per_share=0.01,minimum=1", "--slippage", "proportional=0.001", "--limits", "position_max=0"]
    assert run(["backtest", "crossover.py", *SHORT, *costs, "--json"]) == 0
    told = as_json(capsys)
    assert told["rows"]["fills"] == 0
    assert told["rows"]["refusals"] > 0


def test_the_executions_agree_on_the_command_line(folder, capsys):
    seen = []
    for execution in ("interpreted", "compiled"):
        assert run(["backtest", "crossover.py", *SHORT, "--execution", execution, "--json"]) == 0
        seen.append(as_json(capsys)["stats"])
    assert seen[0] == seen[1]


def test_the_configuration_is_read_and_the_command_line_wins(folder, capsys):
    (folder / "stratofold.toml").write_text(
        '[backtest]\nstrategy = "crossover.py"\nsymbols = ["SPY"]\nstart = 2015-01-01\nend = 2016-12-31\ncash = 5000\n'
        "[parameters]\nfast = 10\nslow = 40\n[fees]\nper_share = 0.01\n",
        encoding="utf-8",
    )
    assert run(["backtest", "--json", "--fast", "15"]) == 0
    told = as_json(capsys)
    assert told["parameters"] == {"fast": 15, "slow": 40}
    assert told["stats"]["initial_equity"] == "5000.00"
    assert float(told["stats"]["fees"]) > 0


def test_a_report_is_one_file_that_needs_no_network(folder, capsys):
    assert run(["report", "crossover.py", *SHORT, "--out", "out.html", "--json"]) == 0
    assert as_json(capsys)["report"] == str(folder / "out.html")
    text = (folder / "out.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*https?://", text)


def test_a_backtest_of_a_file_of_prices(folder, capsys):
    rows = ["date,open,high,low,close,volume", *(f"2020-01-{day:02},10,11,9,10,1000" for day in (2, 3, 6, 7, 8))]
    (folder / "TEST.csv").write_text("\n".join(rows), encoding="utf-8")
    assert run(["backtest", "crossover.py", "--data", "TEST.csv", "--json"]) == 0
    assert as_json(capsys)["stats"]["bars"] == 5


MISTAKES = {
    "no such verb": ["bcktest"],
    "no such option": ["doctor", "--jsn"],
    "a verb's verb without what it needs": ["data", "ddl"],
    "no strategy": ["backtest"],
    "no such file": ["backtest", "crosover.py"],
    "a parameter misspelt": ["backtest", "crossover.py", "--fst", "10"],
    "an option misspelt": ["backtest", "crossover.py", "--symbol", "SPY"],
    "a parameter out of bounds": ["backtest", "crossover.py", *SHORT, "--fast", "600"],
    "a parameter of another type": ["backtest", "crossover.py", *SHORT, "--fast", "quick"],
    "a parameter without a value": ["backtest", "crossover.py", *SHORT, "--fast"],
    "a word too many": ["backtest", "crossover.py", "SPY"],
    "an unknown symbol": ["backtest", "crossover.py", "--symbols", "SPPY"],
    "no such data": ["backtest", "crossover.py", "--data", "prices.csv"],
    "a cost misspelt": ["backtest", "crossover.py", "--fees", "per_shar=0.01,minimum=dear"],
    "an unknown execution": ["backtest", "crossover.py", *SHORT, "--execution", "quick"],
    "a day that is none": ["backtest", "crossover.py", "--symbols", "SPY", "--start", "yesterday"],
    "no such configuration": ["backtest", "--config", "other.toml"],
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_explained(case, folder, capsys, snapshot):
    assert run(MISTAKES[case]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    told = printed.err.replace("running Crossover ...\n", "").replace(str(folder), "FOLDER")
    assert "Traceback" not in told
    assert "fix:" in told
    assert told == snapshot


def test_a_mistake_in_json(folder, capsys):
    assert run(["backtest", "crossover.py", "--fst", "10", "--json"]) == 2
    (error,) = as_json(capsys)["errors"]
    assert error["code"] == "SF725"
    assert error["fix"] == "did you mean --fast?"


def test_a_strategy_that_raises_is_told_by_line_symbol_and_time(folder, capsys):
    assert run(["backtest", "raises.py", "--symbols", "SPY", "--json"]) == 4
    (error,) = as_json(capsys)["errors"]
    assert "ValueError: too dear" in error["what"]
    assert "raises.py:8" in error["where"]
    assert "SPY" in error["where"]
    assert "2017-" in error["where"]


CONFIGURED = """[backtest]
strategy = "crossover.py"
symbols = ["SPY", "AAPL"]

[parameters]
fast = 10
"""
BARS = ("time,open,high,low,close,volume", "2024-01-02T21:00:00Z,10,11,9,10,5", "2024-01-03T21:00:00Z,10,11,9,nan,5")


def test_parameters_in_the_file_are_those_of_the_strategy_that_it_names(folder, capsys):
    Path("stratofold.toml").write_text(CONFIGURED)
    words = ["backtest", "--start", "2016-01-01", "--end", "2016-01-08", "--execution", "interpreted", "--json"]
    assert run(words) == 0
    assert as_json(capsys)["parameters"]["fast"] == 10
    assert run([*words[:1], "raises.py:Raises", *words[1:]]) == 0
    assert not as_json(capsys)["parameters"]
    Path("stratofold.toml").write_text(CONFIGURED.replace("fast", "fst"))
    assert run(words) == 2
    assert as_json(capsys)["errors"][0]["where"] == "stratofold.toml, [parameters] fst"


def test_symbols_of_the_file_that_other_data_lack_are_said_to_stand_there(folder, capsys):
    Path("stratofold.toml").write_text(CONFIGURED)
    Path("bars.csv").write_text("\n".join(BARS[:2]))
    assert run(["backtest", "--data", "bars.csv", "--json"]) == 2
    assert as_json(capsys)["errors"][0]["where"] == "symbols in stratofold.toml"


def test_a_row_of_a_file_is_named_by_its_line_too(folder, capsys):
    Path("bars.csv").write_text("\n".join(BARS))
    assert run(["backtest", "crossover.py", "--data", "bars.csv", "--json"]) == 2
    (error,) = as_json(capsys)["errors"]
    assert (error["where"], error["fix"]) == ("bars.csv, row 1 (line 3)", "write a number there, or drop the row")
    Path("bars.csv").write_text("\n".join(BARS).replace("nan", "99"))
    assert run(["backtest", "crossover.py", "--data", "bars.csv", "--json"]) == 2
    assert as_json(capsys)["errors"][0]["where"] == "bars.csv, bars, row 1 (line 3), 2024-01-03 21:00 UTC"
    Path("bars.csv").write_text("\n".join(BARS[:2]).replace("Z", ""))
    assert run(["backtest", "crossover.py", "--data", "bars.csv", "--json"]) == 2
    assert as_json(capsys)["errors"][0]["where"] == "bars.csv, row 0 (line 2)"


def test_debug_lets_the_traceback_through(folder):
    with pytest.raises(Exception, match="too dear"):
        run(["backtest", "raises.py", "--symbols", "SPY", "--debug"])


def test_check_passes_an_honest_strategy(folder, capsys):
    assert run(["check", "crossover.py", "--symbols", "SPY", "--start", "2016-01-01", "--end", "2016-12-31"]) == 0
    assert capsys.readouterr().out


def test_check_names_a_cheat(folder, capsys):
    assert run(["check", "peeks.py", "--symbols", "SPY", "--start", "1998-01-01", "--end", "1998-12-31"]) == 3
    assert "SPY" in capsys.readouterr().out


def test_freeze_writes_a_kernel_that_runs_without_a_compiler(folder, capsys):
    assert run(["freeze", "crossover.py", "--symbols", "SPY", "--out", "crossover.kernel", "--json"]) == 0
    assert as_json(capsys)["bytes"] <= 100_000
    code = (
        "import sys; from stratofold.cli.app import run; assert run(sys.argv[1:]) == 0; "
        "assert not {'llvmlite', 'numba'} & set(sys.modules)"
    )
    told = []
    for execution in (["frozen", "--kernel", "crossover.kernel"], ["interpreted"]):
        words = ["backtest", "crossover.py", *SHORT, "--fast", "10", "--json", "--execution", *execution]
        ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        told.append(json.loads(ran.stdout))
    assert [each["execution"] for each in told] == ["frozen", "interpreted"]
    assert told[0]["stats"] == told[1]["stats"]


def test_doctor_finds_this_machine_in_order(folder, capsys):
    assert run(["doctor", "--json"]) == 0
    told = as_json(capsys)
    assert told["good"]
    assert {"python", "packages", "processor", "kernel cache", "sample"} <= {one["name"] for one in told["findings"]}


def test_doctor_passes_over_what_another_process_has_just_taken_away(folder, capsys, monkeypatch):
    kept = folder / "kernels"
    kept.mkdir()
    (kept / "one").write_bytes(bytes(2_000_000))
    (kept / "gone.lock").symlink_to(kept / "nowhere")  # listed, and not there when it is looked at
    monkeypatch.setenv("STRATOFOLD_CACHE", str(kept))
    assert run(["doctor"]) == 0
    assert "1 files, 2.0 MB" in capsys.readouterr().out


def test_doctor_says_what_to_mend(folder, capsys, monkeypatch):
    (folder / "a_file").write_text("", encoding="utf-8")
    monkeypatch.setenv("STRATOFOLD_CACHE", str(folder / "a_file" / "cache"))
    assert run(["doctor"]) == 3
    assert "STRATOFOLD_CACHE" in capsys.readouterr().out


def test_init_makes_a_folder_that_works(folder, capsys, monkeypatch):
    assert run(["init", "my_idea", "--json"]) == 0
    assert len(as_json(capsys)["files"]) == 4
    monkeypatch.chdir(folder / "my_idea")
    assert run(["backtest", "--json"]) == 0
    told = as_json(capsys)
    assert told["report"] == str(folder / "my_idea" / "report.html")
    assert told["rows"]["fills"] > 0
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], capture_output=True, text=True, check=False
    )
    assert tests.returncode == 0, tests.stdout


def test_init_does_not_write_over_what_is_there(folder, capsys):
    assert run(["init", "my_idea"]) == 0
    (folder / "my_idea" / "strategy.py").write_text("# mine\n", encoding="utf-8")
    assert run(["init", "my_idea"]) == 2
    assert "strategy.py" in capsys.readouterr().err
    assert (folder / "my_idea" / "strategy.py").read_text(encoding="utf-8") == "# mine\n"
    assert run(["init", "my_idea", "--force"]) == 0
    assert (folder / "my_idea" / "strategy.py").read_text(encoding="utf-8") != "# mine\n"


def test_demo_shows_a_strategy_its_numbers_and_its_report(folder, capsys):
    assert run(["demo", "--json"]) == 0
    told = as_json(capsys)
    assert len(told["symbols"]) == 14
    assert told["rows"]["trades"] > 10
    assert list(told["seconds"]) == ["interpreted", "compiled", "frozen"]
    assert told["same_to_the_last_bit"] is True
    assert Path(told["report"]).stat().st_size > 100_000


def test_the_installed_command(folder):
    script = Path(sys.executable).parent / "stratofold"
    command = [str(script)] if script.exists() else [sys.executable, "-c", "from stratofold.cli import main; main()"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"stratofold \d+\.\d+\.\d+\n", version.stdout)
    wrong = subprocess.run([*command, "backtest", "absent.py"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def commands():
    """Every command of the program."""
    import typer

    from stratofold.cli.app import app

    def leaves(group):
        for command in group.commands.values():
            yield from leaves(command) if hasattr(command, "commands") else [command]

    return list(leaves(typer.main.get_command(app)))


def test_every_verb_takes_json_and_debug():
    for command in commands():
        assert {"--json", "--debug"} <= {name for one in command.params for name in one.opts}


def test_no_word_of_a_help_is_taken_for_markup():
    """`[cloud] stack` would be shown as ` stack`."""
    from rich.markup import render

    texts = [
        text for command in commands() for text in (command.help, *(getattr(one, "help", "") for one in command.params))
    ]
    assert len(texts) > 200
    assert [text for text in texts if text and render(text).plain != text] == []
