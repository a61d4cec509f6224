"""What of cells' names is their parameters': no two sets share it, and each set has it alone as among others."""

from itertools import product

import numpy as np
import polars as pl
import pytest

from stratofold.research.sweep.naming import text_of, words_of


def rows(words):
    """Each set's words as one value."""
    return [bytes(row) for row in words]


def grid(**values):
    """Every set of these values."""
    return [dict(zip(values, each, strict=True)) for each in product(*values.values())]


SETS = {
    "whole": grid(a=range(-50, 50), b=range(100), c=range(3)),
    "like each other": grid(a=[2**k for k in range(63)], b=[2**k for k in range(63)], c=[0, 1]),
    "real": grid(a=[k / 100 for k in range(100)], b=[0.0, -0.0, 1e-300, 1e300], c=[True, False]),
    "past 63 bits": grid(a=[*range(5), *(2**63 + k for k in range(5)), 2**200], b=[1, -1], c=[2**64, 0]),
}


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS)
def test_no_two_sets_have_words_in_common(sets):
    """Not in either of the two words, nor when parameters change places; one alone has the same."""
    words = words_of(sets, ["a", "b", "c"])
    assert [len(set(column)) for column in words.T.tolist()] == [len(sets), len(sets)]
    assert rows(words[::97]) == [rows(words_of([each], ["a", "b", "c"]))[0] for each in sets[::97]]
    if "a" in sets[0] and sets is SETS["whole"]:
        turned = words_of([{"a": each["b"], "b": each["a"], "c": each["c"]} for each in sets], ["a", "b", "c"])
        same = [row for row, each in enumerate(sets) if each["a"] == each["b"]]
        assert sorted(np.flatnonzero((words == turned).any(axis=1))) == same


def test_every_bit_of_a_parameter_changes_half_of_the_words():
    """As near as 64 times 128 tosses of a coin come to it."""
    plain = words_of([{"a": 12_345}], ["a"])[0]
    changed = words_of([{"a": 12_345 ^ 1 << bit} for bit in range(62)], ["a"])
    counts = [sum(int(word).bit_count() for word in row ^ plain) for row in changed]
    assert 60 < np.mean(counts) < 68
    assert min(counts) > 35


def test_sets_without_parameters_and_no_sets_at_all():
    """They have words too, all the same; none has none."""
    assert len(set(rows(words_of([{}, {}], [])))) == 1
    assert words_of([], ["a"]).shape == (0, 2)


@pytest.mark.parametrize("takes_lists", [True, False])
def test_a_column_of_names_is_their_digits(takes_lists, monkeypatch):
    """Of every byte there is, in every place; of none, no row.  Also where polars takes no list for bytes (1.20)."""

    def cast(column, kind):
        raise pl.exceptions.InvalidOperationError(kind)

    if not takes_lists:
        monkeypatch.setattr(pl.Series, "cast", cast)
    every = bytes(each + shift & 255 for each in range(256) for shift in range(16))
    assert text_of(every).to_list() == [every[at : at + 16].hex() for at in range(0, len(every), 16)]
    assert text_of(b"").to_list() == []
