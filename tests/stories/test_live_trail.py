"""Every order request, change, cancellation and answer is on the record: who, when, with what code, under what request."""

import pytest

import stratofold
from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.live import archive
from stratofold.live.audit import audit_verify
from stratofold.live.desk import restore_fold
from stratofold.live.manifest import build_fold, read_beginning
from stratofold.live.steps import fold_record
from stratofold.live.words import requests_in
from stratofold.wire import unpack
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Fidget(stratofold.Strategy):
    """Rests an order, moves it, and withdraws it, again and again; now and then it buys."""

    def setup(self):
        self.bars = 0
        self.number = 0

    def on_bar(self, bar, book):
        self.bars += 1
        turn = self.bars % 4
        if turn == 1:
            self.number = book.buy(bar.symbol, 2.0, limit=round(bar.close * 0.5, 2))
        elif turn == 2:
            book.replace(self.number, limit=round(bar.close * 0.6, 2))
        elif turn == 3:
            book.cancel(self.number)
        else:
            book.buy(bar.symbol, 1.0)


@pytest.fixture(scope="module")
def run():
    data = stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-30")
    made = paper(Fidget, data, DAY_NS)
    made.run()
    return made


def records(run, kind):
    """The records of a kind."""
    return [one for one in run.journal.records("paper") if one.kind == kind]


def of_kind(run, kind):
    """Sequence, body and envelope of each record of a kind."""
    return [(one.sequence, unpack(one.body), unpack(one.envelope)) for one in records(run, kind)]


def test_every_answer_has_its_request_before_it(run):
    made = [(one.sequence, body) for one in records(run, "request") for body in requests_in(one.body)]
    requests = {body["key"]: (sequence, body["action"]) for sequence, body in made}
    assert len(requests) == len(made)
    answers = of_kind(run, "answer")
    assert {action for _, action in requests.values()} == {"submit", "replace", "cancel"}
    assert all(requests[body["key"]][0] < sequence for sequence, body, _ in answers)
    assert {body["key"] for _, body, _ in answers} == set(requests)


@pytest.mark.parametrize("kind", ["event", "request", "answer"])
def test_every_record_of_an_order_says_who_when_where_and_with_what(run, kind):
    for _, _, envelope in of_kind(run, kind):
        assert {"wall", "by", "process", "version", "epoch", "region", "code", "configuration"} <= set(envelope)
        assert envelope["version"] == stratofold.__version__


def test_an_answer_carries_the_venues_request_id(run):
    ids = [envelope["request"] for _, _, envelope in of_kind(run, "answer")]
    assert len(set(ids)) == len(ids)
    assert all(ids)


@pytest.fixture(scope="module")
def artifacts(run, tmp_path_factory):
    """The archive of the run."""
    made = Artifacts(tmp_path_factory.mktemp("archive"))
    archive.seal(run.journal, made, "paper", records_max=10, rest=True)
    return made


def test_the_trail_is_sealed_verified_and_read_back_from_the_archive_alone(run, artifacts):
    assert audit_verify(run.journal, artifacts).ok
    sealed = list(archive.records(artifacts, "paper"))
    assert len(sealed) > 50
    assert sealed == list(run.journal.records("paper", 0, len(sealed)))


def test_the_state_is_rebuilt_from_the_archive_alone(run, artifacts):
    first, *others = archive.records(artifacts, "paper")
    fold = build_fold(read_beginning(first.body).manifest, Fidget)
    for record in others:
        fold_record(fold, record)
    assert fold.save() == restore_fold(run.journal, "paper", Fidget).save()
