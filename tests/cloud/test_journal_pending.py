"""A step that sends more orders than one transaction holds is still one step, whoever dies in the middle of it."""

import pytest

from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.ports import ACCEPTED, CLAIMED, DROPPED, HALTED, READY, AccountLimits
from stratofold.errors import Bug, Retry
from tests.cloud.tables import new_journal
from tests.contracts.journals import NOW, control, entry, message
from tests.contracts.test_journal_faults import CrashError

pytestmark = pytest.mark.cloud

MANY = 250
KEYS = [f"B-1-{number}" for number in range(MANY)]
VIEWS = {f"order/{key}": {"state": "ready"} for key in KEYS}


@pytest.fixture
def journal(ministack):
    made = new_journal(ministack, bucket=ministack.bucket())
    made.create("B", "paper", "1", [])
    made.limit("paper", AccountLimits(1e9, MANY - 10, 1e9, 10_000))
    made.take("B", "test", NOW)
    return made


def send_many(journal, step=0, **given):
    return journal.append("B", 1, step, [entry("step")], steps=1, messages=[message(key) for key in KEYS], **given)


def dying(journal, after):
    """The journal of a process that is killed at its n-th write."""
    left = [after]
    other = journal.beside()
    ask = other._table.aws

    class Dying:
        def json(self, service, operation, payload):
            if operation == "TransactWriteItems":
                left[0] -= 1
                if left[0] < 0:
                    raise CrashError
            return ask.json(service, operation, payload)

        def s3(self, *given):
            return ask.s3(*given)

    other._table.aws = Dying()
    return other


def rest_of(journal):
    return [key for key in everything_of(journal) if key[1].startswith("pending/")]


def everything_of(journal):
    name = journal._table.name
    found, start = {}, {}
    while start is not None:
        answer = journal._table.aws.json("dynamodb", "Scan", {"TableName": name, "ConsistentRead": True, **start})
        found.update({(item["pk"]["S"], item["sk"]["S"]): item for item in answer["Items"]})
        last = answer.get("LastEvaluatedKey")
        start = {"ExclusiveStartKey": last} if last else None
    return found


def test_it_is_written_whole(journal):
    head, _ = send_many(journal, views=VIEWS)
    assert head.step == 1
    assert [each.key for each in journal.outbox("B", READY)] == KEYS
    assert journal.views("B", "order/") == VIEWS
    assert rest_of(journal) == []
    assert journal.append("B", 1, 1, [entry()], steps=1)[0].step == 2


def test_all_of_it_can_be_claimed_at_once(journal):
    head, claimed = send_many(journal, claim_at=NOW)
    assert [each.key for each in claimed] == KEYS
    assert [each.state for each in claimed] == [CLAIMED] * (MANY - 10) + [DROPPED] * 10
    assert len(journal.reserved("paper")) == MANY - 10
    assert head.step == 1


@pytest.mark.parametrize("after", [1, 2, 3, 5, 6])
def test_who_comes_next_does_what_is_left(journal, after):
    with pytest.raises(CrashError):
        send_many(dying(journal, after), views=VIEWS)
    assert rest_of(journal) != []
    readers = [
        lambda one: [each.key for each in one.outbox("B", READY)] == KEYS,
        lambda one: one.message("B", KEYS[-1]).key == KEYS[-1],
        lambda one: one.claim("B", 1, [KEYS[-1]], NOW)[0].state == CLAIMED,
        lambda one: one.append("B", 1, 1, [], steps=1)[0].step == 2,
        lambda one: one.append("B", one.take("B", "other", NOW).epoch, 1, [], steps=1)[0].epoch == 2,
    ]
    assert readers[after % len(readers)](journal.beside())
    assert rest_of(journal) == []
    assert len(journal.outbox("B")) == MANY
    assert journal.views("B", "order/") == VIEWS


def test_a_halt_and_a_note_do_not_wait_for_it_and_need_no_right_to_the_outbox(journal):
    with pytest.raises(CrashError):
        send_many(dying(journal, 2))
    halting = journal.beside()
    ask = halting._table.aws

    class Narrow:
        def json(self, service, operation, payload):
            if any(
                "Put" in each and each["Put"]["Item"]["pk"]["S"] == "outbox/B"
                for each in payload.get("TransactItems", [])
            ):
                raise AwsError("AccessDeniedException", "no right to the outbox", 400)
            return ask.json(service, operation, payload)

    halting._table.aws = Narrow()
    halting.control("paper", control("book", "B", HALTED))
    assert halting.note("B", [entry("halted", "control")]).step == 1
    assert halting.take("B", "laptop", NOW).epoch == 2
    assert len(halting.outbox("B", READY)) < MANY
    assert rest_of(journal) != []
    assert len(journal.outbox("B", READY)) == MANY
    assert rest_of(journal) == []
    assert [each.answer for each in journal.claim("B", 2, KEYS[:1], NOW)] == ["halted book B"]


def test_what_was_sent_meanwhile_is_not_written_again(journal):
    with pytest.raises(CrashError):
        send_many(dying(journal, 2))
    other = journal.beside()
    # The first part is there, and its stream has woken somebody.
    other.claim("B", 1, [KEYS[0]], NOW)
    other.settle("B", KEYS[0], ACCEPTED, "v1", [], [])
    assert (journal.message("B", KEYS[0]).state, journal.message("B", KEYS[0]).answer) == (ACCEPTED, "v1")
    assert len(journal.outbox("B", READY)) == MANY - 1


def test_who_is_late_is_told_so_and_a_key_used_twice_is_our_mistake(journal):
    late = journal.beside()
    late.head("B")
    send_many(journal)
    with pytest.raises(Retry, match="SF802"):
        send_many(late)
    before = everything_of(journal)
    with pytest.raises(Bug, match="SF810"):
        send_many(journal, step=1)
    assert everything_of(journal) == before
