"""What a process of its own does to a journal, for the tests that kill it and those that run several at once.

Run as `python workers.py WORK PATH NAME`; each line it prints was true on the disk before it was printed.
"""

import sys

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import ACCEPTED, Entry, Message, Offer
from stratofold.errors import Retry

NOW = 1_700_000_000_000_000_000


def say(*words):
    print(*words, flush=True)


def submit(key):
    return Message(key, "submit", key, "SPY", 1, 1.0, 100.0, 100.0, reduces=False, expires_at=2 * NOW, body=b"terms")


def trade(journal, name):
    """One book's writer, until it is killed: hear, decide and claim, send, settle; ends no order."""
    head = journal.take("B", name, NOW)
    say("took", head.epoch)
    while True:
        step = head.step
        journal.offer("B", [Offer(0, "venue", f"fill:{step - step % 3}", b"%d" % step)])
        handled = [waiting.number for waiting in journal.inbox("B")]
        record = Entry("event", b"%d" % step, b"by " + name.encode())
        head, (sent,) = journal.append(
            "B", head.epoch, step, [record], steps=1, messages=[submit(f"B-1-{step}")], handled=handled,
            snapshot=b"%d" % (step + 1) * 2_000 if step % 5 == 0 else None, claim_at=NOW,
        )  # fmt: skip
        say("claimed", step)
        journal.settle("B", sent.key, ACCEPTED, "yes", [Entry("answer", sent.key.encode())], [])
        head = journal.head("B")
        say("settled", step)


def race(journal, name):
    """One of several that do the same things at once; says what it alone has done."""
    epoch = journal.head("B").epoch
    for number in range(12):
        append(journal, epoch, f"{name}:{number}")
        say("appended", f"{name}:{number}")
        journal.note("B", [Entry("alert", name.encode())])
        for claimed in journal.claim("B", epoch, [f"B-1-{number}"], NOW):
            say(claimed.state, claimed.key)
        say("new", journal.offer("B", [Offer(0, "venue", f"fill:{number}", b"x")]))
        say("nonce", journal.nonce("key"))
        if journal.once(f"nonce {number}", NOW + 1, NOW):
            say("first", number)


def append(journal, epoch, text):
    """Append one step, again until no other was first."""
    while True:
        try:
            journal.append("B", epoch, journal.head("B").step, [Entry("event", text.encode())], steps=1)
        except Retry:
            say("late", text)
        else:
            return


def create(journal, name):
    """Open the file, and make a book in it."""
    journal.create(name, "paper", name, [Entry("opened", name.encode())])
    say("made", name)


if __name__ == "__main__":
    work, path, name = sys.argv[1:]
    {"trade": trade, "race": race, "create": create}[work](Journal(path), name)
