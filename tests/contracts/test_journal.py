"""What every journal promises (`ports.Journal`), whatever is behind it."""

from dataclasses import replace
from math import isnan, nan

import pytest

from stratofold.adapters import ports
from stratofold.adapters.ports import (
    ACCEPTED,
    ACTIVE,
    CLAIMED,
    CLOSING,
    DROPPED,
    HALTED,
    READY,
    REDUCING,
    REJECTED,
    UNKNOWN,
    AccountLimits,
    Settlement,
)
from stratofold.chain import GENESIS, link
from stratofold.errors import Bug, Retry, Setup, Stop
from tests.contracts.journals import NOW, SECOND, TWINS, control, entry, message, offer

ROOM = AccountLimits(
    exposure_max=1e9, orders_max=1_000, symbol_exposure_max=1e9, orders_per_second_max=1_000, self_match=False
)


@pytest.fixture(params=sorted(TWINS))
def journal(request):
    made = TWINS[request.param]()
    yield made
    made.close()


@pytest.fixture
def long_steps():
    """The steps of a book long enough to show how snapshots are thinned."""
    return 300_000


@pytest.fixture
def book(journal):
    """A book "B" that this test writes as epoch 1, on an account with room."""
    journal.create("B", "paper", "1", [entry("opened", "opened")])
    journal.limit("paper", ROOM)
    return journal.take("B", "test", NOW)


class TestBooks:
    def test_it_fulfils_the_port(self, journal):
        assert isinstance(journal, ports.Journal)

    def test_a_new_book_stands_at_its_first_records(self, journal):
        head = journal.create("B", "paper", "1", [entry("a"), entry("b")])
        assert (head.book, head.account, head.generation) == ("B", "paper", "1")
        assert (head.epoch, head.sequence, head.step) == (0, 2, 0)
        assert journal.head("B") == head
        assert journal.books() == [head]

    def test_a_name_is_used_once(self, journal):
        journal.create("B", "paper", "1", [])
        with pytest.raises(Setup, match="SF804"):
            journal.create("B", "other", "2", [])

    def test_a_generation_is_used_once_on_an_account(self, journal):
        journal.create("B", "paper", "1", [])
        with pytest.raises(Setup, match="SF804"):
            journal.create("C", "paper", "1", [])
        journal.create("C", "live", "1", [])
        assert [head.book for head in journal.books()] == ["B", "C"]

    @pytest.mark.parametrize(
        ("name", "generation"),
        [("", "1"), ("B", ""), ("a-b", "1"), ("B", "1-2"), ("x" * 13, "1"), ("B", "x" * 9), ("ä", "1")],
    )
    def test_a_name_can_stand_in_an_order_id(self, journal, name, generation):
        with pytest.raises(Setup, match="SF809"):
            journal.create(name, "paper", generation, [])

    def test_the_longest_names_are_taken(self, journal):
        assert journal.create("x" * 12, "paper", "y" * 8, []).book == "x" * 12

    def test_what_is_not_there_is_said(self, journal):
        with pytest.raises(Setup, match="there is no book C"):
            journal.head("C")
        with pytest.raises(Setup, match="SF805"):
            journal.append("C", 0, 0, [])


class TestAppend:
    def test_an_append_moves_the_step_and_the_sequence(self, journal, book):
        head, claimed = journal.append("B", 1, 0, [entry("a"), entry("b")], steps=2)
        assert (head.sequence, head.step, claimed) == (book.sequence + 2, 2, [])
        assert journal.head("B") == head

    def test_the_chain_is_the_rule_of_the_chain(self, journal, book):
        journal.append("B", 1, 0, [entry("a"), entry("b", "request")], steps=1)
        journal.note("B", [entry("c", "alert")])
        chain = GENESIS
        for number, record in enumerate(journal.records("B"), 1):
            assert record.sequence == number
            chain = link(chain, number, record.kind, record.body, record.envelope)
            assert record.chain == chain
        assert journal.head("B").chain == chain
        assert number == 4

    def test_a_late_step_changes_nothing(self, journal, book):
        journal.append("B", 1, 0, [entry("a")], steps=1)
        before = journal.head("B")
        with pytest.raises(Retry, match="SF802"):
            journal.append("B", 1, 0, [entry("again")], steps=1, messages=[message()], snapshot=b"state")
        assert journal.head("B") == before
        assert journal.message("B", "B-1-1") is None
        assert journal.snapshot("B") is None

    def test_an_older_writer_is_fenced(self, journal, book):
        assert journal.take("B", "second", NOW).epoch == 2
        with pytest.raises(Stop, match="SF801"):
            journal.append("B", 1, 0, [entry()], steps=1)
        with pytest.raises(Stop, match="SF801"):
            journal.claim("B", 1, [], NOW)
        assert journal.append("B", 2, 0, [entry()], steps=1)[0].step == 1

    def test_who_holds_a_book_is_said(self, journal, book):
        assert (book.holder, journal.head("B").holder) == ("test", "test")
        assert journal.append("B", 1, 0, [entry()], steps=1)[0].holder == "test"
        assert journal.take("B", "cloud:desk", NOW).holder == "cloud:desk"
        assert journal.books()[0].holder == "cloud:desk"

    def test_an_epoch_that_was_not_taken_is_fenced(self, journal, book):
        with pytest.raises(Stop, match="SF801"):
            journal.append("B", 2, 0, [entry()], steps=1)

    def test_a_note_needs_no_epoch_and_moves_no_step(self, journal, book):
        head = journal.note("B", [entry("word", "control")])
        assert (head.step, head.sequence) == (0, book.sequence + 1)
        assert journal.append("B", 1, 0, [entry()], steps=1)[0].sequence == book.sequence + 2

    def test_an_append_of_nothing_is_an_append(self, journal, book):
        assert journal.append("B", 1, 0, [])[0] == book

    def test_a_key_that_fails_takes_everything_with_it(self, journal, book):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()])
        before = journal.head("B")
        with pytest.raises(Bug, match="SF810"):
            journal.append(
                "B", 1, 1, [entry("x")], steps=1, messages=[message("B-1-2"), message("B-1-1")], claim_at=NOW
            )
        assert journal.head("B") == before
        assert [each.key for each in journal.outbox("B")] == ["B-1-1"]
        assert journal.reserved("paper") == {}

    def test_bytes_come_back_as_they_were(self, journal, book):
        odd = bytes(range(256)) * 33
        journal.note("B", [ports.Entry("event", odd, b""), ports.Entry("ereignis-ä", b"", odd)])
        first, second = list(journal.records("B"))[-2:]
        assert (first.body, first.envelope) == (odd, b"")
        assert (second.kind, second.body, second.envelope) == ("ereignis-ä", b"", odd)


class TestRecords:
    def test_a_page_is_a_part_of_the_whole(self, journal, book):
        journal.append("B", 1, 0, [entry(str(i)) for i in range(10)], steps=10)
        whole = list(journal.records("B"))
        assert list(journal.records("B", 3, 4)) == whole[3:7]
        assert list(journal.records("B", 11)) == []
        assert list(journal.records("B", 0, 100)) == whole

    @pytest.mark.parametrize("count", [2_047, 2_048, 2_049, 5_000])
    def test_long_books_are_read_to_the_end(self, journal, book, count):
        journal.note("B", [entry()] * (count - book.sequence))
        assert [record.sequence for record in journal.records("B")] == list(range(1, count + 1))
        assert sum(1 for _ in journal.records("B", 5, 2_048)) == min(2_048, count - 5)

    def test_books_do_not_see_each_other(self, journal, book):
        journal.create("C", "paper", "2", [entry("of C")])
        journal.note("B", [entry("of B")])
        assert [record.body for record in journal.records("C")] == [b"of C"]
        assert b"of C" not in [record.body for record in journal.records("B")]

    def test_reading_does_not_hold_up_writing(self, journal, book):
        journal.note("B", [entry()] * 3_000)
        reading = journal.records("B")
        next(reading)
        journal.note("B", [entry("late")])
        assert list(reading)[-1].body == b"late"


class TestSnapshots:
    def test_none_before_the_first(self, journal, book):
        assert journal.snapshot("B") is None

    def test_the_last_one_not_after_a_step(self, journal, book):
        for step in range(3):
            journal.append("B", 1, step, [entry()], steps=1, snapshot=b"state %d" % (step + 1))
        journal.append("B", 1, 3, [entry()], steps=1)
        assert journal.snapshot("B") == (3, 4, b"state 3")
        assert journal.snapshot("B", 2) == (2, 3, b"state 2")
        assert journal.snapshot("B", 0) is None

    def test_a_long_book_keeps_few_and_near_ones(self, journal, book, long_steps):
        steps = long_steps
        for step in range(0, steps, 1_000):
            journal.append("B", 1, step, [], steps=1_000, snapshot=b"%d" % (step + 1_000))
        found = {journal.snapshot("B", until) for until in range(1_000, steps + 1, 1_000)}
        assert 20 < len(found) < 60
        for until in range(1_000, steps + 1, 1_000):
            # Before the first one left, a fold begins at nothing.
            step, _, state = journal.snapshot("B", until) or (0, 0, b"0")
            assert state == b"%d" % step
            assert until - step <= (steps - until) / 2

    def test_books_keep_their_own(self, journal, book):
        journal.create("C", "paper", "2", [])
        journal.append("B", 1, 0, [entry()], steps=1, snapshot=b"of B")
        assert journal.snapshot("C") is None


class TestOutbox:
    def test_messages_come_back_as_written(self, journal, book):
        sent = [
            message("B-1-1", strategy="momentum", price=101.5),
            message("B-1-1-c1", action="cancel", quantity=nan, exposure=0.0, reduces=True),
        ]
        journal.append("B", 1, 0, [entry()], steps=1, messages=sent)
        found = journal.outbox("B", READY)
        assert found[0] == sent[0]
        assert isnan(found[1].quantity)
        assert isnan(found[1].price)
        assert found[1].reduces is True
        assert journal.message("B", "B-1-1") == sent[0]
        assert journal.message("B", "B-1-9") is None

    def test_a_claim_is_made_once(self, journal, book):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()])
        (claimed,) = journal.claim("B", 1, ["B-1-1"], NOW, [entry("request", "request")])
        assert (claimed.state, claimed.epoch, claimed.answer) == (CLAIMED, 1, "")
        assert journal.claim("B", 1, ["B-1-1"], NOW) == []
        assert journal.outbox("B", READY) == []
        assert journal.outbox("B", CLAIMED) == [claimed]

    def test_a_claim_writes_its_request_first(self, journal, book):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()])
        journal.claim("B", 1, ["B-1-1"], NOW, [entry("asking", "request")])
        assert list(journal.records("B"))[-1].kind == "request"

    def test_an_append_can_claim_what_it_writes(self, journal, book):
        _, claimed = journal.append("B", 1, 0, [entry()], steps=1, messages=[message(price=5.0)], claim_at=NOW)
        assert [each.state for each in claimed] == [CLAIMED]
        assert journal.outbox("B", CLAIMED) == claimed
        assert journal.reserved("paper") == {"B-1-1": 1_000.0}

    def test_states_may_be_asked_for_together(self, journal, book):
        messages = [message(f"B-1-{i}") for i in range(1, 4)]
        journal.append("B", 1, 0, [entry()], steps=1, messages=messages)
        journal.claim("B", 1, ["B-1-2"], NOW)
        assert [each.key for each in journal.outbox("B", READY, CLAIMED)] == ["B-1-1", "B-1-2", "B-1-3"]
        assert [each.key for each in journal.outbox("B", READY)] == ["B-1-1", "B-1-3"]
        assert [each.key for each in journal.outbox("B")] == ["B-1-1", "B-1-2", "B-1-3"]

    @pytest.mark.parametrize(
        ("states", "ends"),
        [
            # What is said of a claimed message, in order || where it ends
            ([ACCEPTED], ACCEPTED),
            ([REJECTED], REJECTED),
            ([UNKNOWN], UNKNOWN),
            ([UNKNOWN, ACCEPTED], ACCEPTED),
            ([UNKNOWN, REJECTED], REJECTED),
            ([ACCEPTED, UNKNOWN], ACCEPTED),
            ([ACCEPTED, REJECTED], ACCEPTED),
            ([REJECTED, ACCEPTED], REJECTED),
            ([REJECTED, UNKNOWN], REJECTED),
        ],
    )
    def test_an_answer_settles(self, journal, book, states, ends):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()], claim_at=NOW)
        for number, state in enumerate(states):
            journal.settle("B", "B-1-1", state, f"venue said {state}", [entry(state, "answer")], [offer(f"{number}")])
        settled = journal.message("B", "B-1-1")
        assert settled.state == ends
        assert settled.answer == f"venue said {ends}"
        # What was said is written down, even where it came too late to count.
        assert [record.body.decode() for record in journal.records("B") if record.kind == "answer"] == states
        assert len(journal.inbox("B")) == len(states)

    def test_what_is_dropped_is_settled_by_its_report(self, journal, book):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message(expires_at=NOW)], claim_at=NOW)
        journal.settle("B", "B-1-1", REJECTED, "expired", [entry("answer", "answer")], [offer("rejected:B-1-1")])
        assert journal.outbox("B", DROPPED) == []
        assert [each.identity for each in journal.inbox("B")] == ["rejected:B-1-1"]

    def test_a_message_that_was_never_written_cannot_be_settled(self, journal, book):
        before = journal.head("B")
        with pytest.raises(Bug, match="SF815"):
            journal.settle("B", "B-1-9", ACCEPTED, "", [entry("answer", "answer")], [])
        with pytest.raises(Bug, match="SF815"):
            journal.append("B", 1, 0, [entry()], steps=1, settled=[Settlement("B-1-9", ACCEPTED, "")])
        assert journal.head("B") == before

    @pytest.mark.parametrize("state", [ACCEPTED, REJECTED, UNKNOWN])
    def test_answers_settle_with_the_step_that_hears_them(self, journal, book, state):
        sent = [message(), message("B-1-2")]
        journal.append("B", 1, 0, [entry()], steps=1, messages=sent, claim_at=NOW)
        said, waits = offer(f"{state}:B-1-1"), offer("fill:1")
        settled = [
            Settlement("B-1-1", state, "first", [waits]),
            Settlement("B-1-2", ACCEPTED, "second", marks={"venue:B-1-2": "v2"}),
        ]
        head, _ = journal.append("B", 1, 1, [entry(), entry()], steps=1, settled=settled, heard=[said])
        assert head.step == 2
        found = [journal.message("B", key) for key in ("B-1-1", "B-1-2")]
        assert [(one.state, one.answer) for one in found] == [(state, "first"), (ACCEPTED, "second")]
        assert ("B-1-1" in journal.reserved("paper")) == (state != REJECTED)
        assert [each.identity for each in journal.inbox("B")] == ["fill:1"]
        assert journal.mark("B", "venue:B-1-2") == "v2"
        assert journal.fresh("B", [said, waits, offer("other")]) == [offer("other")]

    def test_an_answer_ends_its_reservation_before_the_next_is_judged(self, journal, book):
        journal.limit("paper", replace(ROOM, orders_max=1))
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()], claim_at=NOW)
        settled = [Settlement("B-1-1", REJECTED, "no")]
        _, (next_one,) = journal.append(
            "B", 1, 1, [entry()], steps=1, messages=[message("B-1-2")], claim_at=NOW, settled=settled
        )
        assert next_one.state == CLAIMED


class TestInbox:
    def test_an_identity_is_taken_once_for_ever(self, journal, book):
        assert journal.offer("B", [offer("fill:1"), offer("fill:2"), offer("fill:1")]) == 2
        numbers = [each.number for each in journal.inbox("B")]
        journal.append("B", 1, 0, [entry()], steps=1, handled=numbers)
        assert journal.inbox("B") == []
        assert journal.offer("B", [offer("fill:1", body=b"other")]) == 0
        assert journal.inbox("B") == []

    def test_what_a_step_heard_without_its_waiting_is_known_for_ever(self, journal, book):
        assert journal.fresh("B", [offer("1"), offer("1", "webhook")]) == [offer("1"), offer("1", "webhook")]
        journal.append("B", 1, 0, [entry()], steps=1, heard=[offer("1")])
        assert journal.inbox("B") == []
        assert journal.fresh("B", [offer("1"), offer("1", "webhook")]) == [offer("1", "webhook")]
        assert journal.offer("B", [offer("1")]) == 0
        with pytest.raises(Retry, match="SF802"):
            journal.append("B", 1, 1, [entry()], steps=1, heard=[offer("1")])
        assert journal.head("B").step == 1

    def test_what_came_to_wait_meanwhile_waits_no_more_when_it_is_heard(self, journal, book):
        journal.offer("B", [offer("1"), offer("2")])
        assert journal.fresh("B", [offer("1")]) == []
        journal.append("B", 1, 0, [entry()], steps=1, heard=[offer("1")])
        assert [each.identity for each in journal.inbox("B")] == ["2"]

    def test_a_source_has_its_own_identities(self, journal, book):
        assert journal.offer("B", [offer("1", "webhook"), offer("1", "venue")]) == 2

    def test_a_book_has_its_own_identities(self, journal, book):
        journal.create("C", "paper", "2", [])
        assert journal.offer("B", [offer("1")]) == journal.offer("C", [offer("1")]) == 1

    def test_they_come_in_order_and_numbers_are_never_used_again(self, journal, book):
        journal.offer("B", [offer(str(i), body=b"%d" % i) for i in range(5)])
        waiting = journal.inbox("B")
        assert [each.body for each in waiting] == [b"0", b"1", b"2", b"3", b"4"]
        assert journal.inbox("B", 2) == waiting[:2]
        journal.append("B", 1, 0, [entry()], steps=1, handled=[each.number for each in waiting])
        journal.offer("B", [offer("5")])
        assert journal.inbox("B")[0].number > waiting[-1].number

    def test_what_was_handled_cannot_be_handled_again(self, journal, book):
        journal.offer("B", [offer("1")])
        (waiting,) = journal.inbox("B")
        journal.append("B", 1, 0, [entry()], steps=1, handled=[waiting.number])
        before = journal.head("B")
        with pytest.raises(Retry, match="SF802"):
            journal.append("B", 1, 1, [entry()], steps=1, handled=[waiting.number])
        assert journal.head("B") == before

    def test_other_books_cannot_handle_it(self, journal, book):
        journal.create("C", "paper", "2", [])
        journal.offer("C", [offer("1")])
        with pytest.raises(Retry, match="SF802"):
            journal.append("B", 1, 0, [entry()], steps=1, handled=[journal.inbox("C")[0].number])


# What stands of a scope, what is claimed || whether it may go, and the reason's first words.
CONTROLS = [
    (None, {}, ""),
    (("account", "paper", HALTED), {}, "halted account paper"),
    (("account", "*", HALTED), {}, "halted account *"),
    (("account", "other", HALTED), {}, ""),
    (("book", "B", HALTED), {}, "halted book B"),
    (("book", "C", HALTED), {}, ""),
    (("strategy", "momentum", HALTED), {"strategy": "momentum"}, "halted strategy momentum"),
    (("strategy", "momentum", HALTED), {"strategy": "pairs"}, ""),
    (("symbol", "SPY", HALTED), {}, "halted symbol SPY"),
    (("symbol", "QQQ", HALTED), {}, ""),
    (("symbol", "SPY", HALTED), {"reduces": True}, "halted symbol SPY"),
    (("symbol", "SPY", HALTED), {"action": "replace"}, "halted symbol SPY"),
    (("symbol", "SPY", HALTED), {"action": "cancel"}, ""),
    (("book", "B", REDUCING), {}, "reducing book B"),
    (("book", "B", REDUCING), {"reduces": True}, ""),
    (("book", "B", REDUCING), {"action": "cancel"}, ""),
    (("book", "B", ACTIVE), {}, ""),
]


class TestControls:
    @pytest.mark.parametrize(("stands", "asked", "reason"), CONTROLS)
    def test_a_claim_is_checked_against_them(self, journal, book, stands, asked, reason):
        if stands:
            journal.control("paper", control(*stands))
        _, (claimed,) = journal.append("B", 1, 0, [entry()], steps=1, messages=[message(**asked)], claim_at=NOW)
        assert (claimed.state, claimed.answer) == ((DROPPED, reason) if reason else (CLAIMED, ""))

    def test_the_strictest_counts(self, journal, book):
        journal.control("paper", control("account", "paper", REDUCING))
        journal.control("paper", control("symbol", "SPY", HALTED))
        journal.control("paper", control("book", "B", ACTIVE))
        _, (claimed,) = journal.append("B", 1, 0, [], messages=[message(reduces=True)], claim_at=NOW)
        assert claimed.answer == "halted symbol SPY"

    def test_what_closes_a_book_passes_the_halts_from_before_and_none_that_is_newer(self, journal, book):
        def claims(**asked):
            nonlocal steps
            steps += 1
            said = message(client_id=f"B-1-{steps}", key=f"B-1-{steps}", **asked)
            return journal.append("B", 1, steps - 1, [entry()], steps=1, messages=[said], claim_at=NOW)[1][0].answer

        steps = 0
        journal.control("paper", control("account", "*", HALTED))
        journal.control("paper", control(CLOSING, "C", ACTIVE))
        assert claims(reduces=True) == "halted account *"
        journal.control("paper", control(CLOSING, "B", ACTIVE))
        assert claims(reduces=True) == ""
        assert claims() == "halted account *"
        journal.control("paper", control("symbol", "SPY", HALTED))
        assert claims(reduces=True) == "halted symbol SPY"

    def test_a_control_stands_until_another_of_its_scope(self, journal, book):
        first = journal.control("paper", control("book", "B", HALTED))
        journal.control("paper", control("symbol", "SPY", ACTIVE))
        assert journal.controls("paper")[0] == first
        second = journal.control("paper", control("book", "B", ACTIVE, "all is well"))
        assert second.sequence > first.sequence
        assert [each.state for each in journal.controls("paper")] == [ACTIVE, ACTIVE]
        assert second in journal.controls("paper")
        _, (claimed,) = journal.append("B", 1, 0, [], messages=[message()], claim_at=NOW)
        assert claimed.state == CLAIMED

    def test_accounts_have_their_own(self, journal, book):
        journal.control("live", control("symbol", "SPY", HALTED))
        assert journal.controls("paper") == []
        _, (claimed,) = journal.append("B", 1, 0, [], messages=[message()], claim_at=NOW)
        assert claimed.state == CLAIMED

    def test_a_control_after_the_append_stops_the_claim(self, journal, book):
        journal.append("B", 1, 0, [entry()], steps=1, messages=[message()])
        journal.control("paper", control("account", "paper", HALTED))
        (dropped,) = journal.claim("B", 1, ["B-1-1"], NOW)
        assert dropped.state == DROPPED
        assert journal.message("B", "B-1-1").answer == "halted account paper"
        assert journal.reserved("paper") == {}


class TestExpiry:
    @pytest.mark.parametrize(("late", "state"), [(-1, CLAIMED), (0, DROPPED), (1, DROPPED)])
    @pytest.mark.parametrize("action", ["submit", "cancel", "replace"])
    def test_what_is_late_is_not_sent(self, journal, book, late, state, action):
        sent = message(action=action, expires_at=NOW)
        _, (claimed,) = journal.append("B", 1, 0, [], messages=[sent], claim_at=NOW + late)
        assert claimed.state == state

    def test_what_is_late_says_by_how_much_in_seconds(self, journal, book):
        sent = message(expires_at=NOW)
        _, (claimed,) = journal.append("B", 1, 0, [], messages=[sent], claim_at=NOW + 90_500_000_000)
        assert claimed.answer == "expired 90.500 s ago"


def claim(journal, *messages, at=NOW):
    """Write and claim; the answers, "" for what was claimed."""
    step = journal.head("B").step
    _, claimed = journal.append("B", 1, step, [], steps=1, messages=messages, claim_at=at)
    return [each.answer for each in claimed]


class TestLimits:
    def test_silence_allows_only_what_reduces(self, journal):
        journal.create("B", "paper", "1", [])
        journal.take("B", "test", NOW)
        assert claim(journal, message("B-1-1"))[0].startswith("account_")
        assert claim(journal, message("B-1-2", reduces=True), message("B-1-2-c1", action="cancel")) == ["", ""]

    @pytest.mark.parametrize(
        ("limits", "second", "reason"),
        [
            # The first order reserves 1,000 of SPY; limits, exposure and symbol of the second || why it is refused
            ({"exposure_max": 2_000.0}, ("SPY", 1_000.0), ""),
            ({"exposure_max": 2_000.0}, ("QQQ", 1_000.5), "account_exposure limit=2000.0 observed=2000.5"),
            ({"symbol_exposure_max": 1_500.0}, ("SPY", 500.0), ""),
            ({"symbol_exposure_max": 1_500.0}, ("SPY", 500.5), "account_symbol_exposure limit=1500.0 observed=1500.5"),
            ({"symbol_exposure_max": 1_500.0}, ("QQQ", 1_500.0), ""),
            ({"orders_max": 2}, ("SPY", 1.0), ""),
            ({"orders_max": 1}, ("SPY", 1.0), "account_orders limit=1 observed=2"),
            ({"orders_per_second_max": 2}, ("SPY", 1.0), ""),
            ({"orders_per_second_max": 1}, ("SPY", 1.0), "account_orders_per_second limit=1 observed=2"),
            ({}, ("SPY", nan), "account_exposure limit=1000000000.0 observed=nan"),
        ],
    )
    def test_each_message_counts_against_the_next(self, journal, book, limits, second, reason):
        journal.limit("paper", replace(ROOM, **limits))
        symbol, exposure = second
        assert claim(journal, message("B-1-1"), message("B-1-2", symbol=symbol, exposure=exposure)) == ["", reason]

    def test_what_is_refused_reserves_nothing(self, journal, book):
        journal.limit("paper", replace(ROOM, exposure_max=1_500.0))
        answers = claim(journal, message("B-1-1"), message("B-1-2"), message("B-1-3", exposure=500.0))
        assert [bool(answer) for answer in answers] == [False, True, False]
        assert journal.reserved("paper") == {"B-1-1": 1_000.0, "B-1-3": 500.0}

    def test_books_of_an_account_share_them(self, journal, book):
        journal.limit("paper", replace(ROOM, exposure_max=1_500.0))
        journal.create("C", "paper", "2", [])
        journal.take("C", "test", NOW)
        claim(journal, message("B-1-1"))
        _, (claimed,) = journal.append("C", 1, 0, [], messages=[message("C-2-1")], claim_at=NOW)
        assert claimed.answer == "account_exposure limit=1500.0 observed=2000.0"

    def test_a_second_is_a_second_of_the_clock(self, journal, book):
        journal.limit("paper", replace(ROOM, orders_per_second_max=1))
        begin = NOW - NOW % SECOND
        assert claim(journal, message("B-1-1"), at=begin + SECOND - 1) == [""]
        assert claim(journal, message("B-1-2"), at=begin + SECOND) == [""]
        # A clock that goes back does not open the door again.
        assert claim(journal, message("B-1-3"), at=begin)[0].startswith("account_orders_per_second")

    def test_a_replace_reserves_the_larger_of_both(self, journal, book):
        claim(journal, message("B-1-1"))
        claim(journal, message("B-1-1-r1", action="replace", exposure=400.0))
        assert journal.reserved("paper") == {"B-1-1": 1_000.0}
        claim(journal, message("B-1-1-r2", action="replace", exposure=1_600.0))
        assert journal.reserved("paper") == {"B-1-1": 1_600.0}

    def test_a_replace_is_reviewed_as_the_difference(self, journal, book):
        journal.limit("paper", replace(ROOM, exposure_max=1_500.0, orders_max=1))
        assert claim(journal, message("B-1-1")) == [""]
        assert claim(journal, message("B-1-1-r1", action="replace", exposure=1_500.0)) == [""]
        assert claim(journal, message("B-1-1-r2", action="replace", exposure=1_500.5))[0].startswith("account_exposure")


class TestReservations:
    def test_unknown_keeps_what_it_reserves(self, journal, book):
        claim(journal, message("B-1-1"))
        journal.settle("B", "B-1-1", UNKNOWN, "time-out", [], [])
        assert journal.reserved("paper") == {"B-1-1": 1_000.0}

    def test_evidence_releases(self, journal, book):
        claim(journal, message("B-1-1"), message("B-1-2"))
        journal.release("paper", "B-1-1", 250.0)
        assert journal.reserved("paper") == {"B-1-1": 250.0, "B-1-2": 1_000.0}
        journal.release("paper", "B-1-1", 0)
        journal.release("paper", "B-1-1", 0)
        assert journal.reserved("paper") == {"B-1-2": 1_000.0}

    def test_released_room_can_be_used(self, journal, book):
        journal.limit("paper", replace(ROOM, exposure_max=1_000.0))
        assert claim(journal, message("B-1-1"), message("B-1-2"))[1] != ""
        journal.release("paper", "B-1-1", 0)
        assert claim(journal, message("B-1-3")) == [""]

    def test_an_append_releases_before_it_claims(self, journal, book):
        journal.limit("paper", replace(ROOM, exposure_max=1_000.0))
        claim(journal, message("B-1-1"))
        _, (claimed,) = journal.append(
            "B", 1, 1, [], messages=[message("B-1-2", exposure=800.0)], claim_at=NOW, released={"B-1-1": 200.0}
        )
        assert claimed.state == CLAIMED
        assert journal.reserved("paper") == {"B-1-1": 200.0, "B-1-2": 800.0}

    def test_a_rejected_submit_ends_its_reservation(self, journal, book):
        claim(journal, message("B-1-1"))
        journal.settle("B", "B-1-1", REJECTED, "no", [], [])
        assert journal.reserved("paper") == {}

    def test_a_rejection_that_came_late_ends_nothing(self, journal, book):
        claim(journal, message("B-1-1"))
        journal.settle("B", "B-1-1", ACCEPTED, "", [], [])
        journal.settle("B", "B-1-1", REJECTED, "no", [], [])
        assert journal.reserved("paper") == {"B-1-1": 1_000.0}


class TestSelfMatch:
    @pytest.mark.parametrize(
        ("mine", "theirs", "meets"),
        [
            # (side, price) of our order, of another book's that works already || whether they could trade
            ((1, 100.0), (-1, 100.0), True),
            ((1, 99.99), (-1, 100.0), False),
            ((1, nan), (-1, 100.0), True),
            ((-1, 100.0), (1, 100.0), True),
            ((-1, 100.01), (1, 100.0), False),
            ((-1, nan), (1, 100.0), True),
            ((-1, 100.0), (1, nan), True),
            ((1, 100.0), (1, 100.0), False),
        ],
    )
    def test_books_of_one_account_do_not_trade_with_each_other(self, journal, book, mine, theirs, meets):
        journal.create("C", "paper", "2", [])
        journal.take("C", "test", NOW)
        their = message("C-2-1", side=theirs[0], price=theirs[1])
        journal.append("C", 1, 0, [], messages=[their], claim_at=NOW)
        other = message("B-1-1", side=mine[0], price=mine[1], reduces=True)
        assert claim(journal, other) == ["self_match C-2-1" if meets else ""]

    def test_it_may_be_allowed(self, journal, book):
        journal.limit("paper", replace(ROOM, self_match=True))
        journal.create("C", "paper", "2", [])
        journal.take("C", "test", NOW)
        journal.append("C", 1, 0, [], messages=[message("C-2-1", side=-1)], claim_at=NOW)
        assert claim(journal, message("B-1-1")) == [""]

    def test_other_symbols_and_our_own_book_are_not_looked_at(self, journal, book):
        assert claim(journal, message("B-1-1"), message("B-1-2", side=-1), message("B-1-3", symbol="QQQ", side=-1)) == [
            "",
            "",
            "",
        ]


class TestSmallFacts:
    def test_a_mark_is_what_was_written_last(self, journal, book):
        assert journal.mark("B", "executions") is None
        assert journal.mark("B", "executions", "5") == "5"
        assert journal.mark("B", "executions", "7") == "7"
        assert journal.mark("B", "executions") == "7"
        assert journal.mark("C", "executions") is None

    def test_marks_are_written_with_what_they_belong_to(self, journal, book):
        journal.append("B", 1, 0, [], messages=[message()], claim_at=NOW, marks={"bars": "3", "mark": "x"})
        journal.settle("B", "B-1-1", ACCEPTED, "", [], [], {"venue:B-1-1": "v1"})
        assert [journal.mark("B", name) for name in ("bars", "mark", "venue:B-1-1")] == ["3", "x", "v1"]
        with pytest.raises(Retry):
            journal.append("B", 1, 7, [], marks={"bars": "4"})
        assert journal.mark("B", "bars") == "3"

    def test_a_nonce_only_grows(self, journal):
        assert [journal.nonce("key"), journal.nonce("key"), journal.nonce("other")] == [1, 2, 1]
        assert [journal.nonce("key", 100), journal.nonce("key", 50)] == [100, 101]

    def test_once_is_once_until_its_time(self, journal):
        assert journal.once("a", NOW + 10, NOW)
        assert not journal.once("a", NOW + 10, NOW + 9)
        assert journal.once("b", NOW + 10, NOW)
        assert journal.once("a", NOW + 20, NOW + 10)

    def test_our_own_commits_are_no_change(self, journal, book):
        before = journal.changed()
        journal.note("B", [entry()])
        assert journal.changed() == before
