"""The fold's long and rare functions as modules of their own, compiled once for every strategy.

What comes in: a unit's text, and the names of the functions that are a strategy's own.  What goes out: the text without
the functions that can stand apart, and those, each with all that is written into it, as a module that says nothing of
the unit it came from: its names are given in order of appearance, and it is called by the hash of its text.
Why so: three quarters of a kernel are the fold's, and most of that is never inlined, so that nothing is lost when LLVM
does not see it; a further strategy finds it compiled.  What a unit knows of fields that *it* never stores to is left
out, because another strategy may store to them.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from stratofold.kernel.support import WIDE

_FUNCTION = re.compile(r"^define (?:internal )?([^\n]*?@([-\w.$]+)\([^\n]*) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_CONSTANT = re.compile(r"^(@c\d+) = [^\n]*\n", re.MULTILINE)
_ALIAS = re.compile(r'^!(\d+) = !\{!"([^"]*)", !(\d+), i64 0\}\n!(\d+) = [^\n]*\n', re.MULTILINE)
_NAMED = re.compile(r"@(?!llvm\.)[-\w.$]+")
_TBAA = re.compile(r"(!invariant\.load !0, )?!tbaa !(\d+)")
_NUMBERED = re.compile(r"^\d+\.")
_ROOT = "root"
_ALIAS_ROOT, _ALIASES_FROM = 4, 12
_HELD = "held"  # addresses and lengths, which no strategy's code changes


@dataclass(slots=True)
class _Text:
    """A unit's text in pieces: functions and constants by name, aliases by the number that accesses refer to."""

    functions: dict[str, str] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    mentions: dict[str, list[str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    preamble: str = ""


def set_apart(text: str, entry: str, own: Collection[str]) -> tuple[str, dict[str, str]]:
    """The text without what can stand apart, and that: modules by the name of the function that each defines.

    `own` are the names of functions that stay, with all that lead to them.
    """
    pieces = _read(text)
    roots = _roots(pieces, own)
    modules: dict[str, str] = {}
    names: dict[str, str] = {}
    for root in roots:  # each after those that it calls
        module = _module(pieces, root, names)
        names[root] = f"apart.{hashlib.sha256(module.encode()).hexdigest()[:20]}"
        modules[names[root]] = module.replace(f"@{_ROOT}(", f"@{names[root]}(", 1)
    kept = {*_reached(pieces, entry, names)}
    declared = {name for each in kept for name in pieces.mentions[each] if name in names}
    rest = _FUNCTION.sub(lambda found: found[0] if found[2] in kept else "", text)
    rest = _NAMED.sub(lambda found: f"@{names.get(found[0][1:], found[0][1:])}", rest)
    rows = [f"declare {_called(pieces.heads[name], names[name])}\n" for name in sorted(declared)]
    mentioned = {name for each in kept for name in pieces.mentions[each]}
    return rest + "".join(rows), {names[each]: modules[names[each]] for each in _needed(pieces, mentioned, names)}


def _read(text: str) -> _Text:
    """A unit's text, taken apart."""
    pieces = _Text()
    for found in _FUNCTION.finditer(text):
        name = found[2]
        pieces.functions[name], pieces.heads[name] = found[0], found[1]
        pieces.mentions[name] = [each[1:] for each in _NAMED.findall(found[0]) if each[1:] != name]
    for found in _CONSTANT.finditer(text):
        pieces.constants[found[1][1:]] = found[0]
    names = {found[1]: found[2] for found in _ALIAS.finditer(text)}
    for found in _ALIAS.finditer(text):
        pieces.aliases[found[4]] = _NUMBERED.sub("", found[2])
        pieces.parents[_NUMBERED.sub("", found[2])] = _NUMBERED.sub("", names.get(found[3], ""))
    pieces.preamble = "".join(f"{line}\n" for line in text.split("\n") if line.startswith("declare "))
    return pieces


# What can stand apart


def _roots(pieces: _Text, own: Collection[str]) -> list[str]:
    """Functions that are never inlined and lead to none of `own` nor to themselves, each after those that it calls."""
    done: dict[str, bool] = {}  # by name, whether it leads to none
    order: list[str] = []

    def is_free(name: str) -> bool:
        if name not in done:
            done[name] = False  # who comes back to where it began does not stand apart
            free = name not in own and all(is_free(each) for each in pieces.mentions[name] if each in pieces.functions)
            done[name] = free
            if free and " noinline" in pieces.heads[name]:
                order.append(name)
        return done[name]

    for name in pieces.functions:
        is_free(name)
    return order


def _reached(pieces: _Text, start: str, names: Collection[str]) -> Iterator[str]:
    """What `start` leads to without going into those that stand apart, in the order in which it is met."""
    seen = {start}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        yield name
        for each in reversed(pieces.mentions[name]):
            if each in pieces.functions and each not in names and each not in seen:
                seen.add(each)
                waiting.append(each)


def _needed(pieces: _Text, mentioned: Collection[str], names: Collection[str]) -> list[str]:
    """Of those that stand apart, the ones mentioned and all that they lead to."""
    seen: dict[str, None] = {}
    waiting = [each for each in mentioned if each in names]
    while waiting:
        root = waiting.pop()
        if root not in seen:
            seen[root] = None
            inside = _reached(pieces, root, names)
            waiting += [each for name in inside for each in pieces.mentions[name] if each in names]
    return sorted(seen)


# One module


def _module(pieces: _Text, root: str, names: dict[str, str]) -> str:
    """The module of one function; `names` are those of the others that stand apart."""
    inside = [*_reached(pieces, root, {*names} - {root})]
    called = dict.fromkeys(each for name in inside for each in pieces.mentions[name])
    given = {name: f"{name.rpartition('.')[2]}.{place}" for place, name in enumerate(inside) if name != root}
    given[root] = _ROOT
    constants = [name for name in called if name in pieces.constants]
    given |= {name: f"c{place}" for place, name in enumerate(constants)}
    apart = [name for name in called if name in names]
    rows = [pieces.preamble, *(f"declare {pieces.heads[name]}\n" for name in apart)]
    rows += [pieces.constants[name] for name in constants]
    rows += [pieces.functions[name] for name in inside]
    meanings = given | {name: names[name] for name in apart}
    text = _NAMED.sub(lambda found: f"@{meanings.get(found[0][1:], found[0][1:])}", "".join(rows))
    text = text.replace(
        f"define internal {_called(pieces.heads[root], _ROOT)}", f"define {_called(pieces.heads[root], _ROOT)}", 1
    )
    return _with_aliases(pieces, text)


def _called(head: str, name: str) -> str:
    """A function's first line under another name."""
    return _NAMED.sub(lambda _: f"@{name}", head, count=1)


def _with_aliases(pieces: _Text, text: str) -> str:
    """The text with its own metadata, and without what holds for one unit only."""
    places: dict[str, int] = {}

    def numbered(name: str) -> int:
        if name and name not in places:
            numbered(pieces.parents.get(name, ""))
            places[name] = len(places)
        return _ALIASES_FROM + 2 * places[name] if name else _ALIAS_ROOT

    def access(found: re.Match[str]) -> str:
        name = pieces.aliases[found[2]]
        fact = found[1] if found[1] and name == _HELD else ""
        return f"{fact}!tbaa !{numbered(name) + 1}"

    text = _TBAA.sub(access, text)
    rows = ["!0 = !{}", '!1 = !{!"branch_weights", i32 1, i32 1048575}', "!2 = !{i64 0, i64 1152921504606846976}"]
    rows += ["!3 = !{i8 0, i8 2}", '!4 = !{!"stratofold"}']
    rows += ["!5 = distinct !{!5, !6}", '!6 = !{!"llvm.licm.disable"}', *WIDE]
    for name in [*places]:
        leaf = numbered(name)
        rows += [
            f'!{leaf} = !{{!"{name}", !{numbered(pieces.parents[name])}, i64 0}}',
            f"!{leaf + 1} = !{{!{leaf}, !{leaf}, i64 0}}",
        ]
    return text + "\n".join(rows) + "\n"


__all__ = ["set_apart"]
