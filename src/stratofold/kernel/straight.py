"""A question asked of eight bars at once has to be asked straight on: its jumps away are put off to its end.

What comes in: the text of a function without loops that changes nothing and answers yes or no, of a bar so many after the
first.  What goes out: the same function, in which an answer of no that depends on a bar's own numbers is kept until the end,
and what is read the same for all bars is read where nothing but a bar's own numbers could prevent it.
Why so: what is read after a jump is read by eight bars at once only under a mask, or from eight addresses.
What a jump may keep from being read at all stays behind it: a place in a column that has been looked at (a jump that
depends on a place), an object in a list that may be empty (one that is the same for all bars).  LLVM makes one jump of several
where it can, so one in which such a question is mixed with a bar's own numbers stays, too.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from stratofold.kernel.ways import NAME, PHI, Function, from_ways, reached_in, read, refusals

_DEFINED = re.compile(rf"^  (%{NAME}) = (.*)$")
_USED = re.compile(rf"%{NAME}")
_BRANCH = re.compile(rf"^  br i1 (%{NAME}), label %({NAME}), label %({NAME})$")
_LOAD = re.compile(rf"^load \w+, ptr (%{NAME})")
# The same for all bars; where in a column a bar's own lies; a bar's own numbers; whole numbers and truths of both kinds.
_SAME, _PLACE, _OWN, _MIXED = range(4)
_PLACED = ("getelementptr ", "add ", "sub ", "mul ", "shl ")
_BEFORE = "%p.engine", "%p.strategy", "%p.feed", "%p.floor", "%p.ceiling"


@dataclass(slots=True)
class _Flow:
    """What of a function its values are (`kinds`), where they are made, and what block each comes after on all ways."""

    function: Function
    kinds: dict[str, int]
    homes: dict[str, str]
    above: dict[str, str]


def straightened(text: str, short: Callable[[str], str]) -> str:
    """The function of a text, asked straight on; nothing where it never answers yes.

    What would have to be read of eight addresses at once is answered with no: `short` takes out what is over then.
    """
    while "ret i1 false" not in text:  # the shortest function has one end
        function = read(text, text)
        flow = _Flow(function, dict.fromkeys(_BEFORE, _SAME), {}, _above(function))
        for label in _in_order(function):
            for line in function.blocks[label]:
                found = _DEFINED.match(line)
                if found is not None:
                    flow.homes[found[1]] = label
                    flow.kinds[found[1]] = _kind(flow, found[2])
        _gather(flow)
        scattered = [label for label in function.blocks if _is_scattered(flow, label)]
        if not scattered:
            return _written(flow)
        text = short(_refused(function, scattered))
    return ""


def _is_scattered(flow: _Flow, label: str) -> bool:
    """Whether a block reads by numbers that were read, or, only for some bars, what is the same for all."""
    addresses = [_LOAD.match(found[2]) for line in flow.function.blocks[label] if (found := _DEFINED.match(line))]
    kinds = {_of(flow, address[1]) for address in addresses if address is not None}
    return max(kinds, default=_SAME) >= _OWN or (_SAME in kinds and _is_for_some(flow, label))


def _is_for_some(flow: _Flow, label: str) -> bool:
    """Whether only some bars come to a block, by their own numbers."""
    refusing = _refusing(flow.function)
    while label != flow.above[label]:
        label = flow.above[label]
        jump = _BRANCH.match(flow.function.blocks[label][-1])
        if jump is not None and _of(flow, jump[1]) >= _OWN and not {(label, jump[2]), (label, jump[3])} & refusing:
            return True
    return False


def _refused(function: Function, labels: Collection[str]) -> str:
    """The function, in which these blocks answer no."""
    reached = reached_in(function, labels)
    rows = [function.head]
    for label in reached:
        rows += [f"{label}:", *(from_ways(line, reached) for line in function.blocks[label])]
    return "\n".join([*rows, *refusals(function, reached, "i1 false"), "}", ""])


def _of(flow: _Flow, name: str) -> int:
    """What a value is."""
    return flow.kinds.get(name, _PLACE)  # a parameter: index, session or offset


def _kind(flow: _Flow, made: str) -> int:
    """What a value is that is made so."""
    kinds = {_of(flow, name) for name in _USED.findall(made)} or {_SAME}
    most = max(kinds)
    if made.startswith("phi "):
        return _OWN if made.startswith("phi double ") and most < _MIXED else _MIXED
    if made.startswith("load "):
        return _SAME if most == _SAME else _OWN
    is_price = " double" in made
    if most == _OWN and min(kinds) < _OWN and not is_price and not made.startswith("icmp "):
        return _MIXED
    if most == _PLACE and not made.startswith((*_PLACED, "icmp ")):
        return _OWN if is_price else _MIXED
    return most


def _above(function: Function) -> dict[str, str]:
    """Of each block the nearest one that every way to it goes through."""
    before: dict[str, list[str]] = {label: [] for label in function.blocks}
    for label, ways in function.ways.items():
        for way in ways:
            before[way].append(label)
    order = _in_order(function)
    place = {label: number for number, label in enumerate(order)}
    above = {order[0]: order[0]}
    for label in order[1:]:  # there is no loop, so what comes before it is known
        both = set(before[label])
        while len(both) > 1:
            lowest = max(both, key=place.__getitem__)
            both = both - {lowest} | {above[lowest]}
        above[label] = both.pop()
    return above


def _in_order(function: Function) -> list[str]:
    """The blocks, each after all those that lead to it."""
    left = dict.fromkeys(function.blocks, 0)
    for ways in function.ways.values():
        for way in ways:
            left[way] += 1
    order = [label for label, count in left.items() if count == 0]
    for label in order:
        for way in function.ways[label]:
            left[way] -= 1
            if left[way] == 0:
                order.append(way)
    return order


def _gather(flow: _Flow) -> None:
    """Make what is the same for all bars where no jump before it depends on anything but a bar's own numbers."""
    blocks = flow.function.blocks
    for label in _in_order(flow.function):
        for line in list(blocks[label]):
            found = _DEFINED.match(line)
            if found is None or flow.kinds[found[1]] != _SAME:
                continue
            home = _highest(flow, label, [flow.homes[name] for name in _USED.findall(found[2]) if name in flow.homes])
            if home != label:
                blocks[label].remove(line)
                blocks[home].insert(len(blocks[home]) - 1, line)
                flow.homes[found[1]] = home


def _highest(flow: _Flow, label: str, homes: list[str]) -> str:
    """The highest block above `label` to which only jumps by a bar's own numbers lead down, and below all `homes`."""
    while label != flow.above[label]:
        up = flow.above[label]
        jump = _BRANCH.match(flow.function.blocks[up][-1])
        if label in homes or (jump is not None and _of(flow, jump[1]) != _OWN):
            break
        label = up
    return label


def _written(flow: _Flow) -> str:
    """The text, in which answers of no wait for the end."""
    function = flow.function
    refusing = _refusing(function)
    rows = [function.head]
    for place, (label, block) in enumerate(function.blocks.items()):
        rows.append(f"{label}:")
        if place == 0:
            rows += ["  %straight.no = alloca i1", "  store i1 false, ptr %straight.no"]
        for line in block:
            rows += _line(flow, label, line, refusing)
    return "\n".join([*rows, "}", ""])


def _refusing(function: Function) -> set[tuple[str, str]]:
    """The ways (from, to) to the answer no, by one jump."""
    found = set()
    for label, block in function.blocks.items():
        for line in block:
            answer = re.match(rf"  %{NAME} = phi i1 (.*)$", line)
            if answer is not None and block[-1].startswith("  ret ") and len(block) == 2:
                found |= {(way, label) for way in re.findall(rf"\[ false, %({NAME}) \]", answer[1])}
    return found


def _line(flow: _Flow, label: str, line: str, refusing: set[tuple[str, str]]) -> list[str]:
    """One line; a jump to the answer no that depends on a bar's own numbers is put off."""
    jump = _BRANCH.match(line)
    if jump is not None and _of(flow, jump[1]) == _OWN:
        for way, other, is_when in ((jump[2], jump[3], True), (jump[3], jump[2], False)):
            if (label, way) in refusing:
                mark = re.sub(r"[^\w.]", "_", label)
                refused = jump[1] if is_when else f"%straight.not.{mark}"
                rows = [] if is_when else [f"  {refused} = xor i1 {jump[1]}, true"]
                return [
                    *rows,
                    f"  %straight.was.{mark} = load i1, ptr %straight.no",
                    f"  %straight.is.{mark} = or i1 %straight.was.{mark}, {refused}",
                    f"  store i1 %straight.is.{mark}, ptr %straight.no",
                    f"  br label %{other}",
                ]
    if " = phi " in line:
        ways = PHI.findall(line)
        left = [f"[ {value}, %{way} ]" for value, way in ways if not _is_put_off(flow, way, label, refusing)]
        return [line.split("[", 1)[0] + ", ".join(left)]
    answer = re.match(r"^  ret i1 (\S+)$", line)
    if answer is not None:
        return [
            "  %straight.said = load i1, ptr %straight.no",
            "  %straight.yes = xor i1 %straight.said, true",
            f"  %straight.answer = select i1 %straight.yes, i1 {answer[1]}, i1 false",
            "  ret i1 %straight.answer",
        ]
    return [line]


def _is_put_off(flow: _Flow, label: str, way: str, refusing: set[tuple[str, str]]) -> bool:
    """Whether the jump from `label` to the answer no at `way` is put off."""
    jump = _BRANCH.match(flow.function.blocks[label][-1])
    return (label, way) in refusing and jump is not None and _of(flow, jump[1]) == _OWN
