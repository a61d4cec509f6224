"""Lithops on this machine: the same cells, whoever dies."""

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

import stratofold
from stratofold import sweep
from stratofold.errors import Setup
from stratofold.research.sweep.executors.foreman import DIED
from tests.unit.sweep.strategies import Above, Poisonous

constants = pytest.importorskip("lithops.constants")
pytestmark = pytest.mark.nightly  # a worker takes seconds to start

LENGTHS = [5, 9, 12, 20, 30, 40, 50]


@pytest.fixture(autouse=True)
def engine(tmp_path, monkeypatch):
    """Its own configuration: this machine, and a bucket that nobody else has."""
    bucket = f"sweeps-{uuid4().hex}"
    config = tmp_path / "lithops.yaml"
    config.write_text(f"lithops:\n  backend: localhost\n  storage: localhost\nlocalhost:\n  storage_bucket: {bucket}\n")
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(config))
    yield
    shutil.rmtree(Path(constants.LITHOPS_TEMP_DIR) / bucket, ignore_errors=True)


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")


def test_lithops_gives_the_same_cells(market, tmp_path):
    study = sweep(Above, market, length=LENGTHS, executor="lithops", workers=2, execution="interpreted")
    assert study.table.equals(sweep(Above, market, length=LENGTHS, execution="interpreted").table)


def test_a_budget_needs_a_price(market, tmp_path):
    with pytest.raises(Setup) as refused:
        sweep(Above, market, length=LENGTHS, executor="lithops", budget=1.0, study=tmp_path / "study")
    assert refused.value.code == "SFS67"


def test_a_configuration_that_cannot_be_is_said(market, tmp_path, monkeypatch):
    config = tmp_path / "wrong.yaml"
    config.write_text("lithops:\n  backend: moon\n")
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(config))
    with pytest.raises(Setup) as refused:
        sweep(Above, market, length=LENGTHS, executor="lithops")
    assert refused.value.code == "SFS71"


def test_a_cell_that_kills_its_worker_is_found(market):
    lengths = range(5, 15)
    study = sweep(
        Poisonous, market, length=lengths, poison=[0, 2], where="poison == 0 or length == 9", executor="lithops",
        execution="interpreted",
    )  # fmt: skip
    alone = sweep(Poisonous, market, length=lengths, poison=0, execution="interpreted").table
    dead = study.table.filter(study.table["poison"] == 2)
    assert dead["error"].to_list() == [DIED]
    assert study.table.filter(study.table["poison"] == 0).drop("cell").equals(alone.drop("cell"))
