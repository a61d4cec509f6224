"""A stack is taken away with its books sealed, and not while somebody would be missed."""

import sys

import pytest

from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountLimits, Entry, Message
from stratofold.cli.cloud import seconds_of
from stratofold.cloud.destroy import Inventory, destroy, refuse_busy
from stratofold.cloud.stack import Stack
from stratofold.errors import Retry, Setup, Stop
from tests.unit.cloud.test_stack import refused, stack

NOW = 1_700_000_000_000_000_000
GONE = refused("ValidationError", "Stack with id momentum does not exist")


class Pages:
    """A paginator of nothing."""

    def paginate(self, **_):
        return []


@pytest.fixture
def journal():
    """A book that the stack has, two records in it."""
    made = Journal()
    made.create("main", "paper", "g1", [Entry("opened", b"x", b"")])
    made.limit("paper", AccountLimits(1e6, 100, 1e6, 100))
    epoch = made.take("main", "cloud:momentum", NOW).epoch
    made.append("main", epoch, 0, [Entry("event", b"y", b"")], steps=1)
    return made


def message(key):
    return Message(key, "submit", key, "SPY", 1, 10.0, 100.0, 1_000.0, False, NOW * 2, b"")


def ordered(journal):
    head = journal.head("main")
    journal.append("main", head.epoch, head.step, [Entry("event", b"z", b"")], steps=1, messages=[message("main-g1-1")])
    return journal.head("main").epoch


def test_a_book_whose_order_was_not_answered_is_refused(journal):
    refuse_busy(journal)
    ordered(journal)
    with pytest.raises(Stop, match="SFA22") as caught:
        refuse_busy(journal)
    assert "flatten --cloud" in caught.value.fix
    assert "move --to laptop" in caught.value.fix


def test_a_book_that_was_taken_home_is_in_nobodys_way(journal):
    """What is left of it here is a copy, its orders too."""
    ordered(journal)
    journal.take("main", "laptop:somebody", NOW)
    refuse_busy(journal)
    journal.take("main", "main", NOW)  # who stays beside the stack runs it here
    with pytest.raises(Stop, match="SFA22"):
        refuse_busy(journal)


def test_a_book_whose_order_works_at_the_venue_is_refused_until_it_is_done(journal):
    epoch = ordered(journal)
    (claimed,) = journal.claim("main", epoch, ["main-g1-1"], NOW)
    journal.settle("main", claimed.key, "accepted", "v1", [], [])
    with pytest.raises(Stop, match="SFA22"):
        refuse_busy(journal)
    journal.release("paper", "main-g1-1", 0.0)
    refuse_busy(journal)


def test_no_function_writes_behind_the_seal(journal, tmp_path):
    place = stack(delete_stack={}, describe_stacks=GONE, get_caller_identity={"Account": "1"}, get_paginator=None)
    place.session.only.get_paginator = lambda _: Pages()
    place.session.only.exceptions = type("Exceptions", (), {"NoSuchBucket": KeyError})
    late = journal.head("main")
    left = destroy(place, Inventory(1, 0, "t", "a", ""), journal, Artifacts(tmp_path))
    assert (left.archive, left.sealed) == ("a", 1)
    with pytest.raises(Stop, match="SF801"):
        journal.append("main", late.epoch, late.step, [Entry("event", b"late", b"")], steps=1)
    assert journal.head("main").holder == "destroyed:momentum"


def test_what_aws_keeps_is_said_with_the_way_out():
    kept = {"Stacks": [{"StackStatus": "DELETE_FAILED", "StackStatusReason": "the bucket is not empty"}]}
    place = stack(delete_stack={}, describe_stacks=kept)
    with pytest.raises(Stop, match="SFA24") as caught:
        destroy(place, Inventory(1, 0, "t", "a", ""), None, None)
    assert caught.value.why == "the bucket is not empty"
    assert "stratofold destroy" in caught.value.fix


def test_without_the_sdk_it_is_said_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Setup, match="SFA05") as caught:
        Stack("momentum", "us-east-1")
    assert "stratofold[aws]" in caught.value.fix


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400)])
def test_a_span_of_time(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "1w", "1.5h", "-1h", "1h "])
def test_what_is_no_span_of_time_is_refused(text):
    with pytest.raises(Setup, match="SFA25"):
        seconds_of(text)


def test_a_stack_that_stays_in_change_is_left_for_later():
    busy = {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]}
    with pytest.raises(Retry, match="SFA11"):
        stack(describe_stacks=busy).wait(timeout_seconds=0.0)
