"""What goes wrong under the embedded journal, and who is told to act."""

import os
import resource
import signal
import sqlite3

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.schema import VERSION
from stratofold.adapters.ports import ACCEPTED, HALTED, REJECTED, AccountLimits, Settlement
from stratofold.errors import Bug, Retry, Setup, Stop
from tests.contracts.journals import JOURNALS, NOW, control, entry, message, offer


class CrashError(BaseException):
    """The process ended here."""


VERBS = {
    "create": lambda journal: journal.create("C", "paper", "2", [entry()]),
    "take": lambda journal: journal.take("B", "other", NOW),
    "append": lambda journal: journal.append(
        "B", 1, 1, [entry("x")], steps=1, messages=[message("B-1-3")], handled=[1], snapshot=b"s", claim_at=NOW
    ),
    "append of an answer": lambda journal: journal.append(
        "B",
        1,
        1,
        [entry("x")],
        steps=1,
        settled=[Settlement("B-1-1", REJECTED, "no", [offer("2")], {"m": "2"})],
        heard=[offer("3")],
    ),
    "note": lambda journal: journal.note("B", [entry("x")]),
    "claim": lambda journal: journal.claim("B", 1, ["B-1-2"], NOW, [entry("x")]),
    "settle": lambda journal: journal.settle("B", "B-1-1", ACCEPTED, "", [entry("x")], [offer("2")], {"m": "2"}),
    "release": lambda journal: journal.release("paper", "B-1-1", 0),
    "offer": lambda journal: journal.offer("B", [offer("3")]),
    "control": lambda journal: journal.control("paper", control("book", "B", HALTED)),
    "limit": lambda journal: journal.limit("paper", AccountLimits()),
    "mark": lambda journal: journal.mark("B", "m", "3"),
    "nonce": lambda journal: journal.nonce("key"),
    "once": lambda journal: journal.once("name", NOW + 1, NOW),
}


def everything(journal):
    """All that can be asked."""
    books = [head.book for head in journal.books()]
    return (
        journal.books(),
        [list(journal.records(book)) for book in books],
        [[repr(each) for each in journal.outbox(book)] for book in books],
        [journal.inbox(book) for book in books],
        [journal.snapshot(book) for book in books],
        journal.controls("paper"),
        journal.reserved("paper"),
        journal.mark("B", "m"),
        journal._store.read("SELECT * FROM accounts"),
        journal._store.read("SELECT * FROM nonces"),
        journal._store.read("SELECT * FROM once"),
    )


@pytest.fixture(params=sorted(JOURNALS))
def journal(request):
    """A book at step 1 with a message on the wire, one ready, and an offer."""
    made = JOURNALS[request.param]()
    made.create("B", "paper", "1", [entry()])
    made.limit("paper", AccountLimits(1e9, 100, 1e9, 100))
    made.take("B", "test", NOW)
    made.append("B", 1, 0, [entry()], steps=1, messages=[message("B-1-1")], claim_at=NOW)
    made.append("B", 1, 1, [], messages=[message("B-1-2")])
    made.offer("B", [offer("1")])
    yield made
    made.close()


@pytest.mark.parametrize("verb", VERBS)
def test_a_crash_before_a_commit_leaves_nothing_and_one_after_it_all(journal, verb):
    heard = []

    def crash(at):
        def fault(name, moment):
            heard.append((name, moment))
            if moment == at:
                raise CrashError

        return fault

    before = everything(journal)
    with pytest.raises(CrashError):
        VERBS[verb](journal.beside(crash("before")))
    assert everything(journal) == before
    with pytest.raises(CrashError):
        VERBS[verb](journal.beside(crash("after")))
    assert everything(journal) != before
    name = verb.partition(" ")[0]
    assert heard == [(name, "before"), (name, "before"), (name, "after")]


@pytest.mark.parametrize("verb", VERBS)
def test_what_follows_a_crash_is_as_if_it_had_not_been(journal, verb):
    def crash(_, moment):
        if moment == "before":
            raise CrashError

    with pytest.raises(CrashError):
        VERBS[verb](journal.beside(crash))
    journal.append("B", 1, 1, [entry("on")], steps=1, messages=[message("B-1-3")], claim_at=NOW)
    assert journal.head("B").step == 2
    assert journal.reserved("paper") == {"B-1-1": 1_000.0, "B-1-3": 1_000.0}
    (unbroken,) = [record for record in journal.records("B") if record.body == b"on"]
    assert unbroken.chain == journal.head("B").chain


def test_processes_of_a_simulation_see_each_other(journal):
    other = journal.beside()
    mine, theirs = journal.changed(), other.changed()
    other.control("paper", control("book", "B", HALTED))
    assert journal.changed() != mine
    assert other.changed() == theirs
    assert journal.claim("B", 1, ["B-1-2"], NOW)[0].answer == "halted book B"


class TestFile:
    @pytest.fixture
    def path(self, tmp_path):
        journal = Journal(tmp_path / "journal.db")
        journal.create("B", "paper", "1", [entry()])
        journal.close()
        return tmp_path / "journal.db"

    def change(self, path, statement):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    def test_one_from_a_newer_version_is_refused_and_left_alone(self, path):
        self.change(path, f"PRAGMA user_version = {VERSION + 1}")
        before = path.read_bytes()
        with pytest.raises(Stop, match=r"SF806(.|\n)*upgrade stratofold"):
            Journal(path)
        assert path.read_bytes() == before

    def test_another_programs_database_is_refused_and_left_alone(self, tmp_path):
        self.change(tmp_path / "other.db", "CREATE TABLE bookmarks (name)")
        with pytest.raises(Setup, match="SF816"):
            Journal(tmp_path / "other.db")
        tables = sqlite3.connect(tmp_path / "other.db").execute("SELECT name FROM sqlite_master").fetchall()
        assert tables == [("bookmarks",)]

    def test_a_file_that_is_no_database_is_damaged(self, tmp_path):
        (tmp_path / "journal.db").write_bytes(b"not a database, " * 1_000)
        with pytest.raises(Stop, match="SF807"):
            Journal(tmp_path / "journal.db")

    def test_damage_inside_is_found_when_it_is_read(self, path):
        content = bytearray(path.read_bytes())
        content[4_096:] = os.urandom(len(content) - 4_096)
        path.write_bytes(content)
        with pytest.raises(Stop, match=r"SF807(.|\n)*restore"):
            Journal(path).books()

    def test_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(Setup, match="SF808"):
            Journal(tmp_path)

    def test_what_this_user_may_not_open_is_said(self, path):
        path.chmod(0o400)
        path.parent.chmod(0o500)
        try:
            code = in_a_child(lambda: Journal(path), unprivileged=True)
        finally:
            path.parent.chmod(0o700)
        assert code == "SF808"

    def test_another_process_that_holds_it_too_long_is_said(self, path):
        holder = sqlite3.connect(path, isolation_level=None)
        journal = Journal(path, busy_seconds=0.05)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Retry, match="SF814"):
            journal.note("B", [entry()])
        assert len(list(journal.records("B"))) == 1
        holder.execute("ROLLBACK")
        assert journal.note("B", [entry()]).sequence == 2

    def test_a_full_disk_stops_it_and_loses_nothing(self, path):
        def fill():
            journal = Journal(path)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            with pytest.raises(Stop) as error:
                write_on(journal)
            before = len(list(journal.records("B")))
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            assert journal.head("B").sequence == before > 5
            assert journal.note("B", [entry()]).sequence == before + 1
            raise error.value

        assert in_a_child(fill) == "SF803"
        journal = Journal(path)
        assert [record.sequence for record in journal.records("B")] == list(range(1, journal.head("B").sequence + 1))

    def test_a_closed_journal_is_our_own_mistake(self, path):
        journal = Journal(path)
        journal.close()
        with pytest.raises(Bug, match="SF817"):
            journal.note("B", [entry()])


def write_on(journal):
    """Write until something is in the way."""
    while True:
        journal.note("B", [entry("x" * 5_000)])


def in_a_child(work, *, unprivileged=False):
    """The code of the error that `work` raises in a process of its own, which may give up root's rights."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing was raised"
        try:
            if unprivileged and os.getuid() == 0:
                os.setuid(65_534)
            work()
        except (Setup, Stop, Retry) as error:
            said = error.code
        except BaseException as error:  # noqa: BLE001 -- a child's only way to tell
            said = repr(error)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return told.read()
