"""Which class `strategy.py`, `strategy.py:Class` and `module:Class` mean, and what is said when they mean none."""

import sys
import textwrap

import pytest

from stratofold.cli.load import load_strategy
from stratofold.errors import Setup

ONE = """
from stratofold import Strategy

class One(Strategy):
    def on_bar(self, bar, book): ...
"""


def file(folder, text, name="an_idea.py"):
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return str(path)


def test_the_only_class_of_a_file(tmp_path):
    assert load_strategy(file(tmp_path, ONE)).__name__ == "One"


def test_a_class_by_name(tmp_path):
    path = file(tmp_path, ONE + "\nclass Two(One):\n    pass\n")
    assert load_strategy(f"{path}:Two").__name__ == "Two"


def test_a_class_of_a_module():
    assert load_strategy("stratofold.strategies:Crossover").__name__ == "Crossover"


def test_a_file_named_like_a_module_of_python_does_not_replace_it(tmp_path):
    import signal

    assert load_strategy(file(tmp_path, ONE, "signal.py")).__name__ == "One"
    assert sys.modules["signal"] is signal


def test_a_file_finds_its_neighbours(tmp_path):
    file(tmp_path, "WINDOW = 3\n", "neighbour_of_an_idea.py")
    assert load_strategy(file(tmp_path, "from neighbour_of_an_idea import WINDOW\n" + ONE)).__name__ == "One"


WRONG = {
    "no class": "WINDOW = 3\n",
    "two classes": ONE + "\nclass Two(Strategy):\n    pass\n",
    "not Python": "class One(:\n",
    "raises": "import math\nmath.sqrt(-1)\n",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_will_not_do(case, tmp_path, snapshot):
    with pytest.raises(Setup) as raised:
        load_strategy(file(tmp_path, WRONG[case]))
    assert str(raised.value).replace(str(tmp_path), "FOLDER") == snapshot


def test_a_class_that_is_not_there(tmp_path):
    with pytest.raises(Setup, match="no strategy 'On'") as raised:
        load_strategy(file(tmp_path, ONE) + ":On")
    assert raised.value.fix.endswith("an_idea.py:One?")


@pytest.mark.parametrize(
    ("name", "code"),
    [("absent_idea.py", "SF706"), ("absent_module_of_ideas", "SF705"), (".", "SF705"), ("..", "SF705"), ("", "SF705")],
)
def test_nothing_there(name, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Setup) as raised:
        load_strategy(name)
    assert raised.value.code == code


def test_a_near_miss_of_a_file_name(tmp_path):
    file(tmp_path, ONE)
    with pytest.raises(Setup) as raised:
        load_strategy(str(tmp_path / "an_ide.py"))
    assert raised.value.fix == f"did you mean {tmp_path / 'an_idea.py'}?"
