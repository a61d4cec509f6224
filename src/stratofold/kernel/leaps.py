"""How machine code looks at eight bars at once: `fold.leap.quiet_bars`, written from what `fold.leap.is_quiet` comes to.

What comes in: a module as LLVM text, and what of the fold a quiet bar leaves changed.  What goes out: the text with two
functions made of `is_quiet`, the strategy's code included, and a `quiet_bars` that asks the one of eight bars and has the
other leave what the last quiet one leaves.
The one that asks changes nothing: wherever the code calls a function, or writes what a bar does not bring and is no counter,
its answer is no.  So is it where the code reads what a quiet bar leaves changed, because it is asked before.  A counter is an
int that is read once and stored one greater: of the bar so many after the first it is so much greater, if each bar has
counted it once, which is asked too.  That whoever answers yes answers so for the bar alone is thus read off the code, and
not off what kind of strategy it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from stratofold.fold import leap
from stratofold.kernel.forms import DAYS
from stratofold.kernel.straight import straightened
from stratofold.kernel.ways import NAME, Function, below, calls_any, from_ways, reached_in, read, refusals

if TYPE_CHECKING:
    from stratofold.kernel.unit import Unit

_ALIAS = re.compile(r'^(!\d+) = !\{!"([^"]*)", !\d+, i64 0\}$', re.MULTILINE)
_ACCESS = re.compile(r"^(!\d+) = !\{(!\d+), !\d+, i64 0\}$", re.MULTILINE)
_TAG = re.compile(r"!tbaa (!\d+)")
_LOAD = re.compile(rf"^  (%{NAME}) = load (\w+), ptr ([%@]{NAME})")
_STORE = re.compile(rf"^  store (\w+) (\S+), ptr ([%@]{NAME})")
_DEFINED = re.compile(rf"^  (%{NAME}) = (.*)$")
_ONE_MORE = re.compile(rf"^add (?:nuw )?(?:nsw )?i64 (%{NAME}), 1$")
_USED = re.compile(rf"%{NAME}")
_FACTS = re.compile(r"(?:, !\w[\w.]* !\d+)+(?=$|\n)| #\d+(?=$|\n)", re.MULTILINE)
_RETURN = re.compile(r"^  ret \{ i32, i1 \} (\S+)")
_HEAD = re.compile(r"^define [^\n]*")
_DECLARED = re.compile(r"^declare [^\n]*@(llvm\.[\w.]+)\([^\n]*$", re.MULTILINE)
_GIVEN = {"%p.engine", "%p.strategy", "%p.feed"}
_STRANGE = re.compile(
    r"call void @llvm\.|\.with\.overflow\.|^  switch |[su](?:div|rem) "
)  # nothing that is done eight at a time
Edit = Callable[[str, str], str]
ASKS, LEAVES = "leaps.asks", "leaps.leaves"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which functions they are in a unit's text, and by alias what a bar brings (`brought`) and a quiet one leaves (`left`).

    `turns` says that each bar has a session of its own.
    """

    leap: str
    bars: str
    quiet: str
    brought: frozenset[str]
    left: frozenset[str]
    turns: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a counter lies, the value that is written there, and the alias of its field."""

    place: str
    written: str
    alias: str


def plan_of(unit: "Unit") -> Plan:
    """The plan of a unit in which runs leap."""
    turns = unit.leaps == DAYS
    begins, hears = (leap.leap, leap.hear) if turns else (leap.leap_inside, leap.hear_inside)
    names = [unit.named(each) for each in (begins, leap.quiet_bars, leap.is_quiet, hears)]
    if not all(names):  # some of it can never be: what a run's numbers rule out is not written
        return Plan(names[0], "", "", frozenset(), frozenset(), turns)
    begin, bars, quiet, hear = names
    return Plan(
        begin,
        bars,
        quiet,
        frozenset(unit.stores_of([quiet], alone=True)),
        frozenset(unit.stores_of([hear])),
        turns,
    )


def with_leaps(text: str, plan: Plan, *, inlined: Edit, simplified: Edit, short: Edit) -> str:
    """The module with `quiet_bars` as machines do it; where the code never answers yes, without leaps.

    Of the function of a module that has a name `inlined` makes one with all that it calls in it, `simplified` one that is
    looked at more easily and moves no load, `short` the shortest.
    """
    if not plan.quiet:
        return _replaced(text, plan.leap, _NEVER) if plan.leap else text
    asked = _edited(inlined(text, plan.quiet), plan.quiet, _silenced)
    looked = simplified(asked, plan.quiet)
    made = Asked(read(*_found(looked, plan.quiet)), looked, plan)
    if not made.can_answer:
        return _replaced(text, plan.leap, _NEVER)
    known = set(_DECLARED.findall(text))
    rows = [found[0] + "\n" for found in _DECLARED.finditer(looked) if found[1] not in known | {_COUNT_ZEROS}]
    rows.append(f"declare i64 @{_COUNT_ZEROS}(i64, i1 immarg)\n")

    def shortest(function: str) -> str:
        head = made.head(ASKS).replace("define internal", "define").replace("alwaysinline ", "")
        return _found(short(_HEAD.sub(head, _FACTS.sub("", function), count=1) + "".join(rows), ASKS), ASKS)[0]

    asks = straightened(shortest(made.text(ASKS)), shortest)
    if not asks:
        return _replaced(text, plan.leap, _NEVER)
    asks = _HEAD.sub(made.head(ASKS), _FACTS.sub("", asks), count=1)
    driver = _DRIVER if plan.turns else re.sub(r"(%p\.session, )%\w+$", r"\g<1>0", _DRIVER, flags=re.MULTILINE)
    return _replaced(text, plan.bars, driver) + "".join([*rows, asks, made.text(LEAVES)])


class Asked:
    """The code of `is_quiet` in blocks: which of them are silent, and what it counts."""

    def __init__(self, function: Function, module: str, plan: Plan) -> None:
        """Look at every load and store."""
        self._function = function
        self._plan = plan
        names = dict(_ALIAS.findall(module))
        self._aliases = {tag: names.get(leaf, "") for tag, leaf in _ACCESS.findall(module)}
        lines = [line for block in function.blocks.values() for line in block]
        self._made = {found[1]: found[2] for line in lines if (found := _DEFINED.match(line))}
        self._silent = {label for label, block in function.blocks.items() if any(map(self._is_foreign, block))}
        self._silent |= {label for label in function.blocks if label in below(function, label, self._silent)}  # loops
        self.counters: list[Counter] = []
        while True:
            self._reached = reached_in(self._function, self._silent)
            self.counters = [counter for label in self._reached for counter in self._counted(label)]
            silent = {label for label in self._reached if self._is_late(label)}
            if not silent:
                break
            self._silent |= silent

    @property
    def can_answer(self) -> bool:
        """Whether there is a way on which the answer may be yes."""
        return any("  ret { i32, i1 } %" in line for label in self._reached for line in self._function.blocks[label])

    # What a line does

    def _alias(self, line: str) -> str:
        """The alias of what a line loads or stores; nothing where it does not say."""
        tag = _TAG.search(line)
        return self._aliases.get(tag[1], "") if tag else ""

    def _is_foreign(self, line: str) -> bool:
        """Whether a line makes its block silent, whatever else there is."""
        if calls_any(line) or _STRANGE.search(line):
            return True
        alias = self._alias(line)
        if _STORE.match(line):
            return alias not in self._plan.brought and self._counter(line) is None
        return bool(_LOAD.match(line)) and self._is_moved(alias)

    def _is_moved(self, alias: str) -> bool:
        """Whether what is read may be other than at a leap's beginning, and is no counter."""
        left = self._plan.left
        some = "any d" in left or "any q" in left
        return (
            not alias
            or alias in self._plan.brought
            or alias in left
            or alias.startswith("any ")
            or (some and alias[0] == "[")
        )

    def _counter(self, line: str) -> Counter | None:
        """The counter that a line stores one greater."""
        store = _STORE.match(line)
        if store is None or store[1] != "i64":
            return None
        alias = self._alias(line)
        more = _ONE_MORE.match(self._made.get(store[2], ""))
        before = _LOAD.match(f"  {more[1]} = {self._made.get(more[1], '')}") if more else None
        if before is None or before[3] != store[3] or self._alias(before.string) != alias or self._is_moved(alias):
            return None
        return Counter(store[3], store[2], alias) if self._is_steady(store[3]) else None

    def _counted(self, label: str) -> list[Counter]:
        """The counters of a block."""
        return [counter for line in self._function.blocks[label] if (counter := self._counter(line)) is not None]

    def _is_late(self, label: str) -> bool:
        """Whether a block reads a counter after it has counted, or what may be one elsewhere."""
        counted = self._counted_before(label)
        places = {counter.place for counter in self.counters}
        aliases = {counter.alias for counter in self.counters}
        for line in self._function.blocks[label]:
            load = _LOAD.match(line)
            place = load[3] if load is not None and self._alias(line) in aliases else ""
            if place and (place in counted or place not in places):
                return True
            counter = self._counter(line)
            if counter is not None:
                counted.add(counter.place)
        return False

    def _counted_before(self, label: str) -> set[str]:
        """The places of counters that may have counted before a block."""
        found: set[str] = set()
        for first in self._reached:
            places = {counter.place for counter in self._counted(first)}
            if places and label in below(self._function, first, self._silent):
                found |= places
        return found

    def _is_steady(self, name: str) -> bool:
        """Whether a value is the same for all bars of a leap."""
        if name in _GIVEN:
            return True
        made = self._made.get(name, "")
        return made.startswith(_STEADY) and all(map(self._is_steady, _USED.findall(made.split("!", 1)[0])))

    # Writing

    @staticmethod
    def head(name: str) -> str:
        """The first line of either function."""
        return f"define internal i1 @{name}({_PARAMETERS}, i64 %p.index, i64 %p.session, double %p.floor, double %p.ceiling, i64 %offset) nounwind alwaysinline {{"

    def text(self, name: str) -> str:
        """The function that asks or the one that leaves what a quiet bar leaves."""
        rows = [self.head(name)]
        distinct = list(dict.fromkeys(counter.place for counter in self.counters))
        for place, label in enumerate(self._reached):
            rows.append(f"{label}:")
            if place == 0:
                for number, _ in enumerate(distinct):
                    rows += [f"  %seen.{number} = alloca i64", f"  store i64 0, ptr %seen.{number}"]
                    rows += [f"  %where.{number} = alloca ptr", f"  store ptr null, ptr %where.{number}"]
            for line in self._function.blocks[label]:
                rows += self._written(line, name, distinct, label)
        return "\n".join([*rows, *refusals(self._function, self._reached, "i1 false"), "}", ""])

    def _written(self, line: str, name: str, distinct: list[str], label: str) -> list[str]:
        """One line as the function `name` has it."""
        if _STORE.match(line):
            counter = self._counter(line)
            if counter is None:
                return []
            number = distinct.index(counter.place)
            mark = f"{number}.{_PLAIN.sub('_', label)}"
            kept = [f"  store i64 {counter.written}, ptr {counter.place}"] if name == LEAVES else []
            return [
                *kept,
                f"  %seen.was.{mark} = load i64, ptr %seen.{number}",
                f"  %seen.is.{mark} = add i64 %seen.was.{mark}, 1",
                f"  store i64 %seen.is.{mark}, ptr %seen.{number}",
                f"  store ptr {counter.place}, ptr %where.{number}",
            ]
        load, alias = _LOAD.match(line), self._alias(line)
        line = _FACTS.sub("", line)
        if load is not None and any((counter.place, counter.alias) == (load[3], alias) for counter in self.counters):
            first = f"{load[1]}.first"
            return [line.replace(f"{load[1]} =", f"{first} =", 1), f"  {load[1]} = add i64 {first}, %offset"]
        returned = _RETURN.match(line)
        if returned is not None and returned[1][0] != "%":
            return ["  ret i1 false"]
        if returned is not None:
            return self._answer(returned[1], distinct)
        return [from_ways(line, self._reached)]

    def _answer(self, value: str, distinct: list[str]) -> list[str]:
        """Yes, where the code says so, and every counter has counted one, each somewhere else."""
        rows = [
            f"  %answer.status = extractvalue {{ i32, i1 }} {value}, 0",
            f"  %answer.said = extractvalue {{ i32, i1 }} {value}, 1",
            "  %answer.well = icmp eq i32 %answer.status, 0",
            "  %answer = select i1 %answer.well, i1 %answer.said, i1 false",
        ]
        last = "%answer"
        for number, _ in enumerate(distinct):
            rows += [
                f"  %answer.seen.{number} = load i64, ptr %seen.{number}",
                f"  %answer.once.{number} = icmp eq i64 %answer.seen.{number}, 1",
                f"  %answer.{number} = select i1 {last}, i1 %answer.once.{number}, i1 false",
            ]
            last = f"%answer.{number}"
        alias = {counter.place: counter.alias for counter in self.counters}
        for (one, place), (other, elsewhere) in combinations(enumerate(distinct), 2):
            if alias[place] == alias[elsewhere]:
                mark = f"{one}.{other}"
                rows += [
                    f"  %apart.one.{mark} = load ptr, ptr %where.{one}",
                    f"  %apart.other.{mark} = load ptr, ptr %where.{other}",
                    f"  %apart.{mark} = icmp ne ptr %apart.one.{mark}, %apart.other.{mark}",
                    f"  %answer.{mark} = select i1 {last}, i1 %apart.{mark}, i1 false",
                ]
                last = f"%answer.{mark}"
        return [*rows, f"  ret i1 {last}"]


# The text of a module


def _found(text: str, name: str) -> tuple[str, str]:
    """A function's text without its last brace, and the module's."""
    begin = re.search(rf"^define [^\n]*@{re.escape(name)}\(", text, re.MULTILINE)
    if begin is None:
        raise AssertionError(f"a module without {name}")
    return text[begin.start() : text.index("\n}\n", begin.start())], text


def _edited(text: str, name: str, edit: Callable[[Function], str]) -> str:
    """The module with a function edited."""
    old, _ = _found(text, name)
    return text.replace(old, edit(read(old, text)), 1)


def _replaced(text: str, name: str, body: str) -> str:
    """The module with another body for a function, which is written out wherever it is called."""
    old, _ = _found(text, name)
    head = old.split("\n", 1)[0]
    head = re.sub(r" (?:noinline cold|noinline|inlinehint|alwaysinline) \{$", " {", head)
    return text.replace(old, head.removesuffix("{") + "alwaysinline {" + body, 1)


def _silenced(function: Function) -> str:
    """A function in which whatever would call another one leaves instead."""
    silent = {label for label, block in function.blocks.items() if any(map(calls_any, block))}
    reached = reached_in(function, silent)
    rows = [function.head]
    for label in reached:
        rows += [f"{label}:", *(from_ways(line, reached) for line in function.blocks[label])]
    return "\n".join([*rows, *refusals(function, reached, "{ i32, i1 } { i32 1, i1 false }")])


_STEADY = ("getelementptr ", "load ", "add ", "sub ", "mul ", "shl ", "sext ", "zext ")
_PLAIN = re.compile(r"[^\w.]")
_COUNT_ZEROS = "llvm.cttz.i64"
_PARAMETERS = (
    "ptr nonnull align 8 captures(none) %p.engine, ptr nonnull align 8 captures(none) %p.strategy, "
    "ptr nonnull align 8 captures(none) %p.feed"
)
_NEVER = """
  %made = insertvalue {i32, i64} zeroinitializer, i64 %p.index, 1
  ret {i32, i64} %made"""
# The first bar is asked alone: what is the same for all of them is then known to be there, and is read before the others.
_DRIVER = f"""
entry:
  %said = alloca [8 x i8], align 8
  %is.some = icmp sgt i64 %p.room, 7
  br i1 %is.some, label %first, label %none
first:
  %first.is = call i1 @{ASKS}(ptr %p.engine, ptr %p.strategy, ptr %p.feed, i64 %p.index, i64 %p.session, double %p.floor, double %p.ceiling, i64 0)
  br i1 %first.is, label %group, label %none
group:
  %done = phi i64 [ 0, %first ], [ %following, %eight ]
  %following = add nuw nsw i64 %done, 8
  %fits = icmp sle i64 %following, %p.room
  br i1 %fits, label %lane, label %over
lane:
  %number = phi i64 [ 0, %group ], [ %number.next, %lane ]
  %offset = add nuw nsw i64 %done, %number
  %index = add nsw i64 %p.index, %offset
  %session = add nsw i64 %p.session, %offset
  %is = call i1 @{ASKS}(ptr %p.engine, ptr %p.strategy, ptr %p.feed, i64 %index, i64 %session, double %p.floor, double %p.ceiling, i64 %offset)
  %is.not = xor i1 %is, true
  %byte = zext i1 %is.not to i8
  %place = getelementptr inbounds [8 x i8], ptr %said, i64 0, i64 %number
  store i8 %byte, ptr %place, align 1
  %number.next = add nuw nsw i64 %number, 1
  %goes.on = icmp ult i64 %number.next, 8
  br i1 %goes.on, label %lane, label %eight, !llvm.loop !7
eight:
  %word = load i64, ptr %said, align 8
  %all = icmp eq i64 %word, 0
  br i1 %all, label %group, label %part
part:
  %zeros = call i64 @{_COUNT_ZEROS}(i64 %word, i1 true)
  %quiet = lshr i64 %zeros, 3
  %most = add nuw nsw i64 %done, %quiet
  br label %over
over:
  %count = phi i64 [ %done, %group ], [ %most, %part ]
  %is.worth = icmp sgt i64 %count, 2
  br i1 %is.worth, label %leave, label %none
leave:
  %last = sub nsw i64 %count, 1
  %last.index = add nsw i64 %p.index, %last
  %last.session = add nsw i64 %p.session, %last
  %left = call i1 @{LEAVES}(ptr %p.engine, ptr %p.strategy, ptr %p.feed, i64 %last.index, i64 %last.session, double %p.floor, double %p.ceiling, i64 %last)
  br label %none
none:
  %counted = phi i64 [ 0, %entry ], [ 0, %first ], [ 0, %over ], [ %count, %leave ]
  %made = insertvalue {{i32, i64}} zeroinitializer, i64 %counted, 1
  ret {{i32, i64}} %made"""
