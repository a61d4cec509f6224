"""What machine code writes of an event, an order or what risk notes, and never reads: left out where nobody looks at it afterwards.

What comes in: a unit's text, its layouts and the unit.  What goes out: the text without such writes, and before that
without what its orders never lead to (`known`).
Why so: a bar has its session's number, weekday and month in it for whoever asks.  Most strategies ask for none of them, and
a run of which only the sums are wanted gives no bar back.  Nor does it give back what a number was that is read for nothing
but its own next value: how much of an order was filled for how much money, or what a position's units cost.
"""

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from stratofold import events
from stratofold.fold import costs, desk, holding, log, order, risk, venue
from stratofold.kernel.known import with_known
from stratofold.kernel.values import Known, of_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stratofold.kernel.layout import Layout, Survey
    from stratofold.kernel.unit import Unit

_RECORDS = {each.__name__ for each in (costs, desk, events, holding, order, risk, venue)}
_COUNTS = (log.FillCount, log.OrderCount, log.TradeCount)  # not of refusals: a cell says how many there were
_SLOTS = (order.Intent, order.Order, order.Message, order.Resting, events.Report)  # of the engine's tables, made alike
_ENTRY = re.compile(r"^define (?!internal )[^\n]*?@([-\w.$]+)\(", re.MULTILINE)
_ACCESS = re.compile(r"^  (store )?[^\n]*!tbaa (!\d+)[^\n]*\n", re.MULTILINE)
_BODY = re.compile(r"^define [^\n]*\n(.*?)^\}\n", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"%[\w.]+")
_LOAD = re.compile(r"  (%[\w.]+) = load [^\n]*!tbaa (!\d+)")
_STORE = re.compile(r"  store \S+ (%[\w.]+), ptr %[\w.]+,[^\n]*!tbaa (!\d+)")
_WORKED_OUT = re.compile(
    r"  (%[\w.]+) = (?:f?(?:add|sub|mul|div|neg)|[if]cmp|select|and|or|xor|zext|trunc|bitcast|call double @llvm\.fabs) "
)


def without_unread(text: str, survey: "Survey", unit: "Unit") -> str:
    """The text without what no order leads to, and without stores to what nothing loads of events, orders and risk's notes."""
    entry = _ENTRY.search(text)
    return without_stores(with_known(text, entry[1], first_numbers(survey, unit)) if entry else text, survey, unit)


def without_stores(text: str, survey: "Survey", unit: "Unit") -> str:
    """The text without stores to fields of such records that nothing loads, or only what is stored there again."""
    records = [each for each in survey.layouts if each.cls.__module__ in _RECORDS or each.cls in _COUNTS]
    fields = {unit.alias(layout, name) for layout in records for name in layout.fields}
    unread = fields - read_of(text, fields)
    return _ACCESS.sub(lambda found: "" if found[1] and found[2] in unread else found[0], text)


def read_of(text: str, fields: set[str]) -> set[str]:
    """Of the fields, by alias, those of which a load leads to anything but to what is stored in the same field."""
    read: set[str] = set()
    for body in _BODY.findall(text):
        if "!tbaa" in body:
            read.update(_read_in(body.split("\n"), fields - read))
    return read


def _read_in(lines: list[str], fields: set[str]) -> "Iterator[str]":
    """As `read_of`, of one function."""
    loads = [found for line in lines if (found := _LOAD.match(line)) and found[2] in fields]
    users: defaultdict[str, list[str]] = defaultdict(list)
    if loads:
        for line in lines:
            for name in {*_NAME.findall(line.partition(" = ")[2] or line)}:
                users[name].append(line)
    for found in loads:
        if not _feeds_itself(found[1], found[2], users):
            yield found[2]


def _feeds_itself(name: str, alias: str, users: "defaultdict[str, list[str]]") -> bool:
    """Whether all that is worked out from a value ends in stores to the field of that alias."""
    waiting, seen = [name], {name}
    while waiting:
        here = waiting.pop()
        for line in users[here]:
            stored, made = _STORE.match(line), _WORKED_OUT.match(line)
            if made is None and (stored is None or stored[1] != here or stored[2] != alias or line.count(here) > 1):
                return False
            if made is not None and made[1] not in seen:
                seen.add(made[1])
                waiting.append(made[1])
    return True


def first_numbers(survey: "Survey", unit: "Unit") -> dict[str, Known]:
    """Fields by alias, and what each begins with in every run: of an engine's tables, and what classes say of themselves.

    Where a strategy holds such a record too, whatever its numbers are, nothing is said of them.
    """
    own, *others = survey.roots
    strange = {each for root in others for each in _reached(root)}
    return {
        unit.alias(layout, name): of_number(layout.fields[name].kind, value)
        for layout in _reached(own)
        if layout not in strange
        for name, value in _begins(layout)
        if layout.fields[name].fixed is None
    }


def _begins(layout: "Layout") -> "Iterable[tuple[str, float]]":
    """The fields of which every object of a class begins alike, and with which number."""
    if layout.cls in _SLOTS:
        fresh = layout.cls()
        return [(name, getattr(fresh, name)) for name in layout.fields]
    found: tuple[tuple[str, float], ...] = getattr(layout.cls, "BEGINS_ALIKE", ()) if layout.is_ours else ()
    return found


def _reached(root: "Layout") -> "list[Layout]":
    """The layouts of an object and of all that it leads to."""
    found = [root]
    for layout in found:
        found += [row.layout for row in layout.fields.values() if row.layout is not None and row.layout not in found]
    return found
