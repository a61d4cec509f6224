"""A journal that an older release wrote is brought up to date, and what is not settled is found without an index."""

import sqlite3
from contextlib import closing
from random import Random

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.schema import IS_LEFT, VERSION
from stratofold.adapters.ports import ACCEPTED, CLAIMED, DROPPED, READY, REJECTED, UNKNOWN, AccountLimits
from tests.contracts.journals import NOW, SECOND, entry, message

ROOM = AccountLimits(1e9, 1_000, 1e9, 3)
STATES = (READY, CLAIMED, DROPPED, UNKNOWN, ACCEPTED, REJECTED)
VERSION_1 = """
    ALTER TABLE books DROP COLUMN open_from;
    ALTER TABLE books DROP COLUMN second;
    ALTER TABLE books DROP COLUMN sent;
    DROP INDEX outbox_left;
    CREATE INDEX outbox_states ON outbox (book, state);
    PRAGMA user_version = 1;
"""


def book_of(journal, *keys, name="B"):
    """A book with these messages on the wire, the first of them accepted."""
    journal.create(name, "paper", name, [entry()])
    journal.limit("paper", ROOM)
    journal.take(name, "test", NOW)
    journal.append(name, 1, 0, [entry()], steps=1, messages=[message(key) for key in keys], claim_at=NOW)
    journal.settle(name, keys[0], ACCEPTED, "venue-1", [entry()], [])


@pytest.fixture
def old(tmp_path):
    """A file as the first schema has it, where three messages left in one second."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    book_of(journal, "B-1-1", "B-1-2", "B-1-3")
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1 + f"UPDATE accounts SET second = {NOW // SECOND}, sent = 3;")
    return path


VERSION_2 = """
    DROP INDEX outbox_left;
    CREATE INDEX outbox_left ON outbox (book, number) WHERE state IN ('ready', 'dropped', 'unknown');
    PRAGMA user_version = 2;
"""


def version_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_older_file_is_brought_up_to_date_and_says_the_same(old):
    journal = Journal(old)
    assert version_of(old) == VERSION == 3
    assert [one.key for one in journal.outbox("B", CLAIMED, UNKNOWN)] == ["B-1-2", "B-1-3"]
    (refused,) = journal.append("B", 1, 1, [entry()], messages=[message("B-1-4")], claim_at=NOW)[1]
    assert refused.answer == "account_orders_per_second limit=3 observed=4"
    journal.close()


def test_a_file_of_the_second_schema_finds_what_is_left_over_by_the_index_of_the_third(tmp_path):
    path = tmp_path / "journal.db"
    journal = Journal(path)
    book_of(journal, "B-1-1", "B-1-2", "B-1-3")
    journal.settle("B", "B-1-3", UNKNOWN, "", [entry()], [])
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_2)
    journal = Journal(path)
    assert version_of(path) == VERSION
    assert [one.key for one in journal.outbox("B", CLAIMED, UNKNOWN)] == ["B-1-2", "B-1-3"]
    ((made,),) = journal.store.read("SELECT sql FROM sqlite_master WHERE name = 'outbox_left'")
    assert made.endswith(f"WHERE {IS_LEFT}")
    journal.close()


def test_what_is_asked_of_each_row_makes_no_table_of_words(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    steps = journal.store.read("EXPLAIN UPDATE outbox SET state = 'claimed', epoch = 1, answer = '' WHERE number = 1")
    assert "OpenEphemeral" not in {step[1] for step in steps}
    journal.close()


def test_it_is_done_once(old):
    Journal(old).close()
    before = old.read_bytes()
    Journal(old).close()
    assert old.read_bytes() == before


def test_an_older_process_may_run_on_beside_a_newer_one(old):
    running = sqlite3.connect(old, isolation_level=None)
    journal = Journal(old)
    running.execute("INSERT INTO accounts (name, second, sent) VALUES ('paper', 9, 9)"
                    " ON CONFLICT (name) DO UPDATE SET second = second + 1, sent = 2")  # fmt: skip
    running.execute(
        "INSERT INTO outbox SELECT number + 10, book, 'B-1-9', action, client_id, symbol, side, quantity, price,"
        " exposure, reduces, expires_at, body, 'claimed', epoch, answer, strategy FROM outbox WHERE number = 3"
    )
    assert [one.key for one in journal.outbox("B", CLAIMED)] == ["B-1-2", "B-1-3", "B-1-9"]
    messages = [message("B-1-5"), message("B-1-6")]
    claimed = journal.append("B", 1, 1, [entry()], messages=messages, claim_at=NOW + SECOND)[1]
    assert [one.state for one in claimed] == [CLAIMED, DROPPED]
    running.close()
    journal.close()


def test_the_books_of_an_account_share_its_second_in_any_process(tmp_path):
    first = Journal(tmp_path / "journal.db")
    book_of(first, "B-1-1")
    second = Journal(tmp_path / "journal.db")
    book_of(second, "C-1-1", name="C")
    told = [journal.append(name, 1, 1, [], steps=1, messages=[message(key)], claim_at=NOW)[1][0].state
            for journal, name, key in ((first, "B", "B-1-2"), (second, "C", "C-1-2"))]  # fmt: skip
    assert told == [CLAIMED, DROPPED]
    later = first.append("B", 1, 2, [], messages=[message("B-1-3")], claim_at=NOW + SECOND)[1]
    assert [one.state for one in later] == [CLAIMED]
    first.close()
    second.close()


@pytest.mark.parametrize("seed", range(4))
def test_another_process_sees_what_is_open_whatever_was_done(tmp_path, seed):
    random, journal = Random(seed), Journal(tmp_path / "journal.db")
    book_of(journal, "B-1-0")
    keys = ["B-1-0"]
    for turn in range(1, 60):
        keys.append(f"B-1-{turn}")
        claim_at = NOW + turn * SECOND if random.random() < 0.7 else None
        journal.append("B", 1, turn, [entry()], steps=1, messages=[message(keys[-1])], claim_at=claim_at)
        journal.claim("B", 1, random.sample(keys, 1), NOW)
        for key in random.sample(keys, min(len(keys), 2)):
            journal.settle("B", key, random.choice((ACCEPTED, REJECTED, UNKNOWN)), "", [entry()], [])
        if turn % 10 == 0:
            other = Journal(tmp_path / "journal.db")
            everything = other.outbox("B")
            assert len(everything) == turn + 1
            for states in ([state] for state in STATES):
                wanted = [one.key for one in everything if one.state in states]
                assert [one.key for one in other.outbox("B", *states)] == wanted
                assert [one.key for one in journal.outbox("B", *states)] == wanted
            other.close()
    journal.close()


def test_what_is_settled_is_not_read_again_whatever_stays_in_doubt(tmp_path):
    """A message that nobody ever finds out about costs nobody a walk through all that came after it."""
    journal = Journal(tmp_path / "journal.db")
    book_of(journal, *[f"B-1-{number}" for number in range(40)])
    (doubtful, *others) = journal.outbox("B", CLAIMED, DROPPED)
    journal.settle("B", doubtful.key, UNKNOWN, "", [entry()], [])
    for one in others:
        journal.settle("B", one.key, REJECTED, "", [entry()], [])
    journal.append("B", 1, 1, [entry()], steps=1, messages=[message("B-1-99")], claim_at=NOW + SECOND)
    ((open_from,),) = journal.store.read("SELECT open_from FROM books")
    assert open_from == 41
    assert [one.key for one in Journal(tmp_path / "journal.db").outbox("B", CLAIMED, UNKNOWN)] == [
        doubtful.key,
        "B-1-99",
    ]
    plan = f"EXPLAIN QUERY PLAN SELECT * FROM outbox WHERE book = 1 AND {IS_LEFT} ORDER BY number"
    assert "USING INDEX outbox_left" in str(journal.store.read(plan))
    journal.close()


def test_one_that_was_ready_for_long_is_found_when_it_is_claimed(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    book_of(journal, "B-1-0")
    journal.append("B", 1, 1, [entry()], steps=1, messages=[message("B-1-1")])
    journal.append("B", 1, 2, [entry()], steps=1, messages=[message("B-1-2")], claim_at=NOW + SECOND)
    journal.settle("B", "B-1-2", ACCEPTED, "", [entry()], [])
    journal.claim("B", 1, ["B-1-1"], NOW + SECOND)
    other = Journal(tmp_path / "journal.db")
    assert [one.key for one in other.outbox("B", CLAIMED)] == ["B-1-1"]
    other.close()
    journal.close()


def test_an_older_process_that_runs_on_may_claim_what_was_ready(tmp_path):
    """It does not know the number from which on the newer one looks for what is claimed."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    book_of(journal, "B-1-0")
    journal.append("B", 1, 1, [entry()], steps=1, messages=[message("B-1-1"), message("B-1-2")])
    journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as running:
        running.executescript(VERSION_1)
        running.execute("UPDATE outbox SET state = 'dropped' WHERE key = 'B-1-2'")
        journal = Journal(path)
        journal.settle("B", "B-1-2", REJECTED, "", [entry()], [])  # by which the row is written anew
        running.execute("UPDATE outbox SET state = 'claimed' WHERE key = 'B-1-1'")
    other = Journal(path)
    for one in (journal, other):
        assert [each.key for each in one.outbox("B", CLAIMED)] == ["B-1-1"]
        one.close()


@pytest.mark.parametrize("state", [ACCEPTED, UNKNOWN])
def test_an_answer_is_written_down_whatever_the_row_of_its_book_says(tmp_path, state):
    journal = Journal(tmp_path / "journal.db")
    book_of(journal, "B-1-0", "B-1-1", "B-1-2")
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as hand:
        hand.execute("UPDATE books SET open_from = 3")
    journal = Journal(tmp_path / "journal.db")
    assert [one.key for one in journal.outbox("B", CLAIMED)] == ["B-1-2"]
    journal.settle("B", "B-1-1", state, "venue-2", [entry()], [])
    journal.settle("B", "B-1-0", UNKNOWN, "", [entry()], [])  # it was accepted, and stays so
    assert [journal.message("B", key).state for key in ("B-1-0", "B-1-1")] == [ACCEPTED, state]
    assert [one.key for one in journal.outbox("B", UNKNOWN)] == ["B-1-1"] * (state == UNKNOWN)
    journal.close()


def test_what_another_process_has_claimed_is_found_from_a_place_that_was_remembered(tmp_path):
    ours, theirs = Journal(tmp_path / "journal.db"), Journal(tmp_path / "journal.db")
    book_of(ours, "B-1-0")
    ours.append("B", 1, 1, [entry()], steps=1, messages=[message("B-1-1"), message("B-1-2")])
    assert len(theirs.outbox("B", READY, CLAIMED)) == 2
    ours.claim("B", 1, ["B-1-1"], NOW)
    assert [one.key for one in theirs.outbox("B", CLAIMED)] == ["B-1-1"]
    theirs.settle("B", "B-1-1", ACCEPTED, "venue-2", [entry()], [])
    assert [one.key for one in ours.outbox("B", READY, CLAIMED)] == ["B-1-2"]
    ours.close()
    theirs.close()
