"""The page names every indicator, with its arguments and defaults as they are."""

import inspect
import re
from pathlib import Path

import pytest

from stratofold import indicators

PAGE = (Path(__file__).parents[3] / "docs" / "indicators.md").read_text(encoding="utf-8")
SIGNATURES = dict(re.findall(r"^\| `(\w+)\((.*?)\)`", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", indicators.__all__)
def test_a_name_is_on_the_page(name):
    assert f"`{name}`" in PAGE or name in SIGNATURES


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_arguments_are_those_on_the_page(name):
    parameters = inspect.signature(getattr(indicators, name)).parameters.values()
    written = [part.split("=") for part in SIGNATURES[name].split(", ") if part]
    assert [(one.name, one.default) for one in parameters] == [(word, float(value)) for word, value in written]
