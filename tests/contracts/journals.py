"""The journals that are held to the port, by name; a twin joins by one line here."""

from pathlib import Path
from tempfile import TemporaryDirectory

from stratofold.adapters.aws import journal as aws
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Control, Entry, Message, Offer
from tests.faults.aws_services import Services, Simulated
from tests.faults.aws_table import Table

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000

# A folder in memory where there is one: what a kill leaves is the same there, and a thousand commits need no disk.
MEMORY = Path("/dev") / "shm"
FAST = MEMORY if MEMORY.is_dir() else None


class File(Journal):
    """A journal in a file, in a folder that goes when it is closed."""

    def __init__(self):
        self.folder = TemporaryDirectory(dir=FAST)
        super().__init__(Path(self.folder.name) / "journal.db")

    def close(self):
        super().close()
        self.folder.cleanup()


class Tables(aws.Journal):
    """The cloud's journal on a table in this process, which is as strict as DynamoDB and far quicker than an emulator."""

    def __init__(self):
        services = Services(Table(lambda: NOW, indices={"open": "open"}, ttl="ttl"))
        super().__init__(Simulated(services), "journal", "bucket", sleep=lambda seconds: None)


JOURNALS = {"file": File, "memory": Journal}
TWINS = {**JOURNALS, "tables": Tables}


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
