"""What a strategy's orders have in common, and what therefore never happens: left out of a sweep's machine code.

What comes in: a unit's text, and with which numbers the fields of its records begin.  What goes out: the text without the
ways that no run takes, and with a number in place of a field that never holds another.
Why so: of a strategy that goes to market no order has a limit, a leg or a trail, and the fold asks of each order all the same.
Nobody is recognised: what is found follows from the text, whichever strategy it is of.
How: constants are carried along the ways that they leave open (Wegman and Zadeck, "Constant propagation with conditional
branches", ACM Transactions on Programming Languages and Systems 13(2), 1991), through all functions at once, each for the
constants that it is called with, and through the fields of records: such a field may hold what it begins with and what any
way that is open stores there, in whichever record.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stratofold.kernel.steps import FORK, FUNCTION, LOAD, PART, Function, Operand, function_of, operand
from stratofold.kernel.values import ANY, NAN, NOTHING, Known, joined, written

_NAME = re.compile(r"%[\w.]+")
_OURS = re.compile(r"f\d+\.")  # what our front end made of a function of Python's; the others touch no field
_MENTIONED = re.compile(r"@(f\d+\.[-\w.$]+)")
_CONTEXTS_MAX = 40  # of one function: more are not told apart
_NOBODY_KNOWS = "  br i1 ?"  # a way that is open though nobody comes back with what it asks


@dataclass(slots=True, eq=False)
class Context:
    """A function for some constants: what is known of each name, which blocks somebody reaches, and what comes back."""

    function: Function
    known: dict[str, Known]
    reached: set[str]
    returned: Known = NOTHING
    callers: set["Context"] = field(default_factory=set)
    is_settled: bool = False

    def of(self, what: Operand) -> Known:
        """What is known of a name or a constant."""
        return self.known.get(what, NOTHING) if isinstance(what, str) else what

    def learn(self, name: str, known: Known) -> None:
        """This is known of a name."""
        if self.known.get(name, NOTHING) != known:
            self.known[name] = known
            self.is_settled = False

    def reach(self, label: str) -> None:
        """Somebody comes to this block."""
        if label not in self.reached:
            self.reached.add(label)
            self.is_settled = False


class Walk:
    """All that is reached from one function on, walked until nothing more is learnt."""

    def __init__(self, text: str, entry: str, begins: Mapping[str, Known]) -> None:
        """Functions of the text, from `entry` on; of other fields than `begins` names nothing is known."""
        every = [found for found in FUNCTION.finditer(text) if found[1] == entry or _OURS.match(found[1])]
        self.functions = {found[1]: function_of(found[2], found[3]) for found in every}
        self.fields = dict(begins)
        self.contexts: dict[str, dict[tuple[Known, ...], Context]] = {name: {} for name in self.functions}
        self._readers: dict[str, set[Context]] = {alias: set() for alias in begins}
        self._waiting: dict[Context, None] = {}
        self._context(entry, (ANY,) * len(self.functions[entry].parameters))
        while self._waiting:
            here = next(iter(self._waiting))
            del self._waiting[here]
            self._settle(here)

    def _settle(self, here: Context) -> None:
        """Take a function's steps until they say no more."""
        here.is_settled = False
        while not here.is_settled:
            here.is_settled = True
            for label, steps in here.function.steps.items():
                if label in here.reached:
                    for step in steps:
                        step.take(here, self)

    def _context(self, name: str, given: tuple[Known, ...]) -> Context:
        """A function for these arguments, to be walked where it is new."""
        function, contexts = self.functions[name], self.contexts[name]
        is_one_more = given not in contexts and len(contexts) >= _CONTEXTS_MAX
        if function.is_shut or is_one_more or len(given) != len(function.parameters):
            given = (ANY,) * len(function.parameters)
        if given not in contexts:
            known: dict[str, Known] = dict.fromkeys(function.unknown, ANY)
            known.update(zip(function.parameters, given, strict=True))
            reached = {*function.lines} if function.is_shut else {next(iter(function.lines))}
            contexts[given] = Context(function, known, reached)
            self._waiting[contexts[given]] = None
        return contexts[given]

    def called(self, name: str, given: tuple[Known, ...], caller: Context) -> Known:
        """What is known of what a function returns for these arguments."""
        there = self._context(name, given)
        there.callers.add(caller)
        return there.returned

    def returned(self, here: Context, known: Known) -> None:
        """A function returns this too."""
        both = joined(here.returned, known)
        if both != here.returned:
            here.returned = both
            self._waiting.update(dict.fromkeys(here.callers))

    def read(self, alias: str, here: Context) -> Known:
        """What is known of a field."""
        if alias not in self.fields:
            return ANY
        self._readers[alias].add(here)
        return self.fields[alias]

    def write(self, alias: str, known: Known) -> None:
        """A field may hold this too."""
        if alias in self.fields and (both := joined(self.fields[alias], known)) != self.fields[alias]:
            self.fields[alias] = both
            self._waiting.update(dict.fromkeys(self._readers[alias]))


def with_known(text: str, entry: str, begins: Mapping[str, Known]) -> str:
    """The text without what never happens; `begins` are fields, by the number of their alias, and what they begin with."""
    walk = Walk(text, entry, begins)
    less = FUNCTION.sub(
        lambda found: _Writer(walk, found[1]).text(found) if found[1] in walk.functions else found[0], text
    )
    defined = {found[1] for found in FUNCTION.finditer(less)}
    is_whole = all(name in defined for name in _MENTIONED.findall(less)) and _NOBODY_KNOWS not in less
    return less if is_whole else text


def _is_any_ones(kind: str, always: str) -> bool:
    """Whether a constant is one of the fold's words, so that many strategies' functions have it; a quantity is one's own."""
    return kind != "double" or always == NAN


class _Writer:
    """One function written without what never happens, whichever constants it is called with."""

    def __init__(self, walk: Walk, name: str) -> None:
        """What is known of it for all its callers together."""
        self._function = walk.functions[name]
        self._contexts = list(walk.contexts[name].values())
        self._fields = walk.fields

    def text(self, found: re.Match[str]) -> str:
        """The function; nothing where nobody calls it."""
        if not self._contexts or self._function.is_shut:
            return found[0] if self._contexts else ""
        always = {
            name: given for name, kind in self._function.parameters.items() if (given := self._always(kind, name))
        }
        rows = [row for label in self._function.lines for row in self._block(label)]
        body = _NAME.sub(lambda name: always.get(name[0], name[0]), "\n".join(rows)) if always else "\n".join(rows)
        return f"{found[0][: found.start(3) - found.start()]}{body}\n}}\n"

    def _block(self, label: str) -> list[str]:
        """A block's lines; none where nobody comes there."""
        if not any(label in each.reached for each in self._contexts):
            return []
        return [*([f"{label}:"] if label else []), *map(self._line, self._function.lines[label])]

    def _line(self, line: str) -> str:
        """A line, or the constant or the one way that it comes to."""
        if (found := FORK.match(line)) is not None:
            return self._way(line, found)
        if (found := LOAD.match(line)) is not None and found[4] in self._fields:
            return self._constant(line, found[1], found[2])
        if (found := PART.match(line)) is not None:
            kind = found[2][1:-1].split(", ")[int(found[4])]
            return self._constant(line, found[1], kind) if _is_any_ones(kind, self._always(kind, found[1])) else line
        return line

    def _way(self, line: str, found: re.Match[str]) -> str:
        """Where a fork leads, if it is one way only."""
        asked = self._known(operand("i1", found[1]))
        if not isinstance(asked, frozenset) or asked == {0, 1}:
            return line
        return f"  br label %{found[2] if 1 in asked else found[3]}" if asked else _NOBODY_KNOWS

    def _constant(self, line: str, name: str, kind: str) -> str:
        """The line, or another that gives the name the one number that it stands for."""
        always = self._always(kind, name)
        return f"  {name} = bitcast {kind} {always} to {kind}" if always else line

    def _always(self, kind: str, name: str) -> str:
        """The constant that a name stands for whoever calls, empty where it is none."""
        return written(kind, self._known(name))

    def _known(self, what: Operand) -> Known:
        """What is known of a name or a constant for all callers together."""
        found: Known = NOTHING
        for each in self._contexts:
            found = joined(found, each.of(what))
        return found
