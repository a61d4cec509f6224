"""A function and all that it calls, written as one text.

What comes in: a function, the things that its parameters stand for, and what is known of them.  What goes out: the
writer with the text, and the name of the function in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from stratofold.research.flat import calls
from stratofold.research.flat.sources import Unfit
from stratofold.research.flat.writer import Value, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from stratofold.research.flat.kinds import Graph, Thing
    from stratofold.research.flat.sources import Source
    from stratofold.research.flat.writer import Line

Written = TypeVar("Written")

Constants = dict[tuple[str, str], Any]  # by path and name; ("feed.symbol", "len") is a length, or MANY


def written(
    graph: Graph, constants: Constants, function: FunctionType, given: dict[str, Thing]
) -> tuple[Writer, str] | None:
    """A function whose parameters are these things, by itself, and its name; None where it cannot be written."""
    return _tried(graph, constants, function, given, "", lambda *how: calls.alone(*how).text.partition("(")[0])


def written_inside(
    graph: Graph, constants: Constants, function: FunctionType, given: dict[str, Thing], *, is_empty: bool
) -> tuple[Writer, list[Line]] | None:
    """The lines of a function whose parameters are these things, to stand in another; None where they cannot."""

    def lines(w: Writer, _: FunctionType, source: Source, arguments: dict[str, Value]) -> list[Line]:
        if source.returns_in_loop:
            raise Unfit("a return in a loop")
        return w.block(lambda: None if is_empty else calls.inside(w, function, source, arguments, ""))[0]

    return _tried(graph, constants, function, given, "u", lines)


def _tried(
    graph: Graph, constants: Constants, function: FunctionType, given: dict[str, Thing], mark: str,
    write: Callable[[Writer, FunctionType, Source, dict[str, Value]], Written],
) -> tuple[Writer, Written] | None:  # fmt: skip
    """What `write` makes of a function, and its writer.

    Where something that it calls cannot be written, that is known from then on, and the writing begins again.
    """
    while True:
        w = Writer(graph, constants, [thing.path for thing in given.values()], function, mark)
        source = calls.source_of(function)
        if source is None:
            return None
        arguments = {
            name: w.at(given[name]) if name in given else Value(name, is_stable=True) for name in source.parameters
        }
        try:
            return w, write(w, function, source, arguments)
        except Unfit as no:
            if not no.is_blamed:
                return None
