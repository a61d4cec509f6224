"""Finds the strategy that a command names.

What comes in: `strategy.py`, `strategy.py:Class` or `package.module:Class`.
What goes out: the class.  Whatever is wrong in the user's file is told with the user's file and line.
"""

import importlib
import importlib.util
import inspect
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from stratofold.errors import Setup


def load_strategy(name: str) -> type[Any]:
    """The strategy class that `name` means; raises errors.Setup when there is none, or more than one."""
    from stratofold import Strategy

    source, _, wanted = name.partition(":")
    module = _module(source)
    classes = {
        title: value
        for title, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Strategy) and value is not Strategy
    }
    if wanted:
        return _named(wanted, classes, source)
    own = {title: value for title, value in classes.items() if value.__module__ == module.__name__}
    return _only(own or classes, source)


def _only(classes: dict[str, type[Any]], source: str) -> type[Any]:
    """The one class there is."""
    if not classes:
        raise Setup(
            "SF702",
            "there is no strategy here",
            place=source,
            why="a strategy is a class that inherits from stratofold.Strategy",
            fix="class MyStrategy(stratofold.Strategy): ...",
        )
    if len(classes) > 1:
        names = ", ".join(classes)
        raise Setup(
            "SF703",
            f"there is more than one strategy here: {names}",
            place=source,
            fix=f"name one: {source}:{next(iter(classes))}",
        )
    return next(iter(classes.values()))


def _named(wanted: str, classes: dict[str, type[Any]], source: str) -> type[Any]:
    """The class called `wanted`."""
    if wanted in classes:
        return classes[wanted]
    close = get_close_matches(wanted, classes, n=1, cutoff=0.5)
    fix = f"did you mean {source}:{close[0]}?" if close else f"strategies here: {', '.join(classes) or 'none'}"
    raise Setup("SF704", f"there is no strategy {wanted!r} here", place=source, fix=fix)


def _module(source: str) -> ModuleType:
    """The module of a file, or of a dotted name."""
    path = Path(source)
    if path.suffix == ".py" or path.is_file():
        return _from_file(path)
    try:
        return _imported(source)
    except ModuleNotFoundError as error:
        raise Setup(
            "SF705",
            f"there is neither a file nor a module {source!r}",
            place=str(Path.cwd()),
            fix="give the path of a Python file, or package.module:Class",
        ) from error


def _imported(source: str) -> ModuleType:
    """The module of a dotted name; raises ModuleNotFoundError, as Python does not of a folder (`.`) or of nothing."""
    if not source or source.startswith("."):
        raise ModuleNotFoundError(source)
    return importlib.import_module(source)


def _from_file(path: Path) -> ModuleType:
    """The module of the file at `path`, with the file's folder first on the import path as Python itself would."""
    if not path.is_file():
        near = sorted(one.name for one in path.parent.glob("*.py")) if path.parent.is_dir() else []
        close = get_close_matches(path.name, near, n=1)
        fix = f"did you mean {path.parent / close[0]}?" if close else "give the path of a Python file"
        raise Setup("SF706", f"there is no file {path.name!r}", place=str(path.parent.resolve()), fix=fix)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # A user's signal.py must not stand in for Python's own.
    taken = path.stem in sys.stdlib_module_names
    specification = importlib.util.spec_from_file_location(f"strategy_{path.stem}" if taken else path.stem, path)
    if specification is None or specification.loader is None:
        raise Setup("SF707", f"{path.name!r} is not a Python file", place=str(path), fix="give a file that ends in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    try:
        specification.loader.exec_module(module)
    except SyntaxError as error:
        raise Setup(
            "SF708",
            f"this is not Python: {error.msg}",
            place=f"{error.filename}:{error.lineno}",
            why=(error.text or "").strip(),
            fix="mend that line",
        ) from error
    except Exception as error:
        raise Setup(
            "SF709",
            f"{type(error).__name__}: {error}",
            place=_line_in(path, error),
            why="the file was being imported",
            fix="mend that line; python FILE shows the same error",
        ) from error
    return module


def _line_in(path: Path, error: Exception) -> str:
    """The last line of the user's file that the error passed through."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]
    own = own or [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{own[-1].lineno}" if own else str(path)
