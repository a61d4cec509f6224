"""What machine code was made from, as hashes: the user's source and numbers, and the fold's.

What comes in: the classes of a survey.  What goes out: one hash over the text of every file of the user's that they
reach, and over the numbers in those modules and classes, which a program may have changed since the file was read.
A change of one character anywhere in those files compiles again: compiling is cheap, a stale kernel is not.
"""

import functools
import hashlib
from pathlib import Path

from stratofold.kernel.source import lines_of
from stratofold.routing import Fact, Reached

_PACKAGE = Path(__file__).resolve().parent.parent


@functools.cache
def engine_hash() -> str:
    """The hash of everything of ours that becomes machine code or makes it: events, fold, kernel."""
    total = hashlib.sha256()
    files = [_PACKAGE / "events.py", _PACKAGE / "routing.py"]
    for room in ("fold", "kernel"):
        files += sorted((_PACKAGE / room).rglob("*.py"))
    for path in files:
        total.update(path.relative_to(_PACKAGE).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def source_hash(classes: list[type]) -> tuple[str, list[Fact]]:
    """The hash of the user's source and numbers that objects of these classes can reach.

    Beside it what tells quickly that a number or a function was exchanged since.
    """
    reached = Reached()
    for cls in classes:
        reached.add(cls)
    files = {function.__code__.co_filename for function in reached.functions}
    total = hashlib.sha256()
    for text in sorted({*("".join(lines_of(file)) for file in files), *reached.numbers}):
        total.update(text.encode())
        total.update(b"\0")
    return total.hexdigest(), reached.facts
