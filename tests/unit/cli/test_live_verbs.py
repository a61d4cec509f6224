"""The live verbs as a person meets them: a book that was paper-traded to its end, asked about in every way."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.embedded.presence import Presence
from stratofold.cli.app import run
from stratofold.cli.paper_demo import LIMITS
from stratofold.cli.run import confirm, refuse_shorter
from stratofold.cli.standing import order_line
from stratofold.cli.status import SHOWN, text_of
from stratofold.errors import Setup
from stratofold.fold.lifecycle import WORKING
from stratofold.fold.order import GTC, LIMIT, Order
from stratofold.live.begin import market_events
from stratofold.live.risk.limits_config import read_stated
from stratofold.live.watchman import HEARTBEAT
from stratofold.strategies import Crossover
from stratofold.wire import unpack
from tests.mortal import mortal
from tests.patience import until

MONTH_SECONDS = 30 * 86_400  # from the close of the day before the first
MONTH_LATER_NS = int(datetime(2020, 7, 30, 20, tzinfo=UTC).timestamp()) * 10**9
SYMBOLS = ["--symbols", "SPY,AAPL"]
CROSSOVER = ["stratofold.strategies:Crossover", *SYMBOLS]


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A folder in which Crossover has traded a month and then half a year to its end, and the exchange that it traded at."""
    folder = tmp_path_factory.mktemp("traded")
    (folder / "limits.toml").write_text(LIMITS, encoding="utf-8")
    with exchange(folder):
        command = ["run", *CROSSOVER, "--unguarded", *places(folder), *venue(folder), "--json"]
        assert run([*command, "--for", str(MONTH_SECONDS)]) == 0
        with closing(Journal(folder / "home" / "journal.db")) as journal:
            last = max(event.time for event in market_events(journal.records("main"), Crossover))
        assert last == MONTH_LATER_NS
        assert run(command) == 0
        yield folder


class exchange:  # noqa: N801  it reads as a word
    """A paper exchange that waits for each step, while the block lasts."""

    def __init__(self, folder, start="2020-07-01"):
        self.words = [sys.executable, "-m", "stratofold", "exchange", *SYMBOLS, "--start", start, "--speed", "step"]
        self.ready = folder / "ready.json"

    def __enter__(self):
        with self.ready.open("w") as out:
            self.process = subprocess.Popen(mortal([*self.words, "--json"]), stdout=out)
        until(lambda: self.ready.read_text(encoding="utf-8").endswith("\n"))
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def places(folder):
    return ["--home", str(folder / "home"), "--config", str(folder / "limits.toml")]


def venue(folder):
    return ["--exchange", str(folder / "ready.json")]


def home(folder):
    return ["--home", str(folder / "home")]


def said(capsys, *words, code=0):
    capsys.readouterr()
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_status_shows_how_a_book_stands(traded, capsys):
    (book,) = said(capsys, "status", *home(traded))["books"]
    assert book["book"] == "main"
    assert book["state"] == "active"
    assert book["steps"] > 250
    assert book["unknown"] == []
    assert run(["status", *home(traded)]) == 0
    text = capsys.readouterr().out
    assert "main [active] stratofold.strategies" in text
    assert ", at rest\n" in text
    (row,) = book["held"]
    assert f"  {row['quantity']:.0f} {row['symbol']} from " in text
    assert row["gain"] == pytest.approx((row["price"] - row["average"]) * row["quantity"])
    assert book["gain"] == pytest.approx(book["equity"] - 100_000.0)
    last = datetime.fromtimestamp(book["last_event"] // 10**9, UTC)
    assert f"the last event of {last:%Y-%m-%d} " in text


def test_status_says_whether_somebody_runs_the_book(traded, capsys):
    folder = traded / "home"
    presence = Presence(folder, "main")
    assert not presence.is_held()
    assert presence.hold()
    assert said(capsys, "status", *home(traded))["books"][0]["run"] == "running"
    presence.release()
    with closing(Journal(folder / "journal.db")) as journal:
        journal.mark("main", HEARTBEAT, "1")
        died = said(capsys, "status", *home(traded))["books"][0]
        journal.mark("main", HEARTBEAT, "")
    assert died["run"] == "died"
    assert "its last run was killed" in text_of(died)
    assert said(capsys, "status", *home(traded))["books"][0]["run"] == "at rest"


def test_status_counts_what_it_leaves_out_and_writes_a_million_in_full(traded, capsys):
    (book,) = said(capsys, "status", *home(traded))["books"]
    book["positions"] = {"SPY": 1_234_567.0}
    book["unknown"] = [f"main-g1-{k}" for k in range(SHOWN + 2)]
    text = text_of(book)
    assert "holding 1234567 SPY" in text
    assert f"of unknown fate: main-g1-{SHOWN - 1}\n  ... and 2 more: --json" in text


@pytest.mark.parametrize(
    "words", [["status"], ["verify"], ["flatten", "--dry-run"], ["audit", "show"], ["fork", "--at", "9"]]
)
def test_a_book_is_named_with_and_without_its_option(traded, capsys, words):
    by_place = run([*words, "main", *home(traded)]), capsys.readouterr().out
    assert by_place == (run([*words, "--book", "main", *home(traded)]), capsys.readouterr().out)
    assert by_place[0] == 0
    assert run([*words, "nobody", *home(traded)]) == 2
    assert "SF805" in capsys.readouterr().err
    for more in (["main", "other"], ["main", "--book", "main"]):
        assert run([*words, *more, *home(traded)]) == 2
        assert "SF700" in capsys.readouterr().err


def test_an_order_that_works_is_shown_with_the_number_to_ask_after():
    order = Order()
    order.number, order.symbol, order.side, order.kind, order.tif, order.state = 17, 1, -1, LIMIT, GTC, WORKING
    order.quantity, order.filled, order.limit, order.stop = 10.0, 3.0, 99.5, nan
    assert order_line(order, ("SPY", "AAPL")) == "#17 sell 10 AAPL limit gtc limit 99.5, working, 3 filled"


@pytest.fixture
def moved_away(traded, tmp_path):
    """The same folder after `move --to cloud`: a stack has the book."""
    copytree(traded / "home", tmp_path / "home")
    with closing(Journal(tmp_path / "home" / "journal.db")) as journal:
        journal.take("main", "cloud:momentum", 0)
    return tmp_path


def test_status_says_where_a_book_went_that_was_moved_away(moved_away, traded, capsys):
    (book,) = said(capsys, "status", *home(moved_away))["books"]
    assert book["elsewhere"] == "the stack momentum (--stack momentum)"
    assert run(["status", *home(moved_away)]) == 0
    assert "moved away: so it stood then; it is with the stack momentum" in capsys.readouterr().out
    (book,) = said(capsys, "status", *home(traded))["books"]
    assert book["elsewhere"] == ""


def test_a_halt_that_a_moved_book_does_not_hear_says_so(moved_away, capsys):
    """What a person types in a fright must not look as if it had helped."""
    told = said(capsys, "halt", *home(moved_away), code=3)
    assert told["unreached"] == ["main is with the stack momentum (--stack momentum); say it there"]
    assert run(["halt", "--book", "main", *home(moved_away)]) == 3
    assert "NOT HELD: main is with the stack momentum" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["flatten"], ["reconcile", "--keys", "none"]])
def test_what_nobody_would_carry_out_is_refused(moved_away, capsys, words):
    assert run([*words, *home(moved_away)]) == 6
    told = capsys.readouterr().err
    assert "SFA29" in told
    assert "--stack momentum" in told


def test_verify_is_identical_and_so_is_the_backtest_of_the_same_days(traded, capsys):
    told = said(capsys, "verify", *home(traded), "--against", "sample")
    assert told["identical"] is True
    assert told["against"] is None
    assert run(["verify", *home(traded)]) == 0
    assert "identical" in capsys.readouterr().out


def test_verify_with_another_parameter_names_the_first_decision_that_differs(traded, capsys):
    told = said(capsys, "verify", *home(traded), "--set", "fast=10", code=3)
    assert told["identical"] is False
    assert told["difference"]["cause"] == "parameters changed: fast None -> 10"


def test_a_strategy_in_a_file_is_found_from_any_folder_and_verified_when_its_file_is_gone(tmp_path):
    """The commands of the README, as a console runs them: each a process of its own, started elsewhere."""
    from stratofold.strategies import crossover

    file = tmp_path / "strategy.py"
    file.write_text(Path(crossover.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "limits.toml").write_text(LIMITS, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def told(*words, folder=elsewhere):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "stratofold", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    with exchange(tmp_path, start="2020-12-01"):
        code, text = told(
            "run", "strategy.py", *SYMBOLS, "--unguarded", *places(tmp_path), *venue(tmp_path), folder=tmp_path
        )
        assert code == 0, text
    for words in (("verify",), ("verify", "--against", "sample"), ("status",)):
        code, text = told(*words, *home(tmp_path))
        assert code == 0, text
    file.unlink()
    code, text = told("verify", *home(tmp_path))
    assert code == 0, text
    assert "is not there any more: verified with the code that the journal kept" in text
    assert "identical" in text


def test_why_tells_of_an_order_from_the_records_alone(traded, capsys):
    told = said(capsys, "why", "1", *home(traded))
    assert told["number"] == 1
    assert run(["why", "1", *home(traded)]) == 0
    text = capsys.readouterr().out
    for heading in ("what it saw", "what the step changed", "what was checked", "what became of it"):
        assert heading in text


def test_why_of_an_order_that_is_not_there(traded, capsys):
    told = said(capsys, "why", "9999", *home(traded), code=2)
    assert told["errors"][0]["why"].partition(" it has ")[2].startswith("numbered its orders 1 to ")


def test_audit_verifies_and_shows(traded, capsys):
    told = said(capsys, "audit", "verify", *home(traded))
    assert told["rebuilt"] == {"main": True}
    rows = said(capsys, "audit", "show", *home(traded), "--limit", "2")["records"]
    assert [row["kind"] for row in rows] == ["opened", "event"]
    assert run(["audit", "show", *home(traded), "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_reconcile_finds_book_and_venue_agreed(traded, capsys):
    told = said(capsys, "reconcile", *home(traded), *venue(traded))
    assert told["clean"] is True
    assert told["breaks"] == []


def test_a_halt_is_seen_and_lifted_in_two_steps(traded, capsys):
    assert said(capsys, "halt", *home(traded), "--reason", "a test")["state"] == "halted"
    assert said(capsys, "status", *home(traded))["books"][0]["reason"] == "a test"
    asked = said(capsys, "resume", *home(traded))
    assert said(capsys, "resume", *home(traded), "--confirm", "wrong", code=2)["errors"][0]["code"].startswith("SF9")
    said(capsys, "reconcile", *home(traded), *venue(traded))
    assert said(capsys, "resume", *home(traded), "--confirm", asked["code"])["state"] == "active"
    assert said(capsys, "status", *home(traded))["books"][0]["state"] == "active"


@pytest.mark.parametrize(
    "name", ["Crossover", "stratofold.strategies.crossover:Crossover", "crossover:Crossover", "crossover"]
)
def test_a_strategy_is_halted_by_as_much_of_its_name_as_tells_it(traded, capsys, name):
    held = said(capsys, "halt", name, "--scope", "strategy", *home(traded))
    assert (held["scope"], held["state"]) == ("strategy", "halted")
    full = said(capsys, "halt", "Crossover", "--scope", "strategy", *home(traded))["name"]
    assert held["name"] == full
    asked = said(capsys, "resume", name, "--scope", "strategy", *home(traded))
    said(capsys, "reconcile", *home(traded), *venue(traded))
    lifted = said(capsys, "resume", name, "--scope", "strategy", "--confirm", asked["code"], *home(traded))
    assert (lifted["name"], lifted["state"]) == (full, "active")


def test_a_book_is_halted_by_its_name_and_one_that_is_not_there_is_an_error(traded, capsys):
    assert said(capsys, "halt", "nobody", *home(traded), code=2)["errors"][0]["code"] == "SF962"
    assert said(capsys, "halt", "main", *home(traded)) == said(capsys, "halt", "--book", "main", *home(traded))
    held = said(capsys, "halt", "--book", "main", *home(traded))
    assert (held["scope"], held["name"]) == ("book", "main")
    asked = said(capsys, "resume", "--book", "main", *home(traded))
    said(capsys, "reconcile", *home(traded), *venue(traded))
    assert said(capsys, "resume", "--book", "main", "--confirm", asked["code"], *home(traded))["state"] == "active"
    for words, there in (
        (["--book", "mian"], "main"), (["Corssover", "--scope", "strategy"], "Crossover"), (["SPX", "--scope", "symbol"], "SPY"),
    ):  # fmt: skip
        wrong = said(capsys, "halt", *words, *home(traded), code=2)["errors"][0]
        assert wrong["code"] == "SF962"
        assert there in wrong["why"]


def test_status_says_which_symbols_are_held_back(traded, capsys, tmp_path):
    copytree(traded / "home", tmp_path / "home")
    assert said(capsys, "status", *home(tmp_path))["books"][0]["symbols_held"] == {}
    said(capsys, "halt", "SPY", "--scope", "symbol", "--reason", "odd prices", *home(tmp_path))
    (book,) = said(capsys, "status", *home(tmp_path))["books"]
    assert (book["state"], book["symbols_held"]) == ("active", {"SPY": ["halted", "odd prices"]})
    assert "\n  SPY is halted (odd prices)" in text_of(book)


def test_breaking_the_glass_is_written_down(traded, capsys):
    said(capsys, "cancel", *home(traded), *venue(traded))
    journal = Journal(traded / "home" / "journal.db")
    controls = [unpack(record.body) for record in journal.records("main") if record.kind == "control"]
    journal.close()
    assert controls[-1][0] == "account"
    assert controls[-1][2:4] == ["cancel", "asked to cancel 0: ; open still 0: "]


def test_flatten_is_rehearsed_before_it_is_asked_for(traded, capsys):
    held = said(capsys, "status", *home(traded))["books"][0]["positions"]
    rehearsed = said(capsys, "flatten", *home(traded), "--dry-run")
    assert rehearsed["close"] == held
    assert said(capsys, "status", *home(traded))["books"][0]["inbox"] == 0


def test_a_flatten_that_nobody_would_carry_out_now_says_so(traded, capsys):
    """Who closes a book in a fright must not take an order to nobody for the close itself."""
    assert run(["flatten", "--dry-run", *home(traded)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("would cancel ")
    assert "nobody runs the book here" in text
    presence = Presence(traded / "home", "main")
    assert presence.hold()
    assert run(["flatten", "--dry-run", *home(traded)]) == 0
    presence.release()
    assert "nobody" not in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_a_fork_with_nothing_changed_ends_where_the_book_did_to_the_cent(traded, capsys, share):
    steps = said(capsys, "status", *home(traded))["books"][0]["steps"]
    told = said(capsys, "fork", "--at", str(max(1, int(steps * share))), *home(traded))
    assert told["would"] == told["was"]
    assert (told["events"] == 0) == (share == 1.0)


def test_a_fork_with_another_parameter_says_what_would_have_been(traded, capsys):
    before = said(capsys, "status", *home(traded))
    told = said(capsys, "fork", "--at", "100", "--set", "fast=10", *home(traded))
    assert told["would"]["equity"] != told["was"]["equity"]
    assert told["would"]["fills"] > 0
    assert said(capsys, "status", *home(traded)) == before
    assert run(["fork", "--at", "100", "--set", "fast=10", *home(traded)]) == 0
    assert "it would be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--at", "0"], "SF960"), (["--at", "9999"], "SF960"), (["--at", "9", "--set", "fast"], "SF961"),
     (["--at", "9", "--set", "fst=9"], "SF100")],
)  # fmt: skip
def test_a_fork_that_cannot_be(traded, capsys, words, code):
    assert said(capsys, "fork", *words, *home(traded), code=2)["errors"][0]["code"] == code


def test_a_book_that_is_not_there(traded, capsys):
    for verb in (["status", "--book", "other"], ["why", "1", "--book", "other"], ["verify", "--book", "other"]):
        assert said(capsys, *verb, *home(traded), code=2)["errors"][0]["code"] == "SF805"


def test_a_folder_where_nothing_was_run(tmp_path, capsys):
    for verb in (["status"], ["halt"], ["resume"], ["flatten"], ["verify"], ["why", "1"], ["audit", "verify"]):
        assert said(capsys, *verb, "--home", str(tmp_path), code=2)["errors"][0]["code"] == "SF941"


def test_a_run_is_planned_without_running(traded, capsys):
    told = said(capsys, "run", *CROSSOVER, *places(traded), *venue(traded), "--unguarded", "--dry-run")
    assert told["money"] == "paper"
    assert told["symbols"] == ["SPY", "AAPL"]


def test_a_word_on_the_state_that_is_none_is_refused_before_anything_is_taken(traded, capsys):
    told = said(capsys, "run", *CROSSOVER, *places(traded), *venue(traded), "--state", "banana", code=2)
    (error,) = told["errors"]
    assert (error["code"], error["fix"]) == ("SF950", "--state keep, migrate, rebuild")


@pytest.mark.parametrize(
    "words", [("--capital", "0"), ("--capital", "nan"), ("--capital", "inf"), ("--for", "-3"), ("--warm", "-1")]
)
def test_an_amount_that_cannot_be_is_refused_before_anything_is_taken(traded, capsys, words):
    told = said(capsys, "run", *CROSSOVER, *places(traded), *venue(traded), *words, code=2)
    assert told["errors"][0]["code"] == "SF939"


@pytest.mark.parametrize("words", [["--live"], ["--keys", "alpaca"], ["--keys", "alpaca", "--live"]])
@pytest.mark.parametrize("verb", [["run", *CROSSOVER], ["reconcile"], ["cancel"]])
def test_a_paper_exchange_and_a_broker_are_not_meant_together(traded, capsys, verb, words):
    """`run --exchange FILE --live` asked for a confirmation of real money, and traded on paper."""
    where = places(traded) if verb[0] == "run" else home(traded)
    told = said(capsys, *verb, *where, *venue(traded), *words, code=2)
    assert told["errors"][0]["code"] == "SF952"


def test_a_processor_that_is_none_is_refused_before_anything_is_taken(traded, capsys):
    told = said(capsys, "run", *CROSSOVER, *places(traded), *venue(traded), "--awake", "4096", code=2)
    assert told["errors"][0]["code"] == "SF937"


@pytest.mark.parametrize(
    ("bars", "ready", "code"),
    [
        ("5min", {"bars": "1d"}, "SF940"),
        ("1min", {"bars": "5min"}, "SF940"),
        ("1d", {"bars": "1d"}, ""),
        ("15min", {"bars": "1min"}, ""),
        ("1min", {}, ""),
        ("5min", {"bars": "90s"}, ""),
    ],
)
def test_bars_that_an_exchange_cannot_make_are_refused_before_anything_is_opened(bars, ready, code):
    if not code:
        refuse_shorter(bars, ready)
        return
    with pytest.raises(Setup, match=code) as refused:
        refuse_shorter(bars, ready)
    assert f"--bars {ready['bars']}" in str(refused.value)


def test_stress_tests_what_a_book_holds_now(traded, capsys, tmp_path):
    found = said(capsys, "stress", *home(traded), "--class", "AAPL=commodity", "--out", str(tmp_path / "now.html"))
    (book,) = said(capsys, "status", *home(traded))["books"]
    assert found["classes"] == {"SPY": "equity", "AAPL": "commodity"}
    assert {each["symbol"] for each in found["gaps"]} == set(book["positions"])
    assert found["gross"] == pytest.approx((book["equity"] - book["cash"]) / book["equity"])
    assert "Stress test" in (tmp_path / "now.html").read_text()


def test_real_money_is_asked_for_with_everything_that_is_stated(capsys, monkeypatch):
    stated = read_stated(
        "[limits]\nposition_max = 5\n[risk.stops]\ndrawdown_max = 0.2\n[risk.account]\norders_max = 3", "here", ("SPY",)
    )
    wanted = SimpleNamespace(book="main", stated=stated, symbols=("SPY",))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda _: "trade main for real")
    confirm(wanted, "mine")
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == [
        "  limits.position_max = 5.0",
        "  risk.stops.drawdown_max = 0.2",
        "  risk.account.orders_max = 3",
    ]
    monkeypatch.setattr("typer.prompt", lambda _: "yes")
    with pytest.raises(Setup, match="SF955"):
        confirm(wanted, "mine")
