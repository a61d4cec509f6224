"""The fold agrees with the naive reference, fill by fill and to the last bit, on random markets and scripts."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.harness import run_scenario
from tests.reference.chance import case
from tests.reference.shrink import differs, shown, smallest

EXAMPLES = 800
EXAMPLES_NIGHTLY = 20_000
FOUND = (687_522, 56_081_360)  # a moved stop filled where no price was; a ruin of which only a held symbol's bar told

seeds = st.integers(0, 2**48)
PHASES = (Phase.generate,)  # a seed cannot be made smaller; the case is, by `smallest`


def interpreted(scenario, script):
    return run_scenario(scenario, script, capacity=1)


def compiled(scenario, script):
    return run_scenario(scenario, script, "compiled", capacity=1)


def agree(seed, product):
    found = case(seed)
    if differs(found, product):
        pytest.fail(f"seed {seed}, made small:\n{shown(smallest(found, product), product)}", pytrace=False)


@pytest.mark.parametrize("product", [interpreted, compiled])
@pytest.mark.parametrize("seed", FOUND)
def test_both_agree_with_the_reference_where_they_have_not(seed, product):
    agree(seed, product)


@settings(max_examples=EXAMPLES, phases=PHASES)
@given(seeds)
def test_the_fold_agrees_with_the_reference(seed):
    agree(seed, interpreted)


@settings(max_examples=EXAMPLES, phases=PHASES)
@given(seeds)
def test_machine_code_agrees_with_the_reference(seed):
    agree(seed, compiled)


@pytest.mark.nightly
@settings(max_examples=EXAMPLES_NIGHTLY, phases=PHASES, derandomize=False)
@given(seeds)
def test_both_agree_with_the_reference_on_thousands(seed):
    agree(seed, interpreted)
    agree(seed, compiled)
