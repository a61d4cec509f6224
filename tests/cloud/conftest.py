"""What the tests of the cloud share."""

from functools import cache

import pytest
from botocore.loaders import create_loader


@pytest.fixture(autouse=True, scope="session")
def the_sdk_reads_its_models_once():
    """Each command makes a session of its own, as in a process of its own; the megabytes of JSON behind it are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield
