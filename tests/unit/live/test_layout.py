"""What is written before a state: where in it an object is, and its fields; another layout is never read."""

import struct
from array import array

import pytest

from stratofold.errors import Setup
from stratofold.fold.state import fields
from stratofold.fold.tally import RoundTrip, Tally
from stratofold.live.layout import head_of, layout_of, values_in

TRIP = fields(RoundTrip())
HELD = ("held", "first", "number", "text", "nothing")


class Users:
    """A user's."""

    def __init__(self, *held):
        self.held = list(held)
        self.first, self.number, self.text, self.nothing = held[0], 1, "a text", None


def tally():
    return Tally(3, 1_000.0, array("d", [0.0]))


@pytest.fixture
def layout():
    """Of a fold: something of ours beside the strategy, and something that it holds."""
    return {".tally": fields(tally()), ".tally.trips[0]": TRIP, ".strategy.average": ("sum", "count")}


def test_what_is_held_is_found_wherever_it_is():
    assert layout_of(tally()) == {"": fields(tally()), ".trips[0]": TRIP}
    assert layout_of(Users(Users(RoundTrip()), 1.0)) == {"": HELD, ".first": HELD, ".first.first": TRIP}


def test_of_a_list_one_of_each_class_is_looked_at():
    found = layout_of(Users(1.0, RoundTrip(), RoundTrip(), tally()))
    assert found.keys() == {"", ".held[1]", ".held[2]", ".held[2].trips[0]"}


def test_classes_come_in_the_order_in_which_they_first_appear():
    three = Users(1.0, tally(), RoundTrip(), tally())
    found = layout_of(three)
    assert (found[".held[1]"], found[".held[2]"]) == (fields(tally()), TRIP)
    three.held.pop()
    assert layout_of(three) == found


def test_what_is_no_state_is_passed_over():
    """It is said when it is saved; a module would lead everywhere."""
    assert layout_of(Users(struct, RoundTrip(), lambda: 0)) == {"": HELD, ".held[1]": TRIP}
    blank = Tally.__new__(Tally)
    assert layout_of(blank) == {"": fields(tally())}


def test_what_leads_back_to_itself_has_an_end():
    first = Users(RoundTrip())
    first.first = first
    assert layout_of(first) == {"": HELD, ".held[0]": TRIP}


def test_a_state_of_the_same_layout_is_read(layout):
    assert values_in(head_of(layout) + b"values", layout) == b"values"


OTHERS = {
    "as many, another name": lambda names: ("other", *names[1:]),
    "as many, in another order": lambda names: (names[1], names[0], *names[2:]),
    "one more": lambda names: (*names, "more"),
    "one less": lambda names: names[:-1],
    "the same letters": lambda names: (names[0] + names[1][:1], names[1][1:], *names[2:]),
}


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_other_fields_are_refused_and_told(layout, others):
    with pytest.raises(Setup, match="SF116") as raised:
        values_in(head_of(layout | {".tally": others(layout[".tally"])}) + b"values", layout)
    assert raised.value.why == "tally had other fields"


def test_of_what_a_strategy_holds_it_is_the_strategy_that_does_not_fit(layout):
    """It may be another indicator in the place of this one."""
    other = layout | {".strategy.average": ("mean", "count")}
    with pytest.raises(Setup, match="SF111") as raised:
        values_in(head_of(other), layout)
    assert raised.value.place == "strategy.average"
    with pytest.raises(Setup, match="SF116"):
        values_in(head_of(other | {".tally": ()}), layout)


def test_a_place_that_is_in_one_of_them_only_says_nothing(layout):
    """An empty list does not say what it is of."""
    more = layout | {".strategy.more[0]": TRIP}
    assert values_in(head_of(more), layout) == values_in(head_of(layout), more) == b""


@pytest.mark.parametrize("state", [b"", b"SF", b"\r" + bytes(7), bytes(400)])
def test_what_does_not_say_its_layout_is_refused(layout, state):
    with pytest.raises(Setup, match="SF116") as raised:
        values_in(state, layout)
    assert raised.value.why == "it does not say how it is laid out"
