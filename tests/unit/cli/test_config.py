"""stratofold.toml: what it may say, and everything wrong with it at once, by line."""

from datetime import date
from pathlib import Path

import pytest

from stratofold.cli.config import Config, read_config
from stratofold.errors import Setup


def written(folder: Path, text: str) -> Path:
    path = folder / "stratofold.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file(tmp_path):
    path = written(
        tmp_path,
        """
[backtest]
strategy = "strategy.py"
symbols = ["SPY"]
start = 2015-01-01
cash = 50_000
[parameters]
fast = 10
[fees]
per_share = 0.005
tiers = [[0, 0.001], [1e6, 0.0005]]
[limits]
leverage_max = inf
""",
    )
    assert read_config(path) == Config(
        strategy="strategy.py",
        symbols=["SPY"],
        start=date(2015, 1, 1),
        cash=50_000,
        parameters={"fast": 10},
        fees={"per_share": 0.005, "tiers": [[0, 0.001], [1e6, 0.0005]]},
        limits={"leverage_max": float("inf")},
    )


def test_an_empty_file_says_nothing(tmp_path):
    assert read_config(written(tmp_path, "")) == Config()


def test_all_that_is_wrong_is_said_at_once(tmp_path, snapshot):
    path = written(
        tmp_path,
        """[backtest]
strateg = "strategy.py"
symbols = "SPY"
start = "yesterday"
cash = -5
execution = "quick"

[fees]
per_shar = 0.005
minimum = "a dollar"

[limits]
leverage_max = -1

[slipage]
fixed = 1
""",
    )
    with pytest.raises(ExceptionGroup) as raised:
        read_config(path)
    assert "\n".join(map(str, raised.value.exceptions)).replace(str(tmp_path), "FOLDER") == snapshot


def test_text_that_is_not_toml_is_told_by_its_line(tmp_path):
    with pytest.raises(Setup) as raised:
        read_config(written(tmp_path, "[backtest]\ncash = = 5\n"))
    assert raised.value.code == "SF710"
    assert raised.value.place.endswith("stratofold.toml:2")
