"""The journal on DynamoDB keeps every promise that the embedded one keeps, on both emulators."""

import pytest

from tests.cloud.tables import new_journal
from tests.contracts.test_journal import *  # noqa: F403 -- the same tests, with the journal below

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def buckets():
    return {}


@pytest.fixture
def long_steps():
    """Fewer than in a file: each of these steps is some requests."""
    return 100_000


@pytest.fixture(params=["ministack", "moto"])
def journal(request, buckets):
    if request.param == "moto" and request.node.originalname == "test_a_long_book_keeps_few_and_near_ones":
        pytest.skip("moto copies the whole table for each of so many transactions")
    server = request.getfixturevalue(request.param)
    if request.param not in buckets:
        buckets[request.param] = server.bucket()
    made = new_journal(server, bucket=buckets[request.param])
    yield made
    made.close()
