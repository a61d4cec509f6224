"""What machine code writes of an event, an order or what risk notes, and never reads: left out where nobody looks at it afterwards.

What comes in: a unit's text, its layouts and the unit.  What goes out: the text without such writes, and before that
without what its orders never lead to (`known`).
Why so: a bar has its session's number, weekday and month in it for whoever asks.  Most strategies ask for none of them, and
a run of which only the sums are wanted gives no bar back.
"""

import re
from typing import TYPE_CHECKING

from stratofold import events
from stratofold.fold import order, risk
from stratofold.kernel.known import with_known
from stratofold.kernel.values import Known, of_number

if TYPE_CHECKING:
    from stratofold.kernel.layout import Layout, Survey
    from stratofold.kernel.unit import Unit

_RECORDS = {events.__name__, order.__name__, risk.__name__}
_SLOTS = (order.Intent, order.Order, order.Message, order.Resting, events.Report)  # of the engine's tables, made alike
_ENTRY = re.compile(r"^define (?!internal )[^\n]*?@([-\w.$]+)\(", re.MULTILINE)
_ACCESS = re.compile(r"^  (store )?[^\n]*!tbaa (!\d+)[^\n]*\n", re.MULTILINE)


def without_unread(text: str, survey: "Survey", unit: "Unit") -> str:
    """The text without what no order leads to, and without stores to what nothing loads of events, orders and risk's notes."""
    entry = _ENTRY.search(text)
    return without_stores(with_known(text, entry[1], first_numbers(survey, unit)) if entry else text, survey, unit)


def without_stores(text: str, survey: "Survey", unit: "Unit") -> str:
    """The text without stores to fields of events, orders and risk's notes that nothing loads."""
    records = [layout for layout in survey.layouts if layout.cls.__module__ in _RECORDS]
    fields = {unit.alias(layout, name) for layout in records for name in layout.fields}
    unread = fields - {alias for store, alias in _ACCESS.findall(text) if not store}
    return _ACCESS.sub(lambda found: "" if found[1] and found[2] in unread else found[0], text)


def first_numbers(survey: "Survey", unit: "Unit") -> dict[str, Known]:
    """The fields of the records that an engine's tables are made of, by alias, and what each begins with in every run.

    Where a strategy holds such a record too, whatever its numbers are, nothing is said of them.
    """
    own, *others = survey.roots
    strange = {each for root in others for each in _reached(root)}
    layouts = [layout for layout in _reached(own) if layout.cls in _SLOTS and layout not in strange]
    return {
        unit.alias(layout, name): of_number(row.kind, getattr(layout.cls(), name))
        for layout in layouts
        for name, row in layout.fields.items()
    }


def _reached(root: "Layout") -> "list[Layout]":
    """The layouts of an object and of all that it leads to."""
    found = [root]
    for layout in found:
        found += [row.layout for row in layout.fields.values() if row.layout is not None and row.layout not in found]
    return found
