"""A halt where the books of a folder trade several accounts: whom it reaches, and what lifts it."""

import json
from contextlib import closing

import msgspec
import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import ACTIVE, HALTED, Entry
from stratofold.cli.app import run
from stratofold.cli.venue import venue_words
from stratofold.cli.why import book_of
from stratofold.live.manifest import Beginning, Manifest

BOOKS = {  # what each trades, by which strategy, on which account
    "momo": ("SPY", "momentum.py:Momentum", "paper"),
    "pairs": ("AAPL", "pairs.py:Pairs", "paper"),
    "far": ("SPY", "momentum.py:Momentum", "live"),
}


@pytest.fixture
def folder(tmp_path):
    """A folder of three books on two accounts."""
    with closing(Journal(tmp_path / "journal.db")) as journal:
        for book, (symbol, strategy, account) in BOOKS.items():
            manifest = Manifest(
                book=book, account=account, generation="g1", strategy=strategy, parameters={}, instruments=[{"symbol": symbol}],
                calendar="XNYS", currency="USD", capital=1.0, limits={}, span_ns=1, opened=0, code="",
            )  # fmt: skip
            opened = Entry("opened", msgspec.msgpack.encode(Beginning(manifest=manifest)), b"")
            journal.create(book, account, f"g{book}", [opened])
    return tmp_path


def said(folder, capsys, *words, code=0):
    capsys.readouterr()
    assert run([*words, "--home", str(folder), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    return told["errors"][0] if code else told


def held(folder, account):
    """The scopes and names that are halted on an account."""
    with closing(Journal(folder / "journal.db")) as journal:
        return [(one.scope, one.name) for one in journal.controls(account) if one.state == HALTED]


def test_who_stops_everything_is_not_asked_which_account(folder, capsys):
    """In a fright nobody answers questions: with no more words than that, every account stands still."""
    assert said(folder, capsys, "halt")["accounts"] == ["live", "paper"]
    assert held(folder, "live") == held(folder, "paper") == [("account", "*")]


@pytest.mark.parametrize("words", [["far"], ["--book", "far"], ["far", "--scope", "book"]])
def test_a_book_tells_its_account(folder, capsys, words):
    assert said(folder, capsys, "halt", *words)["accounts"] == ["live"]
    assert (held(folder, "live"), held(folder, "paper")) == ([("book", "far")], [])
    assert said(folder, capsys, "resume", *words)["name"] == "far"


@pytest.mark.parametrize(
    ("words", "accounts"),
    [
        (["SPY", "--scope", "symbol"], ["live", "paper"]),
        (["AAPL", "--scope", "symbol"], ["paper"]),
        (["Momentum", "--scope", "strategy"], ["live", "paper"]),
        (["Pairs", "--scope", "strategy"], ["paper"]),
        (["paper"], ["paper"]),
        (["--account", "live"], ["live"]),
    ],
)
def test_it_holds_on_every_account_where_its_words_mean_something(folder, capsys, words, accounts):
    assert said(folder, capsys, "halt", *words)["accounts"] == accounts
    assert [account for account in ("live", "paper") if held(folder, account)] == accounts


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nobody"], "SF962"),
        (["--book", "paper"], "SF962"),
        (["QQQ", "--scope", "symbol"], "SF962"),
        (["Nothing", "--scope", "strategy"], "SF962"),
        (["--account", "nobody"], "SF962"),
        (["far", "--account", "paper"], "SF962"),
    ],
)
def test_a_halt_that_would_hold_nothing_does_not_look_like_one(folder, capsys, words, code):
    assert said(folder, capsys, "halt", *words, code=2)["code"] == code
    assert held(folder, "live") == held(folder, "paper") == []


def test_a_name_that_is_not_clear_on_one_account_holds_on_none(folder, capsys):
    with closing(Journal(folder / "journal.db")) as journal:
        (record, *_) = journal.records("far", 0, 1)
        beginning = msgspec.msgpack.decode(record.body, type=Beginning)
        other = msgspec.structs.replace(beginning.manifest, book="far2", strategy="other.py:Momentum")
        body = msgspec.msgpack.encode(Beginning(manifest=other))
        journal.create("far2", "live", "g9", [Entry("opened", body, b"")])
    wrong = said(folder, capsys, "halt", "Momentum", "--scope", "strategy", code=2)
    assert (wrong["code"], "other.py:Momentum" in wrong["why"]) == ("SF942", True)
    assert held(folder, "live") == held(folder, "paper") == []


def test_lifting_is_of_one_account_and_the_words_that_lift_it_are_said(folder, capsys):
    assert said(folder, capsys, "halt")["state"] == HALTED
    assert run(["halt", "--home", str(folder)]) == 0
    first, second = capsys.readouterr().out.splitlines()[-2:]
    words = "stratofold resume '*' --scope account --account live"
    assert first == f"account * of live is halted; lift it with: {words} --home {folder}"
    assert second.endswith(f"--account paper --home {folder}")
    assert said(folder, capsys, "resume", code=2)["code"] == "SF942"
    assert said(folder, capsys, "resume", "--account", "live")["code"]
    assert run(["resume", "--account", "live", "--home", str(folder)]) == 0
    assert f"--scope account --account live --home {folder} --confirm " in capsys.readouterr().out
    with closing(Journal(folder / "journal.db")) as journal:
        assert all(one.state != ACTIVE for one in journal.controls("paper") if one.scope == "account")


def test_a_client_id_tells_its_book(folder):
    with closing(Journal(folder / "journal.db")) as journal:
        assert book_of(journal, "far-gfar-1z") == "far"
        assert [book_of(journal, word) for word in ("17", "far", "far-gmomo-1", "far-gfar-!")] == [None] * 4


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("paper0A1B2C", "--exchange FILE"),
        ("paper_test1", "--keys paper_test1"),
        ("paperTrades", "--keys paperTrades"),
        ("paper", "--keys paper"),
        ("ira-live", "--keys ira --live"),
        ("my own", "--keys 'my own'"),
    ],
)
def test_a_command_that_is_told_names_the_venue(account, words):
    """As `exchange_venue` and `alpaca_venue` have called the account."""
    assert venue_words(account) == words
