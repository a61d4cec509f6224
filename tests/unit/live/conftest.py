"""A journal and artifacts as `run` has them, in an empty folder, and a book with a history in it."""

import pytest

from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Entry
from stratofold.wire import pack

KINDS = ("event", "request", "answer", "event", "evidence")


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts")


def entries(count, first=0):
    """Records of several kinds and lengths; no two are alike."""
    return [
        Entry(
            KINDS[k % len(KINDS)], pack([k, "x" * (k % 7)]), pack({"wall": 1_700_000_000_000_000_000 + k, "by": "test"})
        )
        for k in range(first, first + count)
    ]


@pytest.fixture
def book(journal):
    """A book of 30 records."""
    journal.create("momo", "paper", "g1", entries(30))
    return "momo"
