"""The halt: one row, sticky, in every book's records, and lifted in two steps after a clean reconcile."""

import asyncio

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import (
    ACTIVE,
    CLAIMED,
    DROPPED,
    HALTED,
    REDUCING,
    UNKNOWN,
    AccountLimits,
    Answer,
    Control,
    Message,
    VenueOrder,
)
from stratofold.errors import Setup, Stop
from stratofold.live.deliver import judged_again
from stratofold.live.halt import (
    CLEAN_RECONCILE,
    cancel_everything,
    close_out,
    confirm_release,
    control_body,
    halt,
    note_controls,
    request_release,
    strictest,
)
from stratofold.wire import unpack
from tests.unit.live.conftest import entries

NOW = 1_767_225_600_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def books(journal):
    """Two books of one account, and one of another."""
    journal.create("momo", "paper", "g1", entries(1))
    journal.create("pairs", "paper", "g2", entries(1))
    journal.create("other", "live", "g1", entries(1))
    return ["momo", "pairs", "other"]


def words(journal, book):
    """The controls in a book's records: scope, name, state."""
    return [tuple(unpack(one.body)[:3]) for one in journal.records(book) if one.kind == "control"]


@pytest.mark.parametrize(
    ("scope", "name", "noted"),
    [
        ("account", "paper", ["momo", "pairs"]),
        ("account", "*", ["momo", "pairs"]),
        ("book", "momo", ["momo"]),
        ("book", "*", ["momo", "pairs"]),
        ("strategy", "Momentum", ["momo", "pairs"]),
        ("symbol", "SPY", ["momo", "pairs"]),
    ],
)
def test_a_halt_holds_and_is_in_the_records_of_what_it_may_stop(journal, books, scope, name, noted):
    control = halt(journal, "paper", scope, name, "fat finger", "ana", NOW)
    assert (control.state, control.reason, control.by) == (HALTED, "fat finger", "ana")
    assert [one.state for one in journal.controls("paper")] == [HALTED]
    assert [book for book in books if words(journal, book) == [(scope, name, HALTED)]] == noted
    assert journal.controls("live") == []


def test_a_halt_is_there_for_whoever_opens_the_journal_next(journal, books, tmp_path):
    halt(journal, "paper", "symbol", "SPY", "news", "ana", NOW)
    another = type(journal)(tmp_path / "journal.db")
    assert [(one.scope, one.name, one.state) for one in another.controls("paper")] == [("symbol", "SPY", HALTED)]
    another.close()


def test_a_control_that_was_not_noted_before_a_crash_is_noted_by_the_next(journal, books):
    journal.control("paper", Control("account", "paper", HALTED, "first", "ana", NOW))
    halt(journal, "paper", "symbol", "SPY", "second", "bo", NOW + 1)
    assert words(journal, "momo") == [("account", "paper", HALTED), ("symbol", "SPY", HALTED)]
    note_controls(journal, "paper")
    assert len(words(journal, "momo")) == 2  # noting again is nothing


@pytest.mark.parametrize(("scope", "name"), [("acount", "paper"), ("release", "account:paper"), ("book", "")])
def test_a_halt_of_nothing_is_an_error(journal, books, scope, name):
    with pytest.raises(Setup) as caught:
        halt(journal, "paper", scope, name, "why", "ana", NOW)
    assert caught.value.code == "SF914"
    assert journal.controls("paper") == []


CASES = [
    # scope, name, state, what is asked (account, book, strategy, symbol), state that counts
    ("account", "paper", HALTED, ("paper", "momo", "Momentum", "SPY"), HALTED),
    ("account", "*", HALTED, ("paper", "momo", "Momentum", ""), HALTED),
    ("account", "other", HALTED, ("paper", "momo", "Momentum", "SPY"), None),
    ("book", "momo", HALTED, ("paper", "momo", "Momentum", "SPY"), HALTED),
    ("book", "pairs", HALTED, ("paper", "momo", "Momentum", "SPY"), None),
    ("strategy", "Momentum", REDUCING, ("paper", "momo", "Momentum", "SPY"), REDUCING),
    ("strategy", "Pairs", REDUCING, ("paper", "momo", "Momentum", "SPY"), None),
    ("symbol", "SPY", HALTED, ("paper", "momo", "Momentum", "SPY"), HALTED),
    ("symbol", "SPY", HALTED, ("paper", "momo", "Momentum", "AAPL"), None),
    ("symbol", "*", HALTED, ("paper", "momo", "Momentum", "AAPL"), HALTED),
    ("symbol", "*", HALTED, ("paper", "momo", "Momentum", ""), None),
    ("account", "paper", ACTIVE, ("paper", "momo", "Momentum", "SPY"), None),
    ("release", "account:paper", ACTIVE, ("paper", "momo", "Momentum", "SPY"), None),
]


@pytest.mark.parametrize(("scope", "name", "state", "asked", "counts"), CASES)
def test_which_control_counts(scope, name, state, asked, counts):
    found = strictest([Control(scope, name, state, "", "", NOW)], *asked)
    assert (found.state if found is not None else None) == counts


def test_the_strictest_of_all_that_apply_counts():
    controls = [
        Control("book", "momo", REDUCING, "", "", NOW),
        Control("symbol", "SPY", HALTED, "", "", NOW),
        Control("account", "paper", ACTIVE, "", "", NOW),
    ]
    assert strictest(controls, "paper", "momo", "Momentum", "SPY").scope == "symbol"
    assert strictest(controls, "paper", "momo", "Momentum", "AAPL").scope == "book"


@pytest.fixture
def halted(journal, books):
    """The account is halted, and the book momo has sent an order that was answered."""
    sent(journal, "momo")
    halt(journal, "paper", "account", "paper", "test", "ana", NOW)
    return journal


def sent(journal, book, state="accepted"):
    """One message of a book, claimed and (unless `claimed`) settled."""
    key = f"{book}-g1-1"
    message = Message(
        key, "submit", key, "SPY", 1, 1.0, float("nan"), 0.0, reduces=True, expires_at=NOW + SECOND * 3600, body=b""
    )
    head = journal.take(book, "test", NOW)
    journal.append(book, head.epoch, head.step, entries(1), messages=[message], claim_at=NOW)
    if state != "claimed":
        journal.settle(book, key, state, "", entries(1), [])


def test_a_release_takes_a_request_a_clean_reconcile_and_a_confirmation(halted):
    asked = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 1)
    assert asked.waits_for == {"momo": "momo was not reconciled clean since the request"}
    assert strictest(halted.controls("paper"), "paper", "momo", "M").state == HALTED
    with pytest.raises(Stop) as caught:
        confirm_release(halted, "paper", "account", "paper", asked.code, "ana", NOW + 2)
    assert caught.value.code == "SF917"
    halted.mark("momo", CLEAN_RECONCILE, str(NOW + 3))
    confirm_release(halted, "paper", "account", "paper", asked.code, "ana", NOW + 4)
    assert strictest(halted.controls("paper"), "paper", "momo", "M") is None
    assert words(halted, "momo") == [
        ("account", "paper", HALTED),
        ("release", "account:paper", ACTIVE),
        ("account", "paper", ACTIVE),
    ]


@pytest.mark.parametrize(("clean", "code"), [(-1, "SF917"), (0, "SF917"), (1, "SF917"), (2, "")])
def test_the_reconcile_must_be_newer_than_the_request(halted, clean, code):
    halted.mark("momo", CLEAN_RECONCILE, str(NOW + clean))
    asked = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 1)
    assert outcome(halted, asked.code) == code


def outcome(journal, code, now=NOW + 10):
    """The code of what a confirmation raises, empty when it lifts."""
    try:
        confirm_release(journal, "paper", "account", "paper", code, "ana", now)
    except (Setup, Stop) as error:
        return error.code
    return ""


def test_a_halt_after_the_request_makes_it_void(halted):
    asked = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 1)
    halted.mark("momo", CLEAN_RECONCILE, str(NOW + 2))
    halt(halted, "paper", "account", "paper", "again", "bo", NOW + 1)  # at the very time of the request
    assert outcome(halted, asked.code) == "SF916"
    assert strictest(halted.controls("paper"), "paper", "momo", "M").reason == "again"


def test_the_confirmation_repeats_the_code_of_the_last_request(halted):
    first = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 1)
    second = request_release(halted, "paper", "account", "paper", "checked again", "ana", NOW + 2)
    halted.mark("momo", CLEAN_RECONCILE, str(NOW + 3))
    assert outcome(halted, "00000000") == "SF916"
    assert outcome(halted, first.code) == "SF916"
    assert outcome(halted, second.code) == ""
    assert outcome(halted, second.code) == "SF915"  # it is lifted, once


def test_nothing_is_released_without_a_request_or_without_a_halt(halted):
    assert outcome(halted, "") == "SF916"
    with pytest.raises(Setup, match="symbol SPY is not halted") as caught:
        request_release(halted, "paper", "symbol", "SPY", "", "ana", NOW)
    assert caught.value.code == "SF915"


@pytest.mark.parametrize("state", ["claimed", UNKNOWN])
def test_an_order_of_unknown_state_keeps_it_halted(journal, books, state):
    sent(journal, "momo", state)
    halt(journal, "paper", "account", "paper", "test", "ana", NOW)
    asked = request_release(journal, "paper", "account", "paper", "checked", "ana", NOW + 1)
    journal.mark("momo", CLEAN_RECONCILE, str(NOW + 2))
    assert outcome(journal, asked.code) == "SF917"


def test_lifting_one_scope_leaves_the_others(halted):
    halt(halted, "paper", "symbol", "SPY", "news", "ana", NOW + 1)
    asked = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 2)
    halted.mark("momo", CLEAN_RECONCILE, str(NOW + 3))
    assert outcome(halted, asked.code) == ""
    assert strictest(halted.controls("paper"), "paper", "momo", "M", "SPY").scope == "symbol"


def test_what_is_noted_is_what_holds():
    control = Control("symbol", "SPY", HALTED, "news", "ana", NOW, 7)
    assert unpack(control_body(control)) == ["symbol", "SPY", HALTED, "news", "ana", NOW]


class Venue:
    """A venue with open orders that goes on holding some of them, whatever it is asked."""

    def __init__(self, stubborn=()):
        self.open = {name: order(name) for name in ("v1", "v2", "v3")}
        self.stubborn = set(stubborn)
        self.asked = []

    async def orders(self, since=0, *, only_open=True):
        return list(self.open.values())

    async def cancel(self, message, venue_id):
        self.asked.append((message.action, venue_id))
        if venue_id not in self.stubborn:
            del self.open[venue_id]
            return Answer("accepted", venue_id)
        return Answer(UNKNOWN)


def order(venue_id):
    nan = float("nan")
    return VenueOrder(f"c-{venue_id}", venue_id, "SPY", 1, "limit", "gtc", "working", 1.0, 0.0, nan, 10.0, nan, NOW)


def test_breaking_the_glass_needs_only_the_broker_and_believes_only_the_broker():
    asked, left = asyncio.run(cancel_everything(Venue(), "paper"))
    assert (asked, left) == (["v1", "v2", "v3"], [])
    venue = Venue(stubborn=["v2"])
    assert asyncio.run(cancel_everything(venue, "paper")) == (["v1", "v2", "v3"], ["v2"])
    assert {action for action, _ in venue.asked} == {"cancel"}


def test_the_code_belongs_to_one_request(halted):
    one = request_release(halted, "paper", "account", "paper", "checked", "ana", NOW + 1)
    other = request_release(halted, "paper", "account", "paper", "another reason", "ana", NOW + 1)
    assert one.code != other.code


class Crash(BaseException):
    """The process dies."""


def crash_at(count):
    """A hook that dies at the call of that number, before or after a commit; it says whether the control was written."""
    left = [count]

    def hook(verb, when):
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    return hook


def test_a_crash_at_any_commit_of_a_halt_leaves_it_held_or_never_said_and_its_record_follows(tmp_path):
    held = []
    for point in range(1, 20):
        journal = Journal(tmp_path / f"{point}.db")
        journal.create("momo", "paper", "g1", entries(1))
        journal.create("pairs", "paper", "g2", entries(1))
        try:
            halt(journal.beside(crash_at(point)), "paper", "account", "paper", "why", "ana", NOW)
        except Crash:
            held.append(strictest(journal.controls("paper"), "paper", "momo", "M") is not None)
        else:
            break
        note_controls(journal, "paper")
        expected = [("account", "paper", HALTED)] if held[-1] else []
        for book in ("momo", "pairs"):
            assert sorted(set(words(journal, book))) == expected
        journal.close()
    # Only dying before the very first commit leaves nothing held.
    assert held[0] is False
    assert all(held[1:])
    assert len(held) > 4


@pytest.mark.parametrize("words", [(HALTED,), (HALTED, "close"), (HALTED, "close", HALTED), (REDUCING,), ()])
@pytest.mark.parametrize("reduces", [True, False])
def test_what_waited_behind_another_is_judged_by_the_rule_of_its_claim(journal, books, words, reduces):
    """A message that may be claimed may leave, and one that may not may not, however long it has waited."""
    journal.limit("paper", AccountLimits(1e9, 100, 1e9, 100))
    head = journal.take("momo", "me", NOW)
    message = Message(
        "momo-g1-1", "submit", "momo-g1-1", "SPY", -1, 1.0, 10.0, 10.0, reduces, NOW + 60 * SECOND, b"", "ready",
        strategy="Momentum",
    )  # fmt: skip
    _, (waiting,) = journal.append("momo", head.epoch, head.step, [], messages=[message], claim_at=NOW)
    for word in words:
        if word == "close":
            close_out(journal, "momo", "me", NOW)
        else:
            halt(journal, "paper", "account", "paper", "stop", "me", NOW, state=word)
    again = Message(**{name: getattr(message, name) for name in Message.__struct_fields__} | {"key": "again"})
    head = journal.head("momo")
    _, (claimed,) = journal.append("momo", head.epoch, head.step, [], messages=[again], claim_at=NOW)
    judged = judged_again(journal, "paper", "momo", waiting)
    assert (judged.state, judged.answer) == (claimed.state, claimed.answer)
    assert judged.state == (CLAIMED if not words or (reduces and words[-1] != HALTED) else DROPPED)
