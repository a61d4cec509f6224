"""How objects lie in memory: kinds, widening, what is shut, and what a layout does not depend on."""

from array import array

import pytest

from stratofold.kernel.layout import Survey


class Average:
    """A window, a number of each kind, and things that machine code cannot hold."""

    def __init__(self, period: int = 3) -> None:
        self.period = period
        self.total = 0.0
        self.ready = False
        self.window = array("d", bytes(8 * period))
        self.name = "average"
        self.best = None
        self._edge_cache = {}


class Slotted:
    """State in slots, over a base that has some too."""

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first = 1


class MoreSlots(Slotted):
    """A slot of its own, and one that is never set."""

    __slots__ = ("second", "unset")

    def __init__(self) -> None:
        super().__init__()
        self.second = 2.0


class Owner:
    """Objects in objects, in lists, and met twice."""

    def __init__(self, count: int = 2, period: int = 3) -> None:
        self.one = Average(period)
        self.many = [Average(period) for _ in range(count)]
        self.again = self.one
        self.none = []
        self.slotted = MoreSlots()


def survey(thing: object, *widened: str) -> Survey:
    """The layouts of one root."""
    return Survey([thing], set(), set(widened))


def test_each_value_has_its_kind() -> None:
    """Numbers inline, arrays and lists by address, an object met again by reference, `_edge…` nowhere."""
    found = survey(Owner())
    average = next(layout for layout in found.layouts if layout.cls is Average)
    assert {name: row.kind for name, row in average.fields.items()} == {
        "period": "int", "total": "float", "ready": "bool", "window": "array", "name": "shut", "best": "shut",
    }  # fmt: skip
    assert {name: row.kind for name, row in found.roots[0].fields.items()} == {
        "one": "object", "many": "list", "again": "reference", "none": "empty", "slotted": "object",
    }  # fmt: skip
    slotted = next(layout for layout in found.layouts if layout.cls is MoreSlots)
    assert list(slotted.fields) == ["first", "second"]


def test_numbers_are_aligned_and_do_not_overlap() -> None:
    """Eight bytes to a number, one to a flag."""
    for layout in survey(Owner()).layouts:
        end = 0
        for row in layout.fields.values():
            assert row.offset >= end
            assert row.kind in ("bool", "shut") or row.offset % 8 == 0
            end = row.offset + row.size
        assert layout.size >= end
        assert layout.size % 8 == 0


def test_one_layout_serves_all_lengths_and_values() -> None:
    """Parameters, windows and the number of symbols are no part of the signature."""
    assert survey(Owner(2, 3)).signature == survey(Owner(50, 200)).signature


def test_an_int_field_can_be_widened() -> None:
    """A field that machine code stores floats to is a float for the whole class."""
    name = f"{Average.__module__}.Average.period"
    assert survey(Average(), name).roots[0].fields["period"].kind == "float"


def test_neighbours_that_differ_in_int_and_float_are_widened() -> None:
    """A list of objects one of which already holds a float."""
    owner = Owner(3)
    owner.many[1].period = 2.5
    found = survey(owner)
    assert found.roots[0].fields["many"].kind == "list"
    assert any(name.endswith("Average.period") for name in found.widened)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda owner: owner.many.append(MoreSlots()), "a list of objects of different classes"),
        (lambda owner: owner.many.append(owner.one), "also kept elsewhere"),
        (lambda owner: setattr(owner.many[0], "total", True), "differ in kind"),
        (lambda owner: setattr(owner, "many", [1.0, 2.0]), "use array('d', ...)"),
        (lambda owner: setattr(owner, "many", array("f", [1.0])), "use array('d', ...)"),
        (lambda owner: setattr(owner, "many", memoryview(bytes(64)).cast("d")[::2]), "one unbroken dimension"),
        (lambda owner: setattr(owner, "many", (1.0, 2.0)), "use array('d', ...)"),
    ],
)
def test_what_cannot_be_held_is_shut_with_a_reason(spoil: object, reason: str) -> None:
    """It is refused only where code reads it."""
    owner = Owner()
    spoil(owner)  # type: ignore[operator]
    row = survey(owner).roots[0].fields["many"]
    assert row.kind == "shut"
    assert reason in f"{row.reason}: {row.fix}"


def test_attributes_that_share_an_array_are_known() -> None:
    """They are one group, so that machine code never takes a write to one for no write to the other."""
    owner = Owner()
    owner.one.spare = owner.one.window
    average = survey(owner).roots[0].fields["one"].layout
    assert average is not None
    assert average.fields["spare"].group == average.fields["window"].group
