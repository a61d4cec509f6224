"""On ticks the fold agrees with the naive reference, fill by fill, on random markets and scripts."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.reference.tick_chance import QUEUES, tick_case
from tests.reference.ticks import TickSimulator
from tests.tick_harness import run_ticks_case

EXAMPLES = 120
EXAMPLES_NIGHTLY = 10_000

seeds = st.integers(0, 2**48)
PHASES = (Phase.generate,)


def agree(seed, execution):
    case, script = tick_case(seed)
    assert run_ticks_case(case, script, execution) == TickSimulator(case, script).run(), f"seed {seed}"


@settings(max_examples=EXAMPLES, phases=PHASES)
@given(seeds)
def test_the_fold_agrees_with_the_reference(seed):
    agree(seed, "interpreted")


@settings(max_examples=EXAMPLES, phases=PHASES)
@given(seeds)
def test_machine_code_agrees_with_the_reference(seed):
    agree(seed, "compiled")


@pytest.mark.nightly
@settings(max_examples=EXAMPLES_NIGHTLY, phases=PHASES, derandomize=False)
@given(seeds)
def test_both_agree_with_the_reference_on_thousands(seed):
    agree(seed, "interpreted")
    agree(seed, "compiled")


def test_the_random_cases_reach_everything():
    """What no case reaches, no case can find wrong."""
    cases = [tick_case(seed) for seed in range(150)]
    outcomes = [TickSimulator(case, script).run() for case, script in cases]
    states = {state for outcome in outcomes for _, state, _ in outcome.orders}
    makers = {fill[-1] for outcome in outcomes for fill in outcome.fills}
    assert states == {"working", "filled", "cancelled", "expired"}
    assert makers == {True, False}
    assert {case.queue for case, _ in cases} == {*QUEUES}
    assert any(case.halts for case, _ in cases)
    assert len({case.latency for case, _ in cases}) > 3
