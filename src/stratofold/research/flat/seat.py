"""A seat for interpreted runs: an engine in lists and its loop, kept for the next strategy on the same data.

What comes in: an engine before its first event, and the columns that it is to hear.  What goes out: the same engine,
time and again before its first event, and what hears the columns with one strategy after another.
Why so: to make an engine, to put it into lists and to give the loop its names takes as long as to hear a year of daily
bars; to write the same numbers back takes a twentieth of that.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from stratofold.fold.log import Log
from stratofold.fold.state import fields
from stratofold.instance import hooks_of
from stratofold.research.flat.kinds import NUMBERS
from stratofold.research.flat.program import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ref

    from stratofold.fold.engine import Engine, Feed
    from stratofold.fold.strategy import Strategy
    from stratofold.research.flat.loops import Loop
    from stratofold.research.seats import Rows


class PlainSeat:
    """An engine whose columns are lists, how it was before its first event, and its loop."""

    def __init__(self, engine: Engine, feed: Feed, columns: Feed, loop: Loop) -> None:
        """`columns` are those of `feed` as lists."""
        self.engine = engine
        self.feed = feed
        self.reader: ref[Rows] | None = None  # of the run before
        self._place = Place(loop, engine, columns)
        self._image = Image(engine)

    def takes(self, strategy: Strategy) -> bool:
        """Bring the engine back to before its first event; whether this strategy can be heard with it."""
        self._image.bring_back()
        return self.engine.hears == hooks_of(strategy)

    def hears(self, strategy: Strategy) -> Callable[[int], int]:
        """What hears events up to the number it is given, with this strategy."""
        return self._place.begin(strategy)

    def vacate(self) -> bool:
        """Whether the next run may have the seat."""
        return True


class Image:
    """What every object of a graph holds, to be written back.

    What stands in logs stays, for nobody reads past their counts; what is no state (`fields`) nobody writes to.
    """

    def __init__(self, root: object) -> None:
        """Note all that `root` leads to."""
        self._objects: list[tuple[Callable[[Any, Any], None], Any, Any]] = []
        self._columns: list[tuple[Any, Any]] = []
        waiting, seen = [root], set()
        while waiting:
            each = waiting.pop()
            if id(each) not in seen:
                seen.add(id(each))
                waiting += self._look_at(each)

    def _look_at(self, thing: Any) -> list[Any]:
        """Note one object; returns the objects in it."""
        names = ("count",) if isinstance(thing, Log) else fields(thing)
        values = [getattr(thing, name) for name in names]
        if names:
            self._objects.append((_writer(names), thing, values))
        inner: list[Any] = []
        for value in values:
            if isinstance(value, array | list):
                self._columns.append((value, value[:]))
                inner += value
            else:
                inner.append(value)
        return [each for each in inner if not isinstance(each, NUMBERS)]

    def bring_back(self) -> None:
        """Write everything back."""
        for write, thing, values in self._objects:
            write(thing, values)
        for column, kept in self._columns:
            column[:] = kept


_writers: dict[tuple[str, ...], Callable[[Any, Any], None]] = {}


def _writer(names: tuple[str, ...]) -> Callable[[Any, Any], None]:
    """What writes so many attributes of an object in one statement: a third of what one `setattr` each takes."""
    if names not in _writers:
        scope: dict[str, Any] = {}
        targets = "".join(f"thing.{name}, " for name in names)
        exec(f"def write(thing, values): {targets}= values", scope)  # noqa: S102  names of attributes, and nothing else
        _writers[names] = scope["write"]
    return _writers[names]
