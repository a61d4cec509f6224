"""What the fold's functions are given and nobody reads is not given to them.

What comes in: the functions of a unit as text, and of some of them the parameters that may go.  What goes out: the texts
without those that are only handed on to where nobody reads them either.
Why so: whatever may lead to a hook is given the strategy.  A strategy without that hook is then read by nobody, and the
function is the same for every such strategy: it stands apart (`apart`), where it is compiled once for all.
"""

import re
from collections.abc import Collection, Iterator, Mapping

_HEAD = re.compile(r"^define [^@\n]*(@[-\w.$]+)\(", re.MULTILINE)
_CALL = re.compile(r"call [^@\n]*(@[-\w.$]+)\(")
_NAME = re.compile(r"%[-\w.$]+")


def idle_parameters(texts: Mapping[str, str], asked: Mapping[str, Collection[int]]) -> dict[str, set[int]]:
    """Of the parameters `asked` about, by function and place, those that only go where they are idle too."""
    idle = {name: set(places) for name, places in asked.items()}
    uses = {
        (name, place): _uses(texts[name], parameter)
        for name, places in idle.items()
        for place, parameter in enumerate(_parameters(texts[name]))
        if place in places
    }
    while True:
        read = [
            (name, place)
            for (name, place), calls in uses.items()
            if place in idle[name] and any(there not in idle.get(callee, ()) for callee, there in calls)
        ]
        if not read:
            return {name: places for name, places in idle.items() if places}
        for name, place in read:
            idle[name].discard(place)


def without(text: str, idle: Mapping[str, Collection[int]]) -> str:
    """A function's text in which neither it nor what it calls takes what is `idle`."""
    rows = text.split("\n")
    for index, row in enumerate(rows):
        found = _HEAD.match(row) or _CALL.search(row)
        if found is not None and found[1] in idle:
            end = _end(row, found.end())
            left = [each for place, each in enumerate(_given(row[found.end() : end])) if place not in idle[found[1]]]
            rows[index] = row[: found.end()] + ", ".join(left) + row[end:]
    return "\n".join(rows)


def _parameters(text: str) -> list[str]:
    """The names of a function's parameters, in order."""
    head = text.split("\n", 1)[0]
    found = _HEAD.match(head)
    if found is None:
        raise AssertionError("a function without a head")
    return [each.rsplit(" ", 1)[-1] for each in _given(head[found.end() : _end(head, found.end())])]


def _uses(text: str, parameter: str) -> list[tuple[str, int]]:
    """Which functions are given the parameter, and where; what is no call of one has no name."""
    found: list[tuple[str, int]] = []
    for row in text.split("\n")[1:]:
        if parameter in row and parameter in _NAME.findall(row):
            found += _handed(row, parameter)
    return found


def _handed(row: str, parameter: str) -> Iterator[tuple[str, int]]:
    """As `_uses`, of one instruction."""
    call = _CALL.search(row)
    if call is None:
        yield "", 0
        return
    for place, each in enumerate(_given(row[call.end() : _end(row, call.end())])):
        if parameter in _NAME.findall(each):
            yield call[1], place


def _end(row: str, begin: int) -> int:
    """Where the parenthesis closes that was opened before `begin`."""
    depth = 1
    for at in range(begin, len(row)):
        depth += (row[at] == "(") - (row[at] == ")")
        if depth == 0:
            return at
    raise AssertionError("a parenthesis that is not closed")


def _given(inside: str) -> list[str]:
    """What stands between two parentheses, at the commas that are in no bracket of their own."""
    parts, begin, depth = [], 0, 0
    for at, letter in enumerate(inside):
        depth += (letter in "({[") - (letter in ")}]")
        if letter == "," and depth == 0:
            parts.append(inside[begin:at].strip())
            begin = at + 1
    return [*parts, inside[begin:].strip()] if inside.strip() else []
