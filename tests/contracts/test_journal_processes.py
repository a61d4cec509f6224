"""The embedded journal between real processes: several at once, and one after another that is killed."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.store import LOG_BYTES
from stratofold.adapters.ports import ACTIVE, CLAIMED, HALTED, READY, AccountLimits, Entry
from stratofold.chain import GENESIS, link
from tests.contracts.journals import FAST, NOW, control, entry, message

WORKERS = Path(__file__).with_name("workers.py")
ROOM = AccountLimits(1e12, 1_000_000, 1e12, 1_000_000)


def start(work, path, name):
    return started(sys.executable, WORKERS, work, path, name)


def started(*command, **given):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **given)


def verified(journal, book="B"):
    """Every record of a book, the chain and the density of its sequence checked on the way."""
    chain, records = GENESIS, list(journal.records(book))
    for number, record in enumerate(records, 1):
        chain = link(chain, number, record.kind, record.body, record.envelope)
        assert (record.sequence, record.chain) == (number, chain)
    head = journal.head(book)
    assert (head.sequence, head.chain) == (len(records), chain)
    return records


@pytest.fixture
def tmp_path():
    """A folder on a fast disk."""
    with TemporaryDirectory(dir=FAST) as folder:
        yield Path(folder)


@pytest.fixture
def path(tmp_path):
    """A journal with a book "B" on an account with room."""
    place = tmp_path / "journal.db"
    journal = Journal(place)
    journal.create("B", "paper", "1", [])
    journal.limit("paper", ROOM)
    journal.close()
    return place


def test_several_processes_make_one_file(tmp_path):
    names = ["A", "B", "C", "D"]
    running = [start("create", tmp_path / "new.db", name) for name in names]
    assert [process.communicate()[0].split() for process in running] == [["made", name] for name in names]
    assert sorted(head.book for head in Journal(tmp_path / "new.db").books()) == names


def test_several_processes_at_once_do_everything_once(path):
    everything_is_done_once(Journal(path), partial(start, "race", path))


def everything_is_done_once(journal, begin):
    """Three processes, each begun with a name, do the same things to a journal at once."""
    epoch = journal.take("B", "test", 0).epoch
    messages = [message(f"B-1-{number}", expires_at=2**62) for number in range(12)]
    journal.append("B", epoch, 0, [entry("first")], steps=1, messages=messages)
    running = [begin(name) for name in ("a", "b", "c")]
    said = [tuple(line.split()) for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0, 0, 0]

    told = {word: [rest for first, rest in said if first == word] for word, _ in said}
    assert sorted(told[CLAIMED]) == sorted(each.key for each in messages)
    assert Counter(told["new"]) == Counter({"1": 12, "0": 24})
    assert sorted(map(int, told["nonce"])) == list(range(1, 37))
    assert sorted(map(int, told["first"])) == list(range(12))
    kinds = Counter(record.kind for record in verified(journal))
    assert kinds == Counter(event=37, alert=36)
    appended = [record.body.decode() for record in journal.records("B") if record.kind == "event"][1:]
    assert sorted(appended) == sorted(told["appended"])
    assert journal.head("B").step == 37
    assert len(journal.reserved("paper")) == 12


def test_what_another_process_commits_is_seen_as_a_change(path):
    journal = Journal(path)
    before = journal.changed()
    process = start("create", path, "C")
    process.communicate()
    assert journal.changed() != before


def test_what_another_connection_commits_counts_at_the_next_claim(path):
    ours, theirs = Journal(path), Journal(path)
    ours.take("B", "test", NOW)
    theirs.create("C", "paper", "2", [])
    theirs.take("C", "test", NOW)
    theirs.limit("paper", AccountLimits(1_500.0, 10, 1_500.0, 100))

    def claim(journal, book, key, **given):
        (claimed,) = journal.append(book, 1, 0, [], messages=[message(key, **given)], claim_at=NOW)[1]
        return claimed.answer

    assert claim(ours, "B", "B-1-1", price=100.0) == ""
    assert claim(theirs, "C", "C-2-1", symbol="QQQ") == "account_exposure limit=1500.0 observed=2000.0"
    assert claim(theirs, "C", "C-2-2", side=-1, price=99.0, exposure=0.0) == "self_match B-1-1"
    ours.release("paper", "B-1-1", 0)
    assert claim(theirs, "C", "C-2-3", side=-1, price=99.0) == ""
    assert claim(ours, "B", "B-1-2", exposure=600.0, symbol="QQQ") == "account_exposure limit=1500.0 observed=1600.0"
    theirs.control("paper", control("book", "B", HALTED))
    assert claim(ours, "B", "B-1-3") == "halted book B"
    theirs.control("paper", control("book", "B", ACTIVE))
    assert claim(ours, "B", "B-1-4", exposure=1.0, symbol="QQQ") == ""


def killed_at_random(opened, begin, cycles, chance, most_seconds=0.15):
    """Kill the writer of the journal that is opened, at random moments, again and again; how many steps were made."""
    promised = -1
    for cycle in range(cycles):
        process = begin(f"life{cycle}")
        took = process.stdout.readline().split()
        assert took == ["took", str(cycle + 1)]
        time.sleep(chance.uniform(0.0, most_seconds))
        process.kill()
        said = [line.split() for line in process.communicate()[0].splitlines() if line.endswith(tuple("0123456789"))]
        promised = max([promised, *(int(step) for word, step in said if word == "claimed")])
        settled = [int(step) for word, step in said if word == "settled"]
        promised = check(opened(), promised, settled) - 1
    return promised


def check(journal, promised, settled):
    """Nothing that was promised is lost, nothing is there twice, and every part tells the same story; the steps there."""
    head = journal.head("B")
    assert head.step in {promised + 1, promised + 2}  # the last one may have been written and not yet said
    records = verified(journal)
    assert [record.body for record in records if record.kind == "event"] == [b"%d" % step for step in range(head.step)]
    sent = journal.outbox("B")
    assert [each.key for each in sent] == [f"B-1-{step}" for step in range(head.step)]
    assert not journal.outbox("B", READY)
    assert {f"B-1-{step}" for step in settled} <= {each.key for each in journal.outbox("B", "accepted")}
    assert journal.reserved("paper") == {each.key: 100.0 for each in sent}
    answers = [record.body.decode() for record in records if record.kind == "answer"]
    assert answers == [each.key for each in journal.outbox("B", "accepted")]
    kept = journal.snapshot("B")
    if kept is not None:
        assert kept[2] == b"%d" % kept[0] * 2_000
        assert kept[0] >= head.step - 5
    journal.close()
    return head.step


def test_a_writer_that_is_killed_loses_and_doubles_nothing(path):
    killed_at_random(lambda: Journal(path), partial(start, "trade", path), 8, random.Random(3))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_a_writer_that_is_killed_five_hundred_times(path, seed):
    begin = partial(start, "trade", path)
    assert killed_at_random(lambda: Journal(path), begin, 25, random.Random(seed)) > 25


def test_a_log_that_ends_anywhere_is_a_journal_of_the_commits_before(path, tmp_path):
    # What a power cut leaves: the log as far as it got.
    process = start("trade", path, "life")
    for _ in range(40):
        process.stdout.readline()
    process.kill()
    process.communicate()
    log = Path(f"{path}-wal").read_bytes()
    chance, steps = random.Random(5), []
    for cut in [*(chance.randrange(len(log)) for _ in range(12)), len(log)]:
        copy = tmp_path / f"cut{cut}.db"
        shutil.copy(path, copy)
        Path(f"{copy}-wal").write_bytes(log[:cut])
        journal = Journal(copy)
        steps.append((cut, journal.head("B").step))
        assert len([record for record in verified(journal) if record.kind == "event"]) == steps[-1][1]
        assert len(journal.outbox("B")) == len(journal.reserved("paper")) == steps[-1][1]
        journal.close()
    assert [step for _, step in sorted(steps)] == sorted(step for _, step in steps)
    assert steps[-1][1] >= 19


def test_its_files_are_its_owners_alone(path):
    journal = Journal(path)
    journal.note("B", [entry()])
    modes = {name.name: name.stat().st_mode & 0o777 for name in path.parent.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert path.stat().st_uid == os.getuid()


def test_a_log_that_is_longer_than_it_must_be_holds_what_was_written_and_nothing_else(tmp_path):
    """Another process's commits before and after stay, and a copy as a crash would leave it opens with all of them."""
    one, other = Journal(tmp_path / "journal.db"), Journal(tmp_path / "journal.db")
    one.create("B", "paper", "1", [])
    other.note("B", [Entry("alert", b"before")])
    size = (tmp_path / "journal.db-wal").stat().st_size
    one.reserve_log()
    assert (tmp_path / "journal.db-wal").stat().st_size == LOG_BYTES > size
    one.reserve_log()
    assert (tmp_path / "journal.db-wal").stat().st_size == LOG_BYTES
    other.note("B", [Entry("alert", b"after")])
    one.note("B", [Entry("alert", b"last")])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    assert (crashed / "journal.db-wal").stat().st_size == LOG_BYTES
    bodies = [
        [each.body for each in Journal(crashed / "journal.db").records("B")],
        [each.body for each in other.records("B")],
    ]
    assert bodies == [[b"before", b"after", b"last"]] * 2


def test_a_log_that_cannot_be_made_longer_is_done_without(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.db")
    journal.create("B", "paper", "1", [])
    monkeypatch.setattr("os.fsync", full)
    journal.reserve_log()
    journal.note("B", [Entry("alert", b"after")])
    assert [each.body for each in journal.records("B")] == [b"after"]


def full(_):
    raise OSError(28, "No space left on device")
