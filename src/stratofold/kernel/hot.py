"""The loop over bars three times: its first turn, a quick copy in which nothing is called, and the whole.

What comes in: a module as LLVM text, in which the values of the function to split are named and pass from block to block
in memory (`emit` sees to both).  What goes out: the text with the loops inside the function's outermost loops copied.
The quick copy lacks every block that calls a function and every block that is said to be unlikely; an edge to one leads
into the whole copy, whose way back leads to the quick one again, by way of its first turn.
Why so: LLVM keeps a field in a register, and a store out of a loop, only where nothing is called that could read or
write the field.  Most bars need no call: no order, no fill, no session.  Those few that do leave the quick copy, which
costs them the nanoseconds of putting the fields back.  What the first turn has asked, and what nothing in the quick copy
can change, LLVM need not ask again there: whether a symbol lies in a list, whether an order works, a divisor is 0.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from stratofold.kernel.ways import NAME, Blocks, Function, calls_any, read

_DEFINED = re.compile(rf"\s+(%{NAME}) = ")
_LOCAL = re.compile(rf"(label )?%({NAME})")
_PLAIN = re.compile(r"[^\w.]")
_ADDRESS = re.compile(rf"\s+(%{NAME}) = getelementptr [^,]*, ptr %{NAME}, i(?:64|32) \d+$")


@dataclass(frozen=True, slots=True)
class Loop:
    """A natural loop: the label of its header, and the labels of all its blocks."""

    header: str
    inside: frozenset[str]


def split(text: str, name: str) -> str:
    """The module with the loops of function `name` copied where that is of use."""
    begin = re.search(rf"^define [^\n]*@{re.escape(name)}\(", text, re.MULTILINE)
    if begin is None:
        return text
    end = text.index("\n}\n", begin.start())
    function = read(text[begin.start() : end], text)
    for number, loop in enumerate(_worth_doubling(function)):
        function.blocks = _doubled(function, loop, f".whole{number}")
    rows = [function.head, *(f"{label}:\n" + "\n".join(lines) for label, lines in function.blocks.items())]
    return text[: begin.start()] + "\n".join(rows) + text[end:]


def addresses_at_hand(text: str, name: str) -> str:
    """The module with every address at a constant distance worked out anew in each block of function `name` that uses it.

    Otherwise each would pass from block to block like a value, and want a register, where the one of the object does.
    """
    begin = re.search(rf"^define [^\n]*@{re.escape(name)}\(", text, re.MULTILINE)
    if begin is None:
        return text
    end = text.index("\n}\n", begin.start())
    function = read(text[begin.start() : end], text)
    found = {
        address[1]: (label, line)
        for label, lines in function.blocks.items()
        for line in lines
        if (address := _ADDRESS.match(line))
    }
    for label, lines in function.blocks.items():
        function.blocks[label] = _with_addresses(label, lines, found)
    rows = [function.head, *(f"{label}:\n" + "\n".join(lines) for label, lines in function.blocks.items())]
    return text[: begin.start()] + "\n".join(rows) + text[end:]


def _with_addresses(label: str, lines: list[str], found: dict[str, tuple[str, str]]) -> list[str]:
    """A block with its own copy of each address that another has found; those of phis stay the other's."""
    first = next((place for place, line in enumerate(lines) if " = phi " not in line), 0)
    copies: dict[str, str] = {}  # an address of another block's to the line that works it out here

    def own(used: re.Match[str]) -> str:
        name = used[0]
        there, line = found.get(name, (label, ""))
        if there == label:
            return name
        mine = _marked(name, f".at.{_PLAIN.sub('_', label)}")
        if name not in copies:
            defined, distance = line.split(" = ", 1)
            distance = _LOCAL.sub(own, distance)  # before this one, where it is from such an address itself
            copies[name] = f"{defined.replace(name, mine)} = {distance}"
        return mine

    rest = [_LOCAL.sub(own, line) for line in lines[first:]]
    return [*lines[:first], *copies.values(), *rest]


# Loops


def _worth_doubling(function: Function) -> list[Loop]:
    """The loops directly inside an outermost one that call something, though not on every way round."""
    loops = _loops(function)
    around = {loop: [other for other in loops if other.inside > loop.inside] for loop in loops}
    return [
        loop
        for loop in loops
        if len(around[loop]) == 1
        and any(_calls(function.blocks[label]) for label in loop.inside)
        and any(loop.header in function.ways[label] for label in _quick(function, loop))
    ]


def _loops(function: Function) -> list[Loop]:
    """The natural loops, found by the edges that lead back up a depth-first walk."""
    before: dict[str, list[str]] = {label: [] for label in function.blocks}
    for label, ways in function.ways.items():
        for way in ways:
            before[way].append(label)
    inside: dict[str, set[str]] = {}
    for tail, header in _edges_back(function):
        body = inside.setdefault(header, {header})
        waiting = [tail]
        while waiting:
            label = waiting.pop()
            if label not in body:
                body.add(label)
                waiting += before[label]
    return [
        Loop(header, frozenset(body))
        for header, body in inside.items()
        if all(label == header or body.issuperset(before[label]) for label in body)
    ]


def _edges_back(function: Function) -> list[tuple[str, str]]:
    """Edges (from, to) whose end is still being walked when they are met."""
    first = next(iter(function.blocks))
    path = [(first, iter(function.ways[first]))]
    walking, seen = {first}, {first}
    found = []
    while path:
        label, ways = path[-1]
        way = next(ways, None)
        if way is None:
            walking.discard(label)
            path.pop()
        elif way in walking:
            found.append((label, way))
        elif way not in seen:
            seen.add(way)
            walking.add(way)
            path.append((way, iter(function.ways[way])))
    return found


def _calls(block: list[str]) -> bool:
    """Whether a block does."""
    return any(map(calls_any, block))


def _quick(function: Function, loop: Loop) -> set[str]:
    """The blocks of a loop that are reached from its header by likely ways, up to the first call."""
    found: set[str] = set()
    waiting = [loop.header]
    while waiting:
        label = waiting.pop()
        if label in loop.inside and label not in found and not _calls(function.blocks[label]):
            found.add(label)
            waiting += function.likely[label]
    return found


# Writing


def _doubled(function: Function, loop: Loop, mark: str) -> Blocks:
    """The blocks with the loop's quick copy and its first turn in its place; the whole copy's names end in `mark`."""
    quick = _quick(function, loop)
    again, first = f"again{mark}", f".first{mark}"

    def in_quick(label: str) -> str:
        return _marked(label, mark) if label in loop.inside and label not in quick else label

    def in_first(label: str) -> str:
        return _marked(label, first) if label in quick and label != loop.header else in_quick(label)

    def in_whole(label: str) -> str:
        return again if label == loop.header else _marked(label, mark) if label in loop.inside else label

    def outside(label: str) -> str:
        return again if label == loop.header else label

    blocks: Blocks = {}
    for label, lines in function.blocks.items():
        leads = outside if label not in loop.inside else in_quick
        if label in quick or label not in loop.inside:
            blocks[label] = _copied(lines, leads)
    blocks[again] = [f"  br label %{_marked(loop.header, first)}"]
    for marked, labels, leads in ((first, quick, in_first), (mark, loop.inside, in_whole)):
        there = {label: lines for label, lines in function.blocks.items() if label in labels}
        defined = {found[1] for lines in there.values() for line in lines if (found := _DEFINED.match(line))}
        blocks |= {_marked(label, marked): _copied(lines, leads, defined, marked) for label, lines in there.items()}
    return blocks


def _copied(lines: list[str], leads: Callable[[str], str], defined: Collection[str] = (), mark: str = "") -> list[str]:
    """A block whose ways lead elsewhere, and in which the names of `defined` values end in `mark`."""

    def name(found: re.Match[str]) -> str:
        if found[1]:
            return f"label %{leads(found[2])}"
        return "%" + (_marked(found[2], mark) if f"%{found[2]}" in defined else found[2])

    return [_LOCAL.sub(name, line) for line in lines]


def _marked(name: str, mark: str) -> str:
    """The copy's name for a block or a value."""
    return f'{name[:-1]}{mark}"' if name.endswith('"') else name + mark
