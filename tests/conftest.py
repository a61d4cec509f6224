"""What every test may ask for: the shared market data, the profiles of hypothesis, a kernel cache of our own."""

import gc
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.cloud_servers import ministack, moto, weed  # noqa: F401 -- fixtures, for every test that names them

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# Kernels compiled by one run of the tests serve the next, and the user's own cache stays out of it.
os.environ.setdefault("STRATOFOLD_CACHE", str(ROOT / ".cache" / "kernels"))

settings.register_profile(
    "default",
    deadline=None,  # a shared machine is not a stopwatch
    derandomize=True,  # the same commit gives the same verdict; `make nightly` looks for new failures
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


def pytest_collection():
    """Nothing of what is collected is given back: who looks for it looks in vain, and again and again."""
    gc.disable()


def pytest_collection_finish():
    """Ten thousand tests and what they import stay to the end: to look through them each time costs a tenth of all time."""
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """What needs the cloud's services is marked `cloud`, to be run alone or left out; what mostly waits goes first."""
    for item in items:
        given = getattr(getattr(item, "callspec", None), "params", {}).values()
        asked = {*getattr(item, "fixturenames", ()), *(value for value in given if isinstance(value, str))}
        if asked & {"ministack", "moto", "weed"}:
            item.add_marker("cloud")
    items.sort(key=lambda item: "/processes/" not in item.nodeid)
    _refuse_hidden({item.path for item in items if item.get_closest_marker("cloud")})


def _refuse_hidden(paths):
    """`make test-cloud` reads only files that name a service."""
    named = re.compile(r"ministack|moto|weed|mark\.cloud")
    for path in paths:
        if not named.search(path.read_text(encoding="utf-8")):
            raise pytest.UsageError(f"{path} names none of the cloud's services, and its tests ask for one")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data that lies beside a developer's checkout; a test that needs it skips without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared market data is not beside this checkout (../shared/data)")
    return SHARED_DATA
