"""A halt by another process holds at the next claim, over a restart too, and is lifted in two steps."""

import json
import subprocess
import sys

import pytest

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Entry, Message
from stratofold.cli.app import run as command
from stratofold.live.halt import CLEAN_RECONCILE
from tests.live_tools import EVERYTHING

NOW = 1_767_225_600_000_000_000


class Desk:
    """A book that sends one order after another."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.journal = Journal(folder / "journal.db")
        self.journal.limit("paper", EVERYTHING)
        self.journal.create("momo", "paper", "g1", [Entry("opened", b"")])
        self.epoch = self.journal.take("momo", "test", NOW).epoch

    def send(self, symbol="SPY", strategy="Momentum", *, cancel=False):
        """The state of a fresh message after its claim."""
        self.count += 1
        key = f"momo-g1-{self.count}"
        message = Message(
            key, "cancel" if cancel else "submit", key, symbol, 1, 1.0, 10.0, 0.0 if cancel else 10.0,
            reduces=cancel, expires_at=2**62, body=b"", strategy=strategy,
        )  # fmt: skip
        _, (claimed,) = self.journal.append("momo", self.epoch, 0, [], messages=[message], claim_at=NOW)
        if claimed.state == "claimed":
            self.journal.settle("momo", key, "accepted", "", [], [])
        return claimed.state


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def said(capsys, *words):
    """What a command answers."""
    code = command([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "other"),
    [
        (["*"], None),
        (["paper", "--scope", "account"], None),
        (["momo", "--scope", "book"], None),
        (["Momentum", "--scope", "strategy"], {"strategy": "Pairs"}),
        (["SPY", "--scope", "symbol"], {"symbol": "AAPL"}),
    ],
    ids=["everything", "account", "book", "strategy", "symbol"],
)
def test_what_is_halted_is_not_sent_and_what_is_not_is(desk, capsys, words, other):
    assert desk.send() == "claimed"
    assert said(capsys, "halt", *words, "--home", str(desk.folder))[0] == 0
    assert desk.send() == "dropped"
    assert desk.send(cancel=True) == "claimed"  # a halt never keeps a cancel back
    if other is not None:
        assert desk.send(**other) == "claimed"


def test_a_halt_by_another_process_is_sticky_and_takes_two_steps_to_lift(desk, capsys):
    assert desk.send() == "claimed"
    words = [sys.executable, "-m", "stratofold", "halt", "--home", str(desk.folder), "--reason", "fat finger"]
    subprocess.run(words, check=True, capture_output=True)
    assert desk.send() == "dropped"
    desk.journal.close()
    desk.journal = Journal(desk.folder / "journal.db")  # a restart
    assert desk.send() == "dropped"
    home = ["--home", str(desk.folder)]
    assert command(["resume", *home]) == 0
    again = f"--home {desk.folder}"
    told = capsys.readouterr().out.splitlines()[-1].rpartition(" --confirm ")[0]
    assert (
        told == f"then: stratofold reconcile momo --keys paper {again}; stratofold resume '*' --scope account {again}"
    )
    _, asked = said(capsys, "resume", *home)
    assert desk.send() == "dropped"
    code, answer = said(capsys, "resume", *home, "--confirm", asked["code"])
    assert (code, answer["errors"][0]["code"]) == (6, "SF917")
    desk.journal.mark("momo", CLEAN_RECONCILE, str(2**62))
    code, answer = said(capsys, "resume", *home, "--confirm", "00000000")
    assert (code, answer["errors"][0]["code"]) == (2, "SF916")
    assert desk.send() == "dropped"
    assert said(capsys, "resume", *home, "--confirm", asked["code"])[0] == 0
    assert desk.send() == "claimed"
    kinds = [record.kind for record in desk.journal.records("momo")]
    assert kinds.count("control") == 4  # halted, asked for twice, lifted
