"""The life of an order: every cell of the table, what is illegal, and what may never happen."""

import pytest

from stratofold.events import BUSTED, CANCEL_REJECTED, CORRECTED, FILLED, PARTIAL, REPLACE_REJECTED
from stratofold.fold.lifecycle import (
    AT_VENUE,
    DONE,
    DONE_CANCELLED,
    DONE_FILLED,
    ILLEGAL,
    REPORT_COUNT,
    REPORT_NAMES,
    STATE_COUNT,
    STATE_NAMES,
    TABLE,
    WAITING,
    Lifecycle,
)

# state | accepted rejected partial filled cancelled expired replaced cancel_rejected busted corrected unknown replace_rejected
# (the first letters of the state that follows; . is illegal)
ROWS = """
waiting     | .  .  .  .  c  .  .  .  .  .  .  .
pending     | w  r  pa f  c  e  w  pe .  .  u  pe
working     | w  r  pa f  c  e  w  w  .  .  u  w
part_filled | pa .  pa f  c  e  pa pa pa pa u  pa
unknown     | w  r  pa f  c  e  w  u  .  .  u  u
filled      | .  .  .  .  .  .  .  f  pa f  .  f
cancelled   | .  .  c  .  c  .  .  c  .  .  .  c
expired     | .  .  .  .  .  .  .  e  .  .  .  e
rejected    | .  .  .  .  .  .  .  r  .  .  .  r
"""
SHORT = {
    "w": "working", "r": "rejected", "pa": "part_filled", "f": "filled", "c": "cancelled", "e": "expired",
    "pe": "pending", "u": "unknown",
}  # fmt: skip
CELLS = [
    (row.split("|")[0].strip(), report, cell)
    for row in ROWS.strip().splitlines()
    for report, cell in zip(REPORT_NAMES, row.split("|")[1].split(), strict=True)
]


def test_the_table_here_has_every_cell():
    assert len(CELLS) == STATE_COUNT * REPORT_COUNT == len(STATE_NAMES) * len(REPORT_NAMES)


@pytest.mark.parametrize(("state", "report", "cell"), CELLS)
def test_what_follows(state, report, cell):
    following = Lifecycle().after(STATE_NAMES.index(state), REPORT_NAMES.index(report))
    assert following == (ILLEGAL if cell == "." else STATE_NAMES.index(SHORT[cell]))


def test_every_order_at_a_venue_can_end():
    for state in AT_VENUE:
        assert set(DONE) & set(TABLE[state].values()) >= {DONE_FILLED, DONE_CANCELLED}


def test_what_is_done_stays_done_unless_the_venue_takes_a_fill_back():
    for state in DONE:
        leaving = {report for report, following in TABLE[state].items() if following not in DONE}
        assert leaving <= {BUSTED}


def test_a_waiting_leg_is_not_at_the_venue_and_cannot_fill():
    assert WAITING not in AT_VENUE
    assert not {FILLED, PARTIAL} & set(TABLE[WAITING])


def test_a_cancel_that_comes_too_late_changes_nothing():
    for state, row in TABLE.items():
        if state != WAITING:
            assert row[CANCEL_REJECTED] == state or state not in DONE
            assert row[CANCEL_REJECTED] == row[REPLACE_REJECTED] == state


def test_only_what_was_filled_can_be_corrected():
    assert {STATE_NAMES[state] for state, row in TABLE.items() if CORRECTED in row} == {"part_filled", "filled"}
