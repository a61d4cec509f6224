"""What machine code writes of an event or an order and never reads: left out where nobody looks at it afterwards.

What comes in: a unit's text, its layouts and the unit.  What goes out: the text without such writes.
Why so: a bar has its session's number, weekday and month in it for whoever asks.  Most strategies ask for none of them, and
a run of which only the sums are wanted gives no bar back.
"""

import re
from typing import TYPE_CHECKING

from stratofold import events
from stratofold.fold import order

if TYPE_CHECKING:
    from stratofold.kernel.layout import Survey
    from stratofold.kernel.unit import Unit

_RECORDS = {events.__name__, order.__name__}
_ACCESS = re.compile(r"^  (store )?[^\n]*!tbaa (!\d+)[^\n]*\n", re.MULTILINE)


def without_unread(text: str, survey: "Survey", unit: "Unit") -> str:
    """The text without stores to fields of events and orders that nothing loads."""
    records = [layout for layout in survey.layouts if layout.cls.__module__ in _RECORDS]
    fields = {unit.alias(layout, name) for layout in records for name in layout.fields}
    unread = fields - {alias for store, alias in _ACCESS.findall(text) if not store}
    return _ACCESS.sub(lambda found: "" if found[1] and found[2] in unread else found[0], text)
