"""A book moves from the laptop's journal to the cloud's and back: the same records, one writer at any time."""

import asyncio

import pytest
from msgspec import structs

from stratofold.adapters.aws import carry as in_cloud
from stratofold.adapters.embedded import carry as at_home
from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.adapters.ports import CLAIMED, DROPPED, HALTED, AccountLimits
from stratofold.chain import link
from stratofold.cloud.limits import hold_books, limits_of
from stratofold.cloud.move import Side, copy_segments, move, refuse_elsewhere, refuse_moved_home
from stratofold.errors import Retry, Stop
from stratofold.live.account_limits import share_limits
from stratofold.live.archive import seal
from stratofold.live.away import note
from stratofold.live.halt import halt, note_cancel, note_controls
from stratofold.live.watchman import Watchman
from tests.contracts.journals import NOW, File, Tables, control, entry, message, offer

CLOUD, LAPTOP = "cloud:momentum", "laptop:me"
LIMITS = AccountLimits(exposure_max=1e6, orders_max=100, symbol_exposure_max=1e6, orders_per_second_max=100)


@pytest.fixture
def laptop():
    journal = File()
    yield Side(journal, at_home)
    journal.close()


@pytest.fixture
def cloud():
    return Side(Tables(), in_cloud)


def lived(journal, steps=2_500):
    """A book that has traded: many records, a snapshot, one order filled, one at work, one unknown, things in its inbox."""
    journal.create("B", "account", "1", [entry("the beginning", "opened")])
    journal.limit("account", LIMITS)
    head = journal.take("B", "a runner", NOW)
    head, _ = journal.append(
        "B", head.epoch, 0, [entry(f"bar {k}") for k in range(steps)], steps=steps, snapshot=b"a state"
    )
    keys = ["B-1-1", "B-1-2", "B-1-3"]
    head, _ = journal.append(
        "B", head.epoch, head.step, [entry("orders")], steps=1, messages=[message(key, symbol=name) for key, name in zip(keys, ("SPY", "QQQ", "IWM"), strict=True)],
        claim_at=NOW,
    )  # fmt: skip
    for key, state, answer in (
        ("B-1-1", "accepted", "v1"),
        ("B-1-2", "accepted", "v2"),
        ("B-1-3", "unknown", "no answer"),
    ):
        journal.settle("B", key, state, answer, [entry(key, "answer")], [])
    journal.release("account", "B-1-1", 0.0)
    journal.offer("B", [offer("fill:v1:10"), offer("fill:v2:3")])
    (first, second) = journal.inbox("B")
    journal.append(
        "B", head.epoch, head.step, [entry("a fill")], steps=1, handled=[first.number], marks={"venue:B-1-2": "v2b"}
    )
    journal.control("account", control("symbol", "QQQ", HALTED))
    return second


def everything(side, book="B"):
    """What of a book must be the same on both sides."""
    journal = side.journal
    head = journal.head(book)
    return {
        "head": structs.replace(head, epoch=0, holder=""),
        "records": list(journal.records(book)),
        "messages": sorted(
            (one.key, one.state, one.answer, one.epoch, one.symbol, one.quantity, one.body)
            for one in journal.outbox(book)
        ),
        "inbox": sorted((one.source, one.identity, one.body) for one in journal.inbox(book)),
        "reserved": journal.reserved("account"),
        "controls": sorted((one.scope, one.name, one.state, one.reason) for one in journal.controls("account")),
        "luggage": (side.carrier.packed(journal, book).marks, sorted(side.carrier.packed(journal, book).seen)),
        "snapshot": journal.snapshot(book),
    }


def test_all_that_waits_moves_even_more_than_one_append_can_hear(laptop, cloud):
    booked(cloud.journal)
    names = [f"fill:v9:{number}" for number in range(130)]
    cloud.journal.offer("B", [offer(name) for name in names])
    assert len(cloud.journal.inbox("B", 1_000)) < len(names)
    move(cloud, laptop, "B", LAPTOP, NOW)
    assert [one.identity for one in laptop.journal.inbox("B", 1_000)] == names


def booked(journal):
    """A book that has only begun."""
    journal.create("B", "account", "1", [entry("the beginning", "opened")])


def test_everything_is_the_same_on_the_other_side(laptop, cloud):
    lived(laptop.journal)
    before = everything(laptop)
    moved = move(laptop, cloud, "B", CLOUD, NOW)
    assert everything(cloud) == before == everything(laptop)
    assert (moved.records, moved.messages) == (len(before["records"]), 3)
    assert moved.head.holder == laptop.journal.head("B").holder == CLOUD


def test_the_chain_is_the_chain(laptop, cloud):
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    chain = bytes(32)
    for one in cloud.journal.records("B"):
        chain = link(chain, one.sequence, one.kind, one.body, one.envelope)
        assert chain == one.chain
    assert chain == cloud.journal.head("B").chain


def test_who_wrote_the_book_before_is_refused(laptop, cloud):
    lived(laptop.journal, steps=20)
    stale = laptop.journal.head("B")
    move(laptop, cloud, "B", CLOUD, NOW)
    with pytest.raises(Stop) as caught:
        laptop.journal.append("B", stale.epoch, stale.step, [entry("too late")], steps=1)
    assert caught.value.code == "SF801"


def test_a_fact_that_was_heard_here_is_not_heard_again_there(laptop, cloud):
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    assert cloud.journal.offer("B", [offer("fill:v1:10"), offer("fill:v2:3"), offer("fill:v2:10")]) == 1


def told_on_both_sides(laptop, cloud):
    """A webhook goes on telling the stack after its book has gone home, where the same fills are heard from the venue."""
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    move(cloud, laptop, "B", LAPTOP, NOW)
    many = [offer(f"fill:v3:{number}") for number in range(90)]  # more than one append can hear
    cloud.journal.offer("B", [*many, offer("only the stack was told")])
    head = laptop.journal.head("B")
    laptop.journal.append("B", head.epoch, head.step, [entry("fills")], steps=1, heard=many[:-1])
    laptop.journal.offer("B", many[-1:])


STILL_WAITS = ["fill:v2:3", "fill:v3:89", "only the stack was told"]


def test_a_fact_that_waits_on_both_sides_and_was_heard_on_one_is_not_heard_on_the_other(laptop, cloud):
    told_on_both_sides(laptop, cloud)
    move(laptop, cloud, "B", CLOUD, NOW)
    assert sorted(one.identity for one in cloud.journal.inbox("B")) == STILL_WAITS


def test_there_and_back_with_a_life_on_each_side(laptop, cloud):
    lived(laptop.journal, steps=20)
    head = move(laptop, cloud, "B", CLOUD, NOW).head
    cloud.journal.settle("B", "B-1-3", "rejected", "it never came", [entry("resolved", "answer")], [])
    head = cloud.journal.head("B")
    (waiting,) = cloud.journal.inbox("B")
    head, _ = cloud.journal.append(
        "B",
        head.epoch,
        head.step,
        [entry("in the cloud")],
        steps=1,
        handled=[waiting.number],
        messages=[message("B-1-4")],
        claim_at=NOW,
    )
    cloud.journal.settle("B", "B-1-4", "accepted", "v4", [entry("answer", "answer")], [])
    before = everything(cloud)
    moved = move(cloud, laptop, "B", LAPTOP, NOW)
    after = everything(laptop)
    assert after == before
    assert moved.head.holder == LAPTOP
    assert move(laptop, cloud, "B", CLOUD, NOW).records == 0


def test_messages_under_way_are_waited_for(laptop, cloud):
    lived(laptop.journal, steps=20)
    head = laptop.journal.head("B")
    laptop.journal.append(
        "B", head.epoch, head.step, [entry("one more")], steps=1, messages=[message("B-1-9")], claim_at=NOW
    )
    with pytest.raises(Retry) as caught:
        move(laptop, cloud, "B", CLOUD, NOW)
    assert caught.value.code == "SFA27"
    assert (laptop.journal.head("B").epoch, cloud.journal.books()) == (head.epoch, [])


def test_two_books_of_one_name_are_kept_apart(laptop, cloud):
    lived(laptop.journal, steps=20)
    cloud.journal.create("B", "account", "another", [entry("other", "opened")])
    with pytest.raises(Stop) as caught:
        move(laptop, cloud, "B", CLOUD, NOW)
    assert caught.value.code == "SFA28"


def test_a_side_that_went_on_by_itself_is_refused(laptop, cloud):
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    cloud.journal.note("B", [entry("there", "alert")])
    laptop.journal.note("B", [entry("here", "alert"), entry("and here", "alert")])
    with pytest.raises(Stop, match="not the same book"):
        move(cloud, laptop, "B", LAPTOP, NOW)


def moved_after_dying(laptop, cloud, crash):
    """The other side, after a move to it died at its commit of this number and was begun again; and whether it did."""
    left = [crash]

    def dies(verb, when):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    try:
        move(laptop, Side(cloud.journal.beside(dies), in_cloud), "B", CLOUD, NOW)
    except KeyboardInterrupt:
        move(laptop, Side(cloud.journal.beside(), in_cloud), "B", CLOUD, NOW)
    return Side(cloud.journal.beside(), in_cloud), left[0] <= 0


@pytest.mark.parametrize("crash", range(1, 9))
def test_dying_while_what_was_heard_is_taken_out_loses_and_repeats_nothing(laptop, cloud, crash):
    told_on_both_sides(laptop, cloud)
    whole, has_died = moved_after_dying(laptop, cloud, crash)
    assert has_died
    assert sorted(one.identity for one in whole.journal.inbox("B")) == STILL_WAITS
    seen = [identity for _, identity in whole.carrier.packed(whole.journal, "B").seen]
    assert {f"fill:v3:{number}" for number in range(89)} <= set(seen)


@pytest.mark.parametrize("crash", range(1, 12))
def test_dying_at_any_commit_and_moving_again_ends_the_same(laptop, cloud, crash):
    lived(laptop.journal, steps=20)
    whole, _ = moved_after_dying(laptop, cloud, crash)
    assert {**everything(whole), "snapshot": None} == {**everything(laptop), "snapshot": None}


def test_a_laptop_leaves_a_book_that_is_in_the_cloud_alone(laptop, cloud):
    lived(laptop.journal, steps=20)
    refuse_elsewhere(laptop.journal.head("B"))
    move(laptop, cloud, "B", CLOUD, NOW)
    with pytest.raises(Stop) as caught:
        refuse_elsewhere(laptop.journal.head("B"), "flatten")
    assert caught.value.code == "SFA29"
    assert "stratofold flatten --stack momentum" in caught.value.fix
    assert "--to laptop --stack momentum" in caught.value.fix


def test_a_stack_leaves_a_book_that_was_moved_home_alone(laptop, cloud):
    """Its copy is older than the laptop's, and whoever took it would trade the same account beside it."""
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    refuse_moved_home(cloud.journal.head("B"))
    move(cloud, laptop, "B", LAPTOP, NOW)
    refuse_elsewhere(laptop.journal.head("B"))
    with pytest.raises(Stop) as caught:
        refuse_moved_home(cloud.journal.head("B"), "flatten")
    assert caught.value.code == "SFA29"
    assert "stratofold flatten;" in caught.value.fix


def halted(journal, artifacts):
    halt(journal, "account", "account", "*", "in a fright", "me", NOW)


def cancelled(journal, artifacts):
    note_cancel(journal, "account", ["v2"], [], "me", NOW, b"")


def sealed(journal, artifacts):
    assert seal(journal, artifacts, "B", rest=True) == []


def watched(journal, artifacts):
    watchman = Watchman(journal, None, artifacts=artifacts)
    for later in (0, 3_600, 7_200):
        assert asyncio.run(watchman.look(NOW + later * 1_000_000_000)) == []


def alerted(journal, artifacts):
    note(journal, "B", [entry("an alert", "alert")])


@pytest.mark.parametrize("done", [halted, cancelled, sealed, watched, alerted])
def test_nothing_that_is_said_to_an_old_copy_parts_it_from_its_book(laptop, cloud, tmp_path, done):
    """What is written without an epoch (a halt, a seal, an alert) is not fenced: one more record, and there is no way back."""
    artifacts = Artifacts(tmp_path)
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    done(laptop.journal, artifacts)
    move(cloud, laptop, "B", LAPTOP, NOW)
    done(cloud.journal, artifacts)
    move(laptop, cloud, "B", CLOUD, NOW)
    assert everything(cloud)["records"] == everything(laptop)["records"]


def test_a_halt_of_an_old_copy_is_noted_once_the_book_is_back(laptop, cloud):
    lived(laptop.journal, steps=20)
    move(laptop, cloud, "B", CLOUD, NOW)
    halted(laptop.journal, None)
    move(cloud, laptop, "B", LAPTOP, NOW)
    note_controls(laptop.journal, "account")
    assert list(laptop.journal.records("B"))[-1].kind == "control"


def test_a_book_that_cannot_move_keeps_its_writer(laptop, cloud):
    lived(laptop.journal, steps=20)
    head = move(laptop, cloud, "B", CLOUD, NOW).head
    laptop.journal.note("B", [entry("of another life", "alert")])
    with pytest.raises(Stop) as caught:
        move(cloud, laptop, "B", LAPTOP, NOW)
    assert caught.value.code == "SFA28"
    assert (cloud.journal.head("B").holder, cloud.journal.head("B").epoch) == (CLOUD, head.epoch)


def test_what_was_sealed_goes_along_once(laptop, tmp_path):
    lived(laptop.journal, steps=20)
    here, there = Artifacts(tmp_path / "here"), Artifacts(tmp_path / "there")
    (one,) = seal(laptop.journal, here, "B", rest=True)
    assert [copy_segments(here, there, "B"), copy_segments(here, there, "B")] == [1, 0]
    (name,) = there.names("archive/B/")
    assert (there.get(name), one.number) == (here.get(name), 1)


def claimed(journal, exposure, key):
    """What becomes of an order of so much exposure when it is to be sent."""
    head = journal.head("B")
    wish = message(key, symbol="SPY", exposure=exposure)
    (judged,) = journal.append("B", head.epoch, head.step, [], messages=[wish], claim_at=NOW)[1]
    return judged.state


def test_an_accounts_limits_go_along(laptop, cloud):
    lived(laptop.journal, steps=3)
    share_limits(laptop.journal, "B", "account", LIMITS)
    move(laptop, cloud, "B", CLOUD, NOW)
    assert claimed(cloud.journal, 10_000.0, "B-1-7") == CLAIMED
    assert claimed(cloud.journal, 2e6, "B-1-8") == DROPPED


def test_a_stacks_limits_are_a_lid_that_can_be_lifted(laptop, cloud):
    lived(laptop.journal, steps=3)
    share_limits(laptop.journal, "B", "account", LIMITS)
    move(laptop, cloud, "B", CLOUD, NOW, limits_of({"ExposureMax": "15000", "OrdersMax": "0"}))
    assert claimed(cloud.journal, 20_000.0, "B-1-7") == DROPPED
    assert hold_books(cloud.journal, CLOUD, {"ExposureMax": "0"}) == ["B"]
    assert claimed(cloud.journal, 20_000.0, "B-1-8") == CLAIMED


def test_parameters_that_state_nothing_leave_it_to_the_books():
    assert limits_of({"ExposureMax": "0"}) is None
    assert limits_of({}) is None
    assert limits_of({"OrdersMax": "3"}).orders_max == 3
