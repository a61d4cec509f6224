"""What goes wrong between a function and its table: crashes, answers that are lost, throttles, races, and damage."""

import pytest

from stratofold.adapters.aws import places
from stratofold.adapters.aws.answers import NO_ANSWER, AwsError, fields
from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.aws.places import head_key
from stratofold.adapters.aws.table import SCHEMA, Table, Transaction
from stratofold.adapters.ports import AccountLimits
from stratofold.errors import Error, Retry, Setup, Stop
from tests.cloud.tables import everything, new_journal
from tests.contracts.journals import NOW, entry, message, offer
from tests.contracts.test_journal_faults import VERBS, CrashError

pytestmark = pytest.mark.cloud

WRITES = ("TransactWriteItems", "PutItem")
CONFLICT = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}
# What may befall a write: the error that is told, and whether it was done all the same.
FAULTS = {
    "lost": (lambda: AwsError(NO_ANSWER, "timed out"), True),
    "never arrived": (lambda: AwsError(NO_ANSWER, "timed out"), False),
    "refused": (lambda: AwsError(NO_ANSWER, "connection refused", sent=False), False),
    "throttled": (lambda: AwsError("ThrottlingException", "slow down", 400), False),
    "broken, and not done": (lambda: AwsError("InternalServerError", "", 500), False),
    "broken, and done": (lambda: AwsError("InternalServerError", "", 500), True),
    "in conflict": (lambda: AwsError("TransactionCanceledException", "", 400, CONFLICT), False),
}


class Faulty:
    """A client whose writes go wrong as planned; `forgetful` is a server that no longer knows a request's token."""

    def __init__(self, aws, plan, *, forgetful=False, between=None):
        self.aws = aws
        self.plan = list(plan)
        self.forgetful = forgetful
        self.between = between
        self.asked = []

    def json(self, service, operation, payload):
        self.asked.append(operation)
        if operation not in WRITES:
            return self.aws.json(service, operation, payload)
        if self.forgetful:
            payload = {name: value for name, value in payload.items() if name != "ClientRequestToken"}
        if not self.plan:
            return self.aws.json(service, operation, payload)
        error, done = FAULTS[self.plan.pop(0)]
        if done:
            self.aws.json(service, operation, payload)
            if self.between:
                self.between()
        raise error()

    def s3(self, *given):
        return self.aws.s3(*given)

    def close(self):
        self.aws.close()


@pytest.fixture
def server(ministack):
    return ministack


def scene(server):
    """A table with a book at step 1 with a message on the wire, one ready, and an offer."""
    journal = new_journal(server)
    journal.create("B", "paper", "1", [entry()])
    journal.limit("paper", AccountLimits(1e9, 100, 1e9, 100))
    journal.take("B", "test", NOW)
    journal.append("B", 1, 0, [entry()], steps=1, messages=[message("B-1-1")], claim_at=NOW)
    journal.append("B", 1, 1, [], messages=[message("B-1-2")])
    journal.offer("B", [offer("1")])
    journal.close()
    return journal._table.name


@pytest.fixture
def table(server):
    return scene(server)


def shown(server, name):
    """All that a table holds, without who wrote it last, and how often the account was."""
    items = everything(server, name)
    own = {"by", "version"}
    return {key: {name: value for name, value in item.items() if name not in own} for key, item in items.items()}


@pytest.mark.parametrize("verb", VERBS)
def test_a_crash_before_a_commit_leaves_nothing_and_one_after_it_all(server, table, verb):
    heard = []

    def crash(at):
        def fault(name, moment):
            heard.append((name, moment))
            if moment == at:
                raise CrashError

        return fault

    before = everything(server, table)
    with pytest.raises(CrashError):
        VERBS[verb](Journal(server.client(), table, fault=crash("before")))
    assert everything(server, table) == before
    with pytest.raises(CrashError):
        VERBS[verb](Journal(server.client(), table, fault=crash("after")))
    assert everything(server, table) != before
    said = verb.split()[0]
    assert heard == [(said, "before"), (said, "before"), (said, "after")]


def quiet(_):
    """Nobody waits in a test."""


@pytest.mark.parametrize("plan", [list(FAULTS)[:4], list(FAULTS)[4:]], ids=["silent", "loud"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_write_that_went_wrong_is_done_once(server, verb, plan):
    undisturbed, disturbed = scene(server), scene(server)
    expected = repr(VERBS[verb](Journal(server.client(), undisturbed)))
    aws = Faulty(server.client(), plan, forgetful=True)
    assert repr(VERBS[verb](Journal(aws, disturbed, sleep=quiet))) == expected
    assert not aws.plan
    assert shown(server, disturbed) == shown(server, undisturbed)


def test_a_write_is_found_even_when_another_was_written_after_it(server, table):
    other = Journal(server.client(), table)
    aws = Faulty(server.client(), ["lost"], forgetful=True, between=lambda: other.note("B", [entry("between")]))
    journal = Journal(aws, table, sleep=quiet)
    head, claimed = VERBS["append"](journal)
    assert (head.step, [each.state for each in claimed]) == (2, ["claimed"])
    assert [record.body for record in other.records("B")][-2:] == [b"x", b"between"]
    assert journal.note("B", [entry("after")]).sequence == head.sequence + 2


def test_what_never_gets_through_is_said_and_nothing_is_written(server, table):
    before = everything(server, table)
    journal = Journal(Faulty(server.client(), ["never arrived"] * 5), table, sleep=quiet)
    with pytest.raises(Retry, match=r"SF861(.|\n)*load the book again"):
        VERBS["append"](journal)
    assert everything(server, table) == before
    assert VERBS["append"](journal)[0].step == 2


def test_what_was_written_though_no_answer_ever_came_counts_as_written(server, table):
    journal = Journal(Faulty(server.client(), ["lost"] * 5), table, sleep=quiet)
    assert VERBS["append"](journal)[0].step == 2
    assert Journal(server.client(), table).head("B").step == 2


def test_one_that_never_comes_first_gives_up(server, table):
    other = Journal(server.client(), table)

    class Late(Faulty):
        def json(self, service, operation, payload):
            if operation in WRITES:
                other.note("B", [entry("first")])
            return self.aws.json(service, operation, payload)

    with pytest.raises(Retry, match="SF814"):
        Journal(Late(server.client(), []), table, sleep=quiet).note("B", [entry("late")])
    assert b"late" not in [record.body for record in other.records("B")]


def test_an_append_alone_is_one_request(server, table):
    aws = Faulty(server.client(), [])
    journal = Journal(aws, table)
    journal.head("B")
    aws.asked.clear()
    journal.append("B", 1, 1, [entry("a")], steps=1)
    journal.append("B", 1, 2, [entry("b")], steps=1, marks={"bars": "3"})
    assert aws.asked == ["TransactWriteItems"] * 2


def test_one_from_a_newer_version_is_refused_and_left_alone(server, table):
    change = Transaction()
    change.change(head_key("B"), {"version": SCHEMA + 1})
    Table(server.client(), table).commit(change)
    before = everything(server, table)
    for verb in ("append", "note", "take", "claim", "settle"):
        with pytest.raises(Stop, match=r"SF806(.|\n)*upgrade stratofold"):
            VERBS[verb](Journal(server.client(), table))
    assert everything(server, table) == before


def test_a_table_that_is_not_there_is_said(server):
    with pytest.raises(Setup, match="SF764"):
        Journal(server.client(), "nowhere").head("B")
    with pytest.raises(Setup, match="SF764"):
        Journal(server.client(), "nowhere").limit("paper", AccountLimits())


class TestLarge:
    @pytest.fixture
    def bucket(self, server):
        return server.bucket()

    @pytest.fixture
    def journal(self, server, bucket):
        made = new_journal(server, bucket=bucket)
        made.create("B", "paper", "1", [])
        made.take("B", "test", NOW)
        return made

    def objects(self, server, bucket):
        listed = server.client().s3("GET", bucket, query={"list-type": "2"}).body.decode()
        return fields(listed, "Key")

    def test_what_is_too_large_for_an_item_lies_in_the_bucket(self, server, bucket, journal):
        large = bytes(range(256)) * 1_000
        journal.append("B", 1, 0, [entry("small"), entry("large" + "x" * 100_000)], steps=1, snapshot=large)
        assert [len(record.body) for record in journal.records("B")] == [5, 100_005]
        assert journal.snapshot("B") == (1, 2, large)
        assert len(self.objects(server, bucket)) == 2
        assert max(len(repr(item)) for item in everything(server, journal._table.name).values()) < 1_000

    def test_an_object_that_was_changed_is_damage(self, server, bucket, journal):
        journal.note("B", [entry("x" * 100_000)])
        (name,) = self.objects(server, bucket)
        server.client().s3("PUT", bucket, name, b"something else")
        with pytest.raises(Stop, match="SF807"):
            list(journal.records("B"))

    def test_an_object_that_is_gone_is_said(self, server, bucket, journal):
        journal.note("B", [entry("x" * 100_000)])
        (name,) = self.objects(server, bucket)
        server.client().s3("DELETE", bucket, name)
        with pytest.raises(Error, match=name):
            list(journal.records("B"))

    def test_without_a_bucket_it_is_refused(self, server, journal):
        before = everything(server, journal._table.name)
        with pytest.raises(Setup, match=r"SF862(.|\n)*STRATOFOLD_BUCKET"):
            Journal(server.client(), journal._table.name).note("B", [entry("x" * 100_000)])
        assert everything(server, journal._table.name) == before

    def test_too_many_records_at_once_are_refused(self, journal):
        with pytest.raises(Setup, match="SF860"):
            journal.note("B", [entry()] * 20_000)

    def test_records_over_the_border_of_a_partition_are_read_in_order(self, journal, monkeypatch):
        monkeypatch.setattr(places, "BLOCK", 16)
        monkeypatch.setattr(places, "RECORDS_MAX", 16)
        for size in (5, 7, 16, 1, 3, 16, 2):
            journal.note("B", [entry(str(size))] * size)
        for after in (0, 4, 5, 13, 15, 16, 27, 28, 40, 50):
            assert [record.sequence for record in journal.records("B", after)] == list(range(after + 1, 51))
            assert [record.sequence for record in journal.records("B", after, 3)] == list(range(after + 1, 51))[:3]
