"""Sweeps by Step Functions on the local cloud: the real template, package, functions and map."""

import pytest

import stratofold
from stratofold import sweep
from stratofold.cloud import sweeps
from stratofold.cloud.local.cloud import LocalCloud
from stratofold.cloud.local.emulator import ARCHITECTURE, REGION
from stratofold.cloud.stack import Stack
from stratofold.research.sweep.executors.foreman import DIED
from stratofold.research.sweep.executors.stepfunctions import STACK
from stratofold.strategies import Crossover
from tests.unit.sweep.strategies import Poisonous

pytestmark = [pytest.mark.cloud, pytest.mark.nightly]  # a package with NumPy is built, unpacked and begun


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as found, pytest.MonkeyPatch.context() as patched:
        for name, value in found.environment().items():
            patched.setenv(name, value)
        stack = Stack(STACK, REGION)
        assert sweeps.deploy(stack, 2, ARCHITECTURE)[1]
        assert not sweeps.deploy(stack, 2, ARCHITECTURE)[1]
        yield found
        sweeps.destroy(stack)
        assert not stack.state().status


def test_step_functions_give_the_same_cells_from_frozen_kernels(cloud, market, tmp_path):
    space = {"fast": range(5, 25), "slow": [30, 40], "each_symbol": True, "execution": "compiled"}
    study = sweep(Crossover, market, executor="stepfunctions", budget=0.05, study=tmp_path / "study", **space)
    assert study.table.equals(sweep(Crossover, market, **space).table)
    assert not study.notices
    assert 0.0 < study.store.page["spent_usd"] < 0.01
    again = sweep(Crossover, market, executor="stepfunctions", study=tmp_path / "other", **space)
    assert again.store.page["spent_usd"] == 0.0  # its answers were there already
    assert again.table.equals(study.table)


def test_a_cell_that_kills_its_function_is_found(cloud, market):
    space = {"length": range(5, 15), "where": "poison == 0 or length == 9", "execution": "interpreted"}
    study = sweep(Poisonous, market, poison=[0, 2], executor="stepfunctions", **space)
    dead = study.table.filter(study.table["poison"] == 2)
    assert dead["error"].to_list() == [DIED]
    alone = sweep(Poisonous, market, poison=[0], **space).table
    assert study.table.filter(study.table["poison"] == 0).equals(alone)
