"""Whose code is whose: what of a strategy's surroundings is compiled, rewritten and named in a kernel's key."""

from __future__ import annotations

import calendar
import importlib.util
import math
import statistics
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import stratofold
from stratofold import Strategy, param, routing
from stratofold.kernel.sources import source_hash

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = """
from stratofold import Strategy

class Own(Strategy):
    def setup(self):
        self.level = 1.0

    def on_bar(self, bar, book):
        self.level = self.level ** 1.5 + {number}
"""


def by_recipe(file: Path) -> type[Strategy]:
    """As Python's documentation loads a file, without the line that keeps the module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Own  # type: ignore[no-any-return]


def by_run_path(file: Path) -> type[Strategy]:
    """As `runpy` runs a file: its module is gone when it is over."""
    import runpy

    return runpy.run_path(str(file))["Own"]  # type: ignore[no-any-return]


def by_hand(file: Path) -> type[Strategy]:
    """In a module that a program has made and keeps, which has no file."""
    module = sys.modules[file.stem] = ModuleType(file.stem)
    exec(compile(file.read_text(), file, "exec"), vars(module))  # noqa: S102  a test's own text
    return module.Own  # type: ignore[no-any-return]


def by_installing(file: Path) -> type[Strategy]:
    """In a package that is installed beside the libraries."""
    module = sys.modules[file.stem] = ModuleType(file.stem)
    module.__file__ = str(Path(sysconfig.get_path("purelib")) / file.name)
    exec(compile(file.read_text(), file, "exec"), vars(module))  # noqa: S102  a test's own text
    return module.Own  # type: ignore[no-any-return]


@pytest.mark.parametrize("load", [by_recipe, by_run_path, by_hand, by_installing])
def test_a_strategy_is_its_users_wherever_python_has_it_from(
    load: Callable[[Path], type[Strategy]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its source names its kernel, so another one of the same shape has another kernel; and its powers are ours."""
    monkeypatch.setattr(routing, "_adopted", set())
    known = set()
    for number in (1, 2):
        file = tmp_path / f"strategy_{load.__name__}_{number}.py"
        file.write_text(TEXT.format(number=number))
        own = load(file)
        stratofold.backtest(own, bars(), execution="interpreted")
        source, _ = source_hash([own])
        known.add(source)
        sys.modules.pop(file.stem, None)
        assert "power" in own.on_bar.__code__.co_names
    assert len(known) == 2


def bars() -> pl.DataFrame:
    """Three days."""
    days = [1_514_851_200_000_000_000 + 86_400_000_000_000 * k for k in range(3)]
    return pl.DataFrame({"time": days} | {name: [9.0] * 3 for name in ("open", "high", "low", "close", "volume")})


class Asks(Strategy):
    """Calls what Python brings along."""

    weight = param(1.0)

    def setup(self) -> None:
        """A sum."""
        self.sum = 0.0

    def on_bar(self, bar: Any, book: Any) -> None:
        """A function of an installed module."""
        self.sum += calendar.isleap(int(bar.close * self.weight))


def test_a_function_of_an_installed_module_has_no_machine_code() -> None:
    """Its source is in no kernel's name: another release of it would be given the machine code of this one."""
    notices = stratofold.backtest(Asks, bars(), execution="compiled").notices
    assert "isleap is of the installed module calendar" in " ".join(notices)


def test_python_and_what_is_installed_is_nobodys() -> None:
    """Built in, frozen, of the library, and installed."""
    for module in (sys, math, importlib._bootstrap, statistics, pl, pytest):  # type: ignore[attr-defined]
        assert not routing.is_users(module)
    assert routing.is_users(None)
