"""Objects into memory and back: every number and array, and what no longer fits."""

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.kernel.layout import Survey, state_names
from stratofold.kernel.packing import Packer, side_by_side
from stratofold.kernel.refused import Changed

floats = st.floats(allow_nan=False)
ints = st.integers(-(2**63), 2**63 - 1)


class Leaf:
    """A number of each kind and an array."""

    def __init__(self, whole: int, real: float, flag: bool, values: list[float]) -> None:
        self.flag = flag
        self.whole = whole
        self.real = real
        self.values = array("d", values)
        self.text = "left alone"


class Tree:
    """Leaves inline, in a list, and one by reference."""

    def __init__(self, leaves: list[Leaf], counts: list[int]) -> None:
        self.first = leaves[0]
        self.rest = leaves[1:]
        self.counts = array("q", counts)
        self.again = leaves[0]
        self.scale = 2.5


leaves = st.builds(Leaf, ints, floats, st.booleans(), st.lists(floats, max_size=5))
trees = st.builds(Tree, st.lists(leaves, min_size=2, max_size=6), st.lists(ints, max_size=4))


def packer(tree: Tree) -> Packer:
    """A packer to which everything is written by machine code."""
    survey = Survey([tree], set(), set())
    stored = {f"{layout.number}.{name}" for layout in survey.layouts for name in layout.fields}
    arrays = {row.group for layout in survey.layouts for row in layout.fields.values()}
    return Packer(survey.roots, stored | arrays, arrays)


def numbers(thing: object) -> list[object]:
    """Every number below an object."""
    found: list[object] = []
    for name in state_names(thing):
        value = getattr(thing, name)
        if isinstance(value, Leaf):
            found += numbers(value)
        elif isinstance(value, list):
            found += [number for each in value for number in numbers(each)]
        else:
            found.append(value.tobytes() if isinstance(value, array) else value)
    return found


@given(trees)
def test_what_is_packed_comes_back(tree: Tree) -> None:
    """Numbers that were spoilt in Python are as they were packed, arrays are where they were."""
    before = numbers(tree)
    packed = packer(tree)
    block, addresses = packed.pack([tree])
    block.is_stale = True  # so that nothing counts as unchanged
    for leaf in (tree.first, *tree.rest):
        leaf.whole, leaf.real, leaf.flag = 0, 0.0, not leaf.flag
    packed.unpack([tree], block, addresses)
    assert numbers(tree) == before


@given(trees)
def test_a_block_can_be_rewound(tree: Tree) -> None:
    """The memory and the arrays that machine code wrote to."""
    before = numbers(tree)
    block, _ = packer(tree).pack([tree])
    for leaf in (tree.first, *tree.rest):
        for place in range(len(leaf.values)):
            leaf.values[place] = 7.0
    block.memory[block.start : block.next] = bytes(block.next - block.start)
    block.rewind()
    assert numbers(tree) == before
    assert bytes(block.memory[: block.next]) == block.before


def test_numbers_lie_where_the_layout_says() -> None:
    """The bytes at a field's offset are the number's."""
    tree = Tree([Leaf(5, 1.5, True, [1.0]), Leaf(6, 2.5, False, [2.0])], [1])
    packed = packer(tree)
    block, addresses = packed.pack([tree])
    root = packed.roots[0]
    first = root.fields["first"]
    place = addresses[0] - block.shift + first.offset
    assert first.layout is not None
    at = {name: place + row.offset for name, row in first.layout.fields.items()}
    assert struct.unpack_from("=q", block.memory, at["whole"]) == (5,)
    assert struct.unpack_from("=d", block.memory, at["real"]) == (1.5,)
    assert struct.unpack_from("=?", block.memory, at["flag"]) == (True,)
    address, length = struct.unpack_from("=QQ", block.memory, at["values"])
    assert (address, length) == (tree.first.values.buffer_info()[0], 1)
    (again,) = struct.unpack_from("=Q", block.memory, addresses[0] - block.shift + root.fields["again"].offset)
    assert again == addresses[0] + first.offset


def test_a_larger_table_needs_a_larger_block() -> None:
    """The block grows until everything has room."""
    tree = Tree([Leaf(k, 1.0, True, []) for k in range(2000)], [])
    block, _ = packer(tree).pack([tree])
    assert block.next > 2000 * 24


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: setattr(tree.first, "whole", 1.5),
        lambda tree: setattr(tree.first, "whole", 2**63),
        lambda tree: setattr(tree.first, "real", "text"),
        lambda tree: setattr(tree.first, "values", array("q", [1])),
        lambda tree: setattr(tree.first, "values", [1.0]),
        lambda tree: setattr(tree, "first", tree),
        lambda tree: delattr(tree.first, "real"),
        lambda tree: tree.rest.clear(),
        lambda tree: setattr(tree.rest[0], "values", tree.first.values) or setattr(tree, "counts", tree.first.values),
        lambda tree: setattr(tree, "again", Leaf(1, 1.0, True, [])),
    ],
)
def test_another_shape_is_noticed(spoil: object) -> None:
    """A packer made for one layout refuses objects of another."""
    tree = Tree([Leaf(1, 1.0, True, [1.0]), Leaf(2, 2.0, False, [2.0])], [3])
    packed = packer(tree)
    spoil(tree)  # type: ignore[operator]
    with pytest.raises(Changed):
        packed.pack([tree])


def test_numbers_without_a_gap_are_written_together():
    """A gap, and a place before the last one, begin a new run; nothing between the numbers is touched."""
    fields = [(8, "q"), (16, "d"), (24, "?"), (32, "d"), (0, "q")]
    runs = side_by_side(fields)
    assert [(begin, first, last) for begin, _, first, last in runs] == [(8, 0, 3), (32, 3, 4), (0, 4, 5)]
    memory, values = bytearray(b"\x55" * 40), (1, 2.5, True, 4.5, 6)
    for begin, pack, first, last in runs:
        pack(memory, begin, *values[first:last])
    assert struct.unpack("=qqd?7xd", memory) == (6, 1, 2.5, True, 4.5)
    assert memory[25:32] == b"\x55" * 7


class Scaled:
    """Has a constant, which an object of it may hide."""

    scale = 2

    def __init__(self) -> None:
        """A truth, of which any number would make one."""
        self.is_on = True


@pytest.mark.parametrize(("name", "value"), [("scale", 5), ("is_on", 7), ("is_on", 0.5)])
def test_what_another_object_of_the_class_says_otherwise_does_not_fit(name: str, value: float) -> None:
    """Machine code knows the constant, and packs a truth in a bit: 7 would be 1."""
    first, other = Scaled(), Scaled()
    packed = Packer(Survey([first], set(), set()).roots, set(), set())
    packed.pack([first])
    setattr(other, name, value)
    with pytest.raises(Changed):
        packed.pack([other])
