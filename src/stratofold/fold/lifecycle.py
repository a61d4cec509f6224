"""The life of an order, as one table: everything that can change its state is here.

What comes in: a state and the kind of a venue's report.  What goes out: the next state, or `ILLEGAL`, which is a
reconciliation incident and never ignored.  The diagram in the documentation is drawn from `TABLE`.
"""

from array import array

from stratofold.events import (
    ACCEPTED,
    BUSTED,
    CANCEL_REJECTED,
    CANCELLED,
    CORRECTED,
    EXPIRED,
    FILLED,
    PARTIAL,
    REJECTED,
    REPLACE_REJECTED,
    REPLACED,
    UNKNOWN,
)
from stratofold.fold.marks import inside

# States.  WAITING is a protective leg whose entry has no fill yet: it is not at the venue.
WAITING, PENDING, WORKING, PART_FILLED, UNSURE, DONE_FILLED, DONE_CANCELLED, DONE_EXPIRED, DONE_REJECTED = range(9)
ILLEGAL = -1

STATE_NAMES = ("waiting", "pending", "working", "part_filled", "unknown", "filled", "cancelled", "expired", "rejected")
REPORT_NAMES = (
    "accepted", "rejected", "partial", "filled", "cancelled", "expired", "replaced", "cancel_rejected", "busted",
    "corrected", "unknown", "replace_rejected",
)  # fmt: skip

AT_VENUE = (PENDING, WORKING, PART_FILLED, UNSURE)
DONE = (DONE_FILLED, DONE_CANCELLED, DONE_EXPIRED, DONE_REJECTED)

_OPEN_ENDS = {
    PARTIAL: PART_FILLED,
    FILLED: DONE_FILLED,
    CANCELLED: DONE_CANCELLED,
    EXPIRED: DONE_EXPIRED,
    UNKNOWN: UNSURE,
}

TABLE: dict[int, dict[int, int]] = {
    WAITING: {CANCELLED: DONE_CANCELLED},
    PENDING: {
        **_OPEN_ENDS,
        ACCEPTED: WORKING,
        REJECTED: DONE_REJECTED,
        REPLACED: WORKING,
        CANCEL_REJECTED: PENDING,
        REPLACE_REJECTED: PENDING,
    },
    WORKING: {
        **_OPEN_ENDS,
        ACCEPTED: WORKING,
        REPLACED: WORKING,
        CANCEL_REJECTED: WORKING,
        REJECTED: DONE_REJECTED,
        REPLACE_REJECTED: WORKING,
    },
    PART_FILLED: {
        **_OPEN_ENDS,
        ACCEPTED: PART_FILLED,
        REPLACED: PART_FILLED,
        CANCEL_REJECTED: PART_FILLED,
        REPLACE_REJECTED: PART_FILLED,
        BUSTED: PART_FILLED,
        CORRECTED: PART_FILLED,
    },
    UNSURE: {
        **_OPEN_ENDS,
        ACCEPTED: WORKING,
        REJECTED: DONE_REJECTED,
        REPLACED: WORKING,
        CANCEL_REJECTED: UNSURE,
        REPLACE_REJECTED: UNSURE,
    },
    DONE_FILLED: {
        CANCEL_REJECTED: DONE_FILLED,
        REPLACE_REJECTED: DONE_FILLED,
        BUSTED: PART_FILLED,
        CORRECTED: DONE_FILLED,
    },
    DONE_CANCELLED: {
        CANCEL_REJECTED: DONE_CANCELLED,
        REPLACE_REJECTED: DONE_CANCELLED,
        CANCELLED: DONE_CANCELLED,
        PARTIAL: DONE_CANCELLED,
    },
    DONE_EXPIRED: {CANCEL_REJECTED: DONE_EXPIRED, REPLACE_REJECTED: DONE_EXPIRED},
    DONE_REJECTED: {CANCEL_REJECTED: DONE_REJECTED, REPLACE_REJECTED: DONE_REJECTED},
}

STATE_COUNT = len(STATE_NAMES)
REPORT_COUNT = len(REPORT_NAMES)


class Lifecycle:
    """`TABLE` flattened to numbers, so that the same look-up runs in machine code."""

    __slots__ = ("next_state",)

    def __init__(self) -> None:
        """Flatten the table: row by state, column by report kind."""
        self.next_state: array[int] = array("q", [ILLEGAL]) * (STATE_COUNT * REPORT_COUNT)
        for state, row in TABLE.items():
            for report, following in row.items():
                self.next_state[state * REPORT_COUNT + report] = following

    @inside("at", "following")
    def after(self, state: int, report: int) -> int:
        """The state that follows, or `ILLEGAL`."""
        following = self.next_state
        at = state * REPORT_COUNT + report
        return following[at]
