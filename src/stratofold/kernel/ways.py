"""A function of LLVM text in blocks: where each leads, and what is left of it where some are not gone through.

What comes in: the text that LLVM prints.  What goes out: blocks by label, and lines.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

NAME = r'(?:[-\w.$]+|"[^"]+")'
PHI = re.compile(rf"\[ ([^\[\]]+), %({NAME}) \]")
_LABEL = re.compile(rf"({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")
_CALL = re.compile(r"\bcall\b[^@]*@(?!llvm\.)")
_WEIGHTS = re.compile(
    r'^(!\d+) = (?:distinct )?!\{!"branch_weights"(?:, !"expected")?, i32 (-?\d+), i32 (-?\d+)\}', re.MULTILINE
)
_LIKELY = 1000  # a way that is taken less than once in so many times is unlikely

Blocks = dict[str, list[str]]


@dataclass(slots=True)
class Function:
    """A function's first line and its blocks in order; `likely` are the ways from a block that are not unlikely."""

    head: str
    blocks: Blocks
    ways: dict[str, list[str]] = field(default_factory=dict)
    likely: dict[str, list[str]] = field(default_factory=dict)


def read(text: str, module: str) -> Function:
    """A function's blocks, where each leads, and which of these ways are likely."""
    head, *lines = text.split("\n")
    function = Function(head, {})
    here: list[str] = []
    for line in lines:
        begins = _LABEL.match(line)
        if begins is not None:
            here = function.blocks.setdefault(begins[1], [])
        elif line.strip():
            here.append(line)
    weights = {row[1]: (int(row[2]) & 0xFFFFFFFF, int(row[3]) & 0xFFFFFFFF) for row in _WEIGHTS.finditer(module)}
    for label, block in function.blocks.items():
        ends = _end(block)
        ways = function.ways[label] = _TARGET.findall(ends)
        marked = re.search(r"!prof (!\d+)", ends)
        pair = weights.get(marked[1]) if marked and len(ways) == 2 else None
        function.likely[label] = [
            way
            for way, weight in zip(ways, pair or [1] * len(ways), strict=True)
            if weight * _LIKELY >= sum(pair or [1])
        ]
    return function


def _end(block: list[str]) -> str:
    """The instruction that ends a block; a switch is one of several lines."""
    for place in range(len(block) - 1, -1, -1):
        if block[place].startswith(("  br ", "  switch ", "  ret ", "  unreachable")):
            return "\n".join(block[place:])
    raise AssertionError("a block without an end")


def calls_any(line: str) -> bool:
    """Whether a line calls a function that is none of LLVM's own."""
    return _CALL.search(line) is not None


def reached_in(function: Function, silent: Collection[str]) -> list[str]:
    """The blocks that are reached without going through a silent one, in their order."""
    first = next(iter(function.blocks))
    found = {first, *below(function, first, silent)} if first not in silent else set()
    return [label for label in function.blocks if label in found]


def below(function: Function, first: str, silent: Collection[str]) -> set[str]:
    """The blocks that a block leads to without going through a silent one."""
    found: set[str] = set()
    waiting = list(function.ways[first])
    while waiting:
        label = waiting.pop()
        if label not in found and label not in silent:
            found.add(label)
            waiting += function.ways[label]
    return found


def from_ways(line: str, reached: Collection[str]) -> str:
    """A line, in which a phi has only those ways that are left."""
    if " = phi " not in line:
        return line
    ways = [f"[ {value}, %{way} ]" for value, way in PHI.findall(line) if way in reached]
    return line.split("[", 1)[0] + ", ".join(ways)


def refusals(function: Function, reached: Collection[str], answer: str) -> Iterator[str]:
    """The blocks that are led to and are not there any more."""
    led_to = {way for label in reached for way in function.ways[label]}
    for label in sorted(led_to - set(reached)):
        yield f"{label}:\n  ret {answer}"
