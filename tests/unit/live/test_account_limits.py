"""Books of one account: the strictest of what they state holds, and who holds a book back is named."""

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountLimits
from stratofold.live.account_limits import share_limits, stricter_elsewhere

LOOSE = AccountLimits(1_000.0, 9, 800.0, 5, self_match=True)
TIGHT = AccountLimits(2_000.0, 3, 100.0, 5, self_match=False)
BOTH = AccountLimits(1_000.0, 3, 100.0, 5, self_match=False)


class Seen(Journal):
    """A journal that remembers what the account was held to."""

    held = None

    def limit(self, account, limits):
        """The port's word, kept."""
        super().limit(account, limits)
        self.held = limits


def journal_of(*books):
    """A journal with books of one account."""
    journal = Seen()
    for name in books:
        journal.create(name, "account", f"g{name}", [])
    return journal


def test_whichever_comes_last_the_strictest_holds():
    for order in (("a", "b"), ("b", "a")):
        journal = journal_of("a", "b")
        stated = {"a": LOOSE, "b": TIGHT}
        for name in order:
            share_limits(journal, name, "account", stated[name])
        assert journal.held == BOTH


def test_a_book_alone_holds_what_it_states_and_lets_go_of_it():
    journal = journal_of("a", "b")
    share_limits(journal, "a", "account", TIGHT)
    assert journal.held == TIGHT
    share_limits(journal, "a", "account", LOOSE)
    assert journal.held == LOOSE


def test_another_account_is_nobodys_affair():
    journal = journal_of("a")
    journal.create("c", "elsewhere", "gc", [])
    share_limits(journal, "c", "elsewhere", TIGHT)
    share_limits(journal, "a", "account", LOOSE)
    assert journal.held == LOOSE


def test_who_is_stricter_is_named_limit_by_limit():
    journal = journal_of("a", "b")
    share_limits(journal, "b", "account", TIGHT)
    share_limits(journal, "a", "account", LOOSE)
    assert stricter_elsewhere(journal, "account", LOOSE) == [
        "account.orders_max: 9 is stated here, and 3 holds, which book b states",
        "account.symbol_exposure_max: 800.0 is stated here, and 100.0 holds, which book b states",
        "account.self_match: True is stated here, and False holds, which book b states",
    ]
    assert stricter_elsewhere(journal, "account", TIGHT) == [
        "account.exposure_max: 2000.0 is stated here, and 1000.0 holds, which book a states"
    ]


def test_what_others_state_can_be_replaced_until_they_state_it_again():
    journal = journal_of("a", "b")
    share_limits(journal, "b", "account", TIGHT)
    share_limits(journal, "a", "account", LOOSE, alone=True)
    assert (journal.held, stricter_elsewhere(journal, "account", LOOSE)) == (LOOSE, [])
    share_limits(journal, "b", "account", TIGHT)
    assert journal.held == BOTH


def test_what_two_state_at_once_is_heard_by_both():
    class Interrupted(Seen):
        """Another book states its limits just before ours are written."""

        other = True

        def limit(self, account, limits):
            if self.other:
                self.other = False
                share_limits(self, "b", "account", TIGHT)
            super().limit(account, limits)

    journal = Interrupted()
    for name in "ab":
        journal.create(name, "account", f"g{name}", [])
    share_limits(journal, "a", "account", LOOSE)
    assert journal.held == BOTH


def test_what_was_stated_before_is_not_written_again():
    journal, written = journal_of("a", "b"), []
    share_limits(journal, "a", "account", TIGHT)
    journal.fault = lambda verb, when: written.append(verb) if when == "before" else None
    share_limits(journal, "a", "account", TIGHT)
    assert "mark" not in written
    share_limits(journal, "a", "account", LOOSE)
    assert "mark" in written
