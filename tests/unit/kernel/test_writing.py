"""What the front end writes: divisors, memory that is wanted soon, and what can never run in a kernel."""

import re
from array import array
from math import inf, isnan, nan

import numpy as np
import pytest

from stratofold.fold.marks import inside, is_float, is_other, soon
from stratofold.fold.run import run
from stratofold.fold.strategy import Strategy
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.refused import Changed, Refused
from stratofold.kernel.unit import compile_text
from stratofold.market.frames import read
from stratofold.research.prepare import Options, prepare
from tests.parity.machine import Machine


class Owner:
    """A column, and a number that every run of the strategy shares."""

    FIXED_BY_STRATEGY = ("hears",)

    def __init__(self, hears: int = 3) -> None:
        """Two numbers in the column."""
        self.hears = hears
        self.column = array("d", [1.5, 2.5])
        self.text = "not for machines"
        self.total = 0.0

    def divide(self, one: float, other: float) -> float:
        """A quotient."""
        return one / other

    def count(self, more: int) -> int:
        """Count one by one, up and down; what is counted is the strategy's own."""
        counted = more
        counted += 1
        return counted

    def glance(self, index: int) -> float:
        """Ask for a place, inside or not, and read another."""
        soon(self.column, index)
        return self.column[1]

    def half_of_float(self, number: float) -> float:
        """Half of a float; a whole number has none that the column could keep."""
        if is_float(number):
            return number / 2.0
        return len(self.text)

    def whole_of_int(self, number: float) -> float:
        """The other way round."""
        if is_float(number) and not number < 0.0:
            return len(self.text)
        return 1.0

    def differs(self, number: float) -> bool:
        """Whether it is another number than the column's first."""
        return is_other(self.column[0], number)

    @inside("index", "column")
    def vouch(self, index: int) -> float:
        """Read a place of which it says that it is there."""
        column = self.column
        return column[index]

    def hear(self) -> float:
        """Something for each bit of `hears`; text has no machine code."""
        if self.hears & 1:
            self.total += 1.0
        if not self.hears & 4:
            self.total += 10.0
        else:
            self.total = len(self.text)
        if self.hears & 8:
            self.total = len(self.text)
        return self.total

    def choose(self, real: float) -> int:
        """Where one side of `and` or `or` is fixed so that it decides, the others do not matter."""
        chosen = 0
        if self.hears & 8 and real > 0.0:
            chosen = len(self.text)
        if real > 0.0 and not self.hears & 1:
            chosen = len(self.text)
        if not (self.hears & 1 or real > 0.0):
            chosen = len(self.text)
        if real > 0.0 and (real > 5.0 or self.hears & 8):
            chosen += 1
        while self.hears & 8 or real > 3.0:
            chosen += 10
            real -= 1.0
        if self.hears & 1 and self.hears & 2:
            return chosen
        return len(self.text)

    def change(self) -> None:
        """What is fixed is changed."""
        self.hears = 1


def test_a_divisor_of_zero_leaves_and_nan_does_not() -> None:
    """-0 is a zero too; the smallest number and the infinite are not."""
    machine = Machine(Owner(), Owner.divide, (float, float))
    assert machine(1.0, 0.0)[0] != 0
    assert machine(1.0, -0.0)[0] != 0
    assert machine(nan, 0.0)[0] != 0
    status, result = machine(1.0, nan)
    assert (status, isnan(result)) == (0, True)
    assert [machine(1.0, other) for other in (inf, 4.0, -1e-308)] == [(0, 0.0), (0, 0.25), (0, -1e308)]


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("noted", [0.0, -0.0, 1.0, nan, float(2**53), inf])
def test_another_number_is_told_bit_by_bit(kind: type, noted: float) -> None:
    """Both zeros differ, and what is no number is itself; an int is none of them, for what is made of 0 is not what is made of 0.0."""
    owner = Owner()
    owner.column[0] = noted
    machine = Machine(owner, Owner.differs, (kind,))
    given = [0.0, -0.0, 1.0, nan, 2.0**53, inf] if kind is float else [0, 1, 2**53, 2**53 + 1]
    said = [machine(each) for each in given]
    assert said == [(0, owner.differs(each)) for each in given]
    assert [is_other for _, is_other in said].count(False) == (1 if kind is float else 0)


def test_a_strategys_count_has_an_end_and_the_engines_has_none_to_ask_for() -> None:
    """A step past 63 bits is the interpreter's; nobody lives to see the engine count so far, and it asks with every bar."""
    machine = Machine(Owner(), Owner.count, (int,))
    assert [machine(each)[0] != 0 for each in (7, 2**63 - 2, 2**63 - 1)] == [False, False, True]
    loop = re.search(r"^define [^\n]*hear_5f_feed\(.*?^}", kernel_text(Deaf), re.DOTALL | re.MULTILINE)
    assert loop is not None
    assert "add nsw i64" in loop[0]
    assert not re.search(r"sadd\.with\.overflow\.i64\([^)]*, i64 1\)", loop[0])


def test_what_is_wanted_soon_need_not_exist() -> None:
    """The processor is told of a place, and an address outside is no error."""
    machine = Machine(Owner(), Owner.glance, (int,))
    assert "call void @llvm.prefetch" in machine.text
    assert [machine(index) for index in (0, 1, 2, 10**15, -(10**15))] == [(0, 2.5)] * 5
    assert Owner().glance(7) == 2.5


def test_what_only_a_float_asks_for_is_in_no_code_for_ints() -> None:
    """Text has no machine code, so each is compiled for the one kind alone that does not come to it."""
    assert Machine(Owner(), Owner.half_of_float, (float,))(3.0) == (0, 1.5)
    assert Machine(Owner(), Owner.whole_of_int, (int,))(3) == (0, 1.0)
    for method, kind in ((Owner.half_of_float, int), (Owner.whole_of_int, float)):
        with pytest.raises(Refused):
            Machine(Owner(), method, (kind,))
    assert [Owner().half_of_float(each) for each in (3.0, 3)] == [1.5, 16]
    assert [is_float(each) for each in (1.0, nan, 1, True)] == [True, True, False, False]


def test_the_word_of_the_fold_alone_is_taken_for_a_place() -> None:
    """Its loop over bars checks its columns once, not at each bar; a strategy that vouches for a place is asked all the same."""
    machine = Machine(Owner(), Owner.vouch, (int,))
    assert [machine(index)[0] == 0 for index in (0, 1, 2, 10**15)] == [True, True, False, False]
    assert Owner().vouch(1) == 2.5
    loop = re.search(r"^define [^\n]*hear_5f_feed\(.*?^}", kernel_text(Deaf), re.DOTALL | re.MULTILINE)
    assert loop is not None
    assert len(re.findall(r"load (?:double|i64)[^\n]*invariant\.load", loop[0])) > 6
    assert loop[0].count("label %fail.2,") == 1  # of the first symbol, before the loop


def test_a_fixed_number_is_part_of_the_layout_and_what_it_rules_out_is_not_written() -> None:
    """So code that no run of this strategy reaches need not even be in the subset."""
    assert Machine(Owner(3), Owner.hear, ())() == (0, 11.0)
    assert Survey([Owner(3)], set(), set()).signature != Survey([Owner(2)], set(), set()).signature
    with pytest.raises(Refused, match="text"):
        Machine(Owner(8), Owner.hear, ())
    with pytest.raises(Refused, match="the same in every run"):
        Machine(Owner(), Owner.change, ())


def test_a_side_that_decides_rules_out_what_the_whole_leads_to() -> None:
    """As Python would do it; the text that machine code has none of is not met."""
    machine = Machine(Owner(3), Owner.choose, (float,))
    assert [machine(real) for real in (-1.0, 2.0, 7.0)] == [(0, Owner(3).choose(real)) for real in (-1.0, 2.0, 7.0)]
    assert Owner(3).choose(7.0) == 41
    with pytest.raises(Refused, match="text"):
        Machine(Owner(11), Owner.choose, (float,))


def test_an_object_with_another_fixed_number_does_not_fit() -> None:
    """Its code would do what this object asks not to."""
    owner = Owner(3)
    machine = Machine(owner, Owner.hear, ())
    owner.hears = 1
    with pytest.raises(Changed, match="hears"):
        machine()


class Deaf(Strategy):
    """Hears bars and nothing else."""

    def setup(self) -> None:
        """No state."""

    def on_bar(self, bar, book) -> None:
        """Nothing."""


class Listening(Deaf):
    """Hears fills and groups too."""

    def on_fill(self, fill, book) -> None:
        """Nothing."""

    def on_bars(self, bars, book) -> None:
        """Nothing."""


def kernel_text(strategy: type[Strategy]) -> str:
    """The LLVM text of a run of `strategy`."""
    times = np.arange(3) * 60_000_000_000 + 1_700_000_000_000_000_000
    prices = np.array([1.0, 2.0, 3.0])
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
    made = prepare(strategy, read({"X": {"time": times, **columns}}), Options(), {})
    survey = Survey([made.engine, made.strategy, made.feed], {2}, set())
    return compile_text(run, survey, (*(ObjectKind(root) for root in survey.roots), INT))[0]


def test_a_kernel_has_nothing_for_hooks_that_its_strategy_lacks() -> None:
    """Groups of bars are gathered only for a strategy that hears them."""
    deaf, listening = kernel_text(Deaf), kernel_text(Listening)
    assert ".gather(" not in deaf
    assert "on_5f_fill(" not in deaf
    assert ".gather(" in listening
    assert "on_5f_fill(" in listening
