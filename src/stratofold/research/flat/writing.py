"""A function and all that it calls, written as one text.

What comes in: a function, the things that its parameters stand for, and what is known of them.  What goes out: the
writer with the text, and the name of the function in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.research.flat import calls
from stratofold.research.flat.sources import Unfit
from stratofold.research.flat.writer import Value, Writer

if TYPE_CHECKING:
    from types import FunctionType

    from stratofold.research.flat.kinds import Graph, Thing

Constants = dict[tuple[str, str], Any]  # by path and name; ("feed.symbol", "len") is a length


def written(
    graph: Graph, constants: Constants, function: FunctionType, given: dict[str, Thing]
) -> tuple[Writer, str] | None:
    """A function whose parameters are these things; None where it cannot be written.

    Where something that it calls cannot be, that is known from then on, and the writing begins again.
    """
    while True:
        w = Writer(graph, constants, [thing.path for thing in given.values()], function)
        source = calls.source_of(function)
        if source is None:
            return None
        arguments = {
            name: w.at(given[name]) if name in given else Value(name, is_stable=True) for name in source.parameters
        }
        try:
            answer = calls.alone(w, function, source, arguments).text.partition("(")[0]
        except Unfit as no:
            if not no.is_blamed:
                return None
        else:
            return w, answer
