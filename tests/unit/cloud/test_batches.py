"""Batches of a stream, rule by rule: what the function is given, in order, and what is given up."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.cloud.local.batches import Batches, Item
from stratofold.cloud.local.mapping import Mapping
from stratofold.cloud.local.sandbox import Outcome

GOOD, BAD, BUSY = (
    Outcome(b"null"),
    Outcome(b"{}", "Unhandled"),
    Outcome(b"", "TooManyRequestsException", throttled=True),
)


class Stage:
    """A mapping with a function that fails as it is told, at a time of its own."""

    def __init__(self, behave, **rules):
        self.behave, self.time, self.given, self.lost, self.waited = behave, 1000.0, [], [], []
        self.batches = Batches(
            Mapping("m", "f", "a:b:kinesis", 100, **rules), self.run, self.give_up, lambda: self.time, self.wait
        )

    def run(self, items):
        names = "".join(item.name for item in items)
        self.given.append(names)
        outcome = self.behave(names, len(self.given))
        return outcome if isinstance(outcome, Outcome) else partial(outcome)

    def give_up(self, items, why, tries):
        self.lost.append(("".join(item.name for item in items), why, tries))

    def wait(self, seconds):
        self.waited.append(seconds)
        self.time += seconds
        return len(self.waited) < 50

    def handle(self, names, written=1000.0):
        return self.batches.handle([Item(name, written, name, {}) for name in names])


def partial(failed):
    """An answer that names the records that failed."""
    return Outcome(json.dumps({"batchItemFailures": [{"itemIdentifier": name} for name in failed]}).encode())


def raises_on(poison):
    return lambda names, _: BAD if poison in names else GOOD


def reports(poison):
    return lambda names, _: poison if poison in names else ""


def test_what_goes_well_is_given_once():
    stage = Stage(lambda *_: GOOD)
    assert stage.handle("abcd")
    assert (stage.given, stage.lost, stage.waited) == (["abcd"], [], [])


def test_without_splitting_the_whole_batch_is_tried_again_and_lost():
    stage = Stage(raises_on("c"), retries=2)
    assert stage.handle("abcd")
    assert stage.given == ["abcd"] * 3
    assert stage.lost == [("abcd", "RetryAttemptsExhausted", 3)]
    assert stage.waited == [0.1, 0.2]


def test_splitting_finds_the_one_and_loses_it_alone():
    stage = Stage(raises_on("c"), retries=1, bisect=True)
    assert stage.handle("abcd")
    assert stage.given == ["abcd", "ab", "cd", "c", "c", "d"]
    assert stage.lost == [("c", "RetryAttemptsExhausted", 2)]


def test_a_partial_answer_goes_on_from_the_first_that_failed():
    stage = Stage(reports("c"), retries=1, bisect=True, partial=True)
    assert stage.handle("abcd")
    assert stage.given == ["abcd", "cd", "c", "c", "d"]
    assert stage.lost == [("c", "RetryAttemptsExhausted", 2)]


def test_a_partial_answer_is_not_looked_at_unless_the_mapping_says_so():
    stage = Stage(reports("c"))
    assert stage.handle("abcd")
    assert stage.given == ["abcd"]


@pytest.mark.parametrize(
    "body", [b"[]x", b'{"batchItemFailures": [{"itemIdentifier": "z"}]}', b'{"batchItemFailures": [{}]}', b'"text"']
)
def test_an_answer_that_cannot_be_understood_is_a_failure_of_all(body):
    stage = Stage(lambda _, count: Outcome(body) if count == 1 else GOOD, partial=True)
    assert stage.handle("ab")
    assert stage.given == ["ab", "ab"]


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}'])
def test_an_answer_without_failures_is_none(body):
    stage = Stage(lambda *_: Outcome(body), partial=True)
    assert stage.handle("ab")
    assert stage.given == ["ab"]


def test_a_throttled_function_was_not_tried():
    stage = Stage(lambda _, count: BUSY if count < 5 else BAD if count == 5 else GOOD, retries=1, bisect=True)
    assert stage.handle("a")
    assert len(stage.given) == 6
    assert stage.lost == []


def test_what_is_too_old_is_given_up_without_being_sent():
    stage = Stage(lambda *_: GOOD, age_seconds=60)
    assert stage.handle("ab", written=900.0)
    assert (stage.given, stage.lost) == ([], [("ab", "RecordAgeExceeded", 0)])


def test_age_ends_what_is_tried_for_ever():
    stage = Stage(lambda *_: BAD, age_seconds=60)
    assert stage.handle("ab")
    assert stage.lost[0][:2] == ("ab", "RecordAgeExceeded")
    assert 60.0 < sum(stage.waited) < 70.0


def test_it_is_left_when_it_is_time_to_end():
    stage = Stage(lambda *_: BAD)
    assert not stage.handle("ab")
    assert stage.lost == []


@given(
    names=st.lists(st.sampled_from("abcdefghij"), unique=True, min_size=1),
    poison=st.sets(st.sampled_from("abcdefghij")),
    partial_=st.booleans(),
)
def test_every_record_is_handled_or_given_up_in_order(names, poison, partial_):
    def behave(given, _):
        hit = [name for name in given if name in poison]
        return (hit[:1] if partial_ else BAD) if hit else GOOD

    stage = Stage(behave, retries=1, bisect=True, partial=partial_)
    assert stage.handle(names)
    lost = [name for batch, _, _ in stage.lost for name in batch]
    assert lost == [name for name in names if name in poison]
    whole = [name for batch in stage.given if not set(batch) & poison for name in batch]
    if not partial_:
        assert whole == [name for name in names if name not in poison]
    assert set(Counter("".join(stage.given))) == set(names)
