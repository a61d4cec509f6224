"""The fold agrees with the naive reference, fill by fill and to the last bit, on random markets and scripts."""

import pytest
from hypothesis import given, settings

from tests.harness import run_scenario
from tests.reference.chance import cases
from tests.reference.simulator import simulate

EXAMPLES = 300
EXAMPLES_NIGHTLY = 10_000


def agree(case, execution="interpreted"):
    scenario, script = case
    expected, actual = simulate(scenario, script), run_scenario(scenario, script, execution)
    for name in ("fills", "orders", "cash", "positions", "equity"):
        assert getattr(actual, name) == getattr(expected, name), name


@settings(max_examples=EXAMPLES)
@given(cases())
def test_the_fold_agrees_with_the_reference(case):
    agree(case)


@settings(max_examples=EXAMPLES // 3)
@given(cases())
def test_machine_code_agrees_with_the_reference(case):
    agree(case, "compiled")


@pytest.mark.nightly
@settings(max_examples=EXAMPLES_NIGHTLY, derandomize=False)
@given(cases())
def test_both_agree_with_the_reference_on_thousands(case):
    agree(case)
    agree(case, "compiled")
