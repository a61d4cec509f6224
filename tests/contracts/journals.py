"""The journals that are held to the port, by name; a twin joins by one line here."""

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Control, Entry, Message, Offer

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000

JOURNALS = {
    "file": lambda folder: Journal(folder / "journal.db"),
    "memory": lambda folder: Journal(),
}


def entry(text="bar", kind="event"):
    return Entry(kind, text.encode(), b"envelope of " + text.encode())


def message(key="B-1-1", **other):
    values = {
        "action": "submit",
        "client_id": key.partition("-c")[0].partition("-r")[0],
        "symbol": "SPY",
        "side": 1,
        "quantity": 10.0,
        "price": float("nan"),
        "exposure": 1_000.0,
        "reduces": False,
        "expires_at": NOW + 60 * SECOND,
        "body": b"terms",
    }
    return Message(key, **{**values, **other})


def offer(identity, source="venue", body=b"fill"):
    return Offer(0, source, identity, body)


def control(scope, name, state, reason="a person said so"):
    return Control(scope, name, state, reason, "test", NOW)
