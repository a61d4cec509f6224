"""State is bytes and back: what fits, what is refused and by which name."""

from array import array
from collections import deque
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from math import nan
from random import Random
from threading import Lock

import pytest

from stratofold.errors import Setup
from stratofold.fold import state
from stratofold.fold.state import fields, restore, save


class Leaf:
    """A number or two."""

    def __init__(self, value=1.5):
        self.value = value
        self.on = True


class Tree:
    """One of everything that is state, and one thing that belongs to Python."""

    def __init__(self):
        self.count = 3
        self.price = nan
        self.flag = False
        self.window = array("d", [1.0, -0.0, nan])
        self.numbers = array("q", [-1, 2**62])
        self.leaf = Leaf()
        self.leaves = [Leaf(2.0), Leaf(3.0)]
        self._edge_names = ("SPY",)


def other():
    """A tree that has lived."""
    tree = Tree()
    tree.count, tree.price, tree.flag = -(2**63), 101.37, True
    tree.window.append(7.0)
    tree.numbers = array("q")
    tree.leaf.value = -1e300
    tree.leaves.append(Leaf(4.0))
    tree.leaves[0].on = False
    tree._edge_names = ("QQQ",)
    return tree


def test_restoring_gives_the_same_bytes_and_types():
    lived, fresh = other(), Tree()
    restore(fresh, save(lived))
    assert save(fresh) == save(lived)
    assert fresh.flag is True
    assert type(fresh.count) is int
    assert fresh.leaves[0].on is False
    assert [leaf.value for leaf in fresh.leaves] == [2.0, 3.0, 4.0]


def test_lists_become_shorter_too():
    fresh = other()
    restore(fresh, save(Tree()))
    assert save(fresh) == save(Tree())
    assert len(fresh.leaves) == 2


def test_what_belongs_to_python_is_no_state():
    fresh = Tree()
    restore(fresh, save(other()))
    assert fresh._edge_names == ("SPY",)
    assert "_edge_names" not in fields(fresh)


def test_bytes_depend_on_values_alone():
    one, two = Tree(), Tree()
    two.leaves = [two.leaves.pop(0), two.leaves.pop(0)]
    assert save(one) == save(two)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: setattr(tree, "count", 4),
        lambda tree: setattr(tree, "price", 0.0),
        lambda tree: setattr(tree, "price", -0.0),
        lambda tree: setattr(tree, "flag", True),
        lambda tree: tree.window.__setitem__(1, 0.0),
        lambda tree: tree.window.append(0.0),
        lambda tree: setattr(tree.leaves[1], "value", 3.0000000000000004),
        lambda tree: tree.leaves.pop(),
        lambda tree: setattr(tree, "count", 3.0),
    ],
)
def test_every_difference_shows(change):
    changed = Tree()
    change(changed)
    assert save(changed) != save(Tree())


class Words(list):
    """A list of one's own, whose items `fields` does not see."""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({}, "dict"),
        ("text", "str"),
        (None, "NoneType"),
        ({1}, "set"),
        (deque(), "deque"),
        ([1.0], "float"),
        ((1, 2), "tuple"),
        (b"", "bytes"),
        (date(2026, 1, 2), "date"),
        (Random(1), "Random"),
        (Decimal(1), "Decimal"),
        (Words(), "Words"),
        (Lock(), "lock"),
        (2**63, "int beyond 64 bits"),
        (-(2**63) - 1, "int beyond 64 bits"),
    ],
)
def test_what_is_no_state_is_named(value, kind):
    tree = Tree()
    tree.leaf.value = value
    with pytest.raises(Setup) as caught:
        save(tree)
    assert (caught.value.code, caught.value.place) == ("SF110", "Leaf.value")
    assert kind in caught.value.what
    assert caught.value.fix


class Table(Sequence):
    """A sequence of one's own, which keeps its numbers in plain sight."""

    def __init__(self):
        self.numbers = array("d", [1.0, 2.0])

    def __getitem__(self, index):
        return self.numbers[index]

    def __len__(self):
        return len(self.numbers)


def test_a_class_after_an_abstract_one_of_pythons_is_state():
    tree, fresh = Tree(), Tree()
    tree.leaf.value, fresh.leaf.value = Table(), Table()
    tree.leaf.value.numbers[1] = 7.0
    restore(fresh, save(tree))
    assert list(fresh.leaf.value) == [1.0, 7.0]


def test_an_array_of_numpy_is_no_state():
    np = pytest.importorskip("numpy")
    tree = Tree()
    tree.window = np.zeros(3)
    with pytest.raises(Setup, match="ndarray is no state"):
        save(tree)


def test_a_state_of_other_classes_does_not_fit():
    with pytest.raises(Setup, match="SF111"):
        restore(Leaf(), save(Tree()))
    with pytest.raises(Setup, match="SF111"):
        restore(Leaf(), save(Leaf()) + b"more")


def test_one_attribute_more_does_not_fit():
    state = save(Leaf())
    grown = Leaf()
    grown.extra = 1
    with pytest.raises(Setup, match="SF111"):
        restore(grown, state)


def test_every_nan_is_the_same_nan():
    one, two = Tree(), Tree()
    two.price = -nan
    two.window = array("d", [1.0, -0.0, -nan])
    assert save(one) == save(two)


class Priced:
    """It needs to be told its price."""

    def __init__(self, price):
        self.price = price


@pytest.mark.parametrize(
    ("made", "why"),
    [([], "a list that setup leaves empty is to hold 2 again"), ([Priced(1.0)], "missing 1 required")],
)
@pytest.mark.parametrize("given", [lambda lived, fresh: restore(fresh, save(lived)), state.copy])
def test_a_list_that_cannot_be_filled_again_is_refused_in_words(made, why, given):
    """An `IndexError` of ours would be taken for the strategy's."""
    lived, fresh = Tree(), Tree()
    lived.leaves, fresh.leaves = [Priced(2.0), Priced(3.0)], made
    with pytest.raises(Setup, match=r"Tree\.leaves") as raised:
        given(lived, fresh)
    assert raised.value.code == "SF111"
    assert why in raised.value.why
    assert "make one in setup" in raised.value.fix


def test_a_list_that_was_empty_too_stays_so():
    lived, fresh = Tree(), Tree()
    lived.leaves, fresh.leaves = [], []
    restore(fresh, save(lived))
    state.copy(lived, fresh)
    assert fresh.leaves == []
