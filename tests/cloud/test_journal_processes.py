"""The cloud's journal between real processes: several at once, one after another that is killed, a hundred for one step."""

import os
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.ports import AccountLimits
from stratofold.errors import Retry
from tests.cloud.tables import new_table
from tests.contracts.journals import NOW, entry
from tests.contracts.test_journal_processes import everything_is_done_once, killed_at_random, started, verified

pytestmark = pytest.mark.cloud

ROOT = Path(__file__).parents[2]


@pytest.fixture
def opened(ministack):
    """Opens a journal, each time as another process would, with a book "B" on an account with room."""
    table = new_table(ministack)

    def open_one():
        return Journal(ministack.client(), table)

    journal = open_one()
    journal.create("B", "paper", "1", [])
    journal.limit("paper", AccountLimits(1e12, 1_000_000, 1e12, 1_000_000))
    return open_one


def start(server, table, work, name):
    environment = {**os.environ, **server.environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    return started(sys.executable, "-m", "tests.cloud.workers", work, table, name, env=environment, cwd=ROOT)


def test_several_processes_at_once_do_everything_once(ministack, opened):
    journal = opened()
    everything_is_done_once(journal, partial(start, ministack, journal._table.name, "race"))


def test_a_writer_that_is_killed_loses_and_doubles_nothing(ministack, opened):
    begin = partial(start, ministack, opened()._table.name, "trade")
    assert killed_at_random(opened, begin, 4, random.Random(3), most_seconds=0.6) > 4


def test_a_hundred_who_decide_the_same_step_are_one_writer(opened):
    # Every one writes under the same epoch, as the environments of one function do.
    epoch = opened().take("B", "cloud:test", NOW).epoch
    steps, together = 2, Barrier(100)

    def decide(name):
        journal, won = opened(), []
        for step in range(steps):
            together.wait()
            try:
                journal.append("B", epoch, step, [entry(f"{step} by {name}")], steps=1)
                won.append(step)
            except Retry as error:
                assert error.code == "SF802"  # noqa: PT017 -- counted below
        journal.close()
        return won

    with ThreadPoolExecutor(100) as pool:
        won = Counter(step for steps_won in pool.map(decide, range(100)) for step in steps_won)
    assert won == Counter(range(steps))
    journal = opened()
    assert journal.head("B").step == steps
    assert [record.body.split()[0] for record in verified(journal)] == [b"%d" % step for step in range(steps)]


def test_notes_of_many_at_once_are_all_written(opened):
    def write(name):
        journal = opened()
        for number in range(3):
            journal.note("B", [entry(f"{name}:{number}")])
        journal.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write, range(10)))
    written = [record.body.decode() for record in verified(opened())]
    assert sorted(written) == sorted(f"{name}:{number}" for name in range(10) for number in range(3))
    for name in range(10):
        assert [text for text in written if text.startswith(f"{name}:")] == [f"{name}:{number}" for number in range(3)]


def test_what_another_process_commits_is_seen_as_a_change(opened):
    ours, theirs = opened(), opened()
    ours.head("B")
    acts = [
        lambda: theirs.note("B", [entry()]),
        lambda: theirs.take("B", "other", NOW),
        lambda: theirs.limit("paper", AccountLimits()),
        lambda: theirs.create("C", "paper", "2", []),
    ]
    before = ours.changed()
    for act in acts:
        act()
        assert ours.changed() != before
        before = ours.changed()
        assert ours.changed() == before
