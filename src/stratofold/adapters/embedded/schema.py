"""The tables of the embedded journal, and the version they carry.

What comes in: nothing.  What goes out: the statements that make an empty file a journal.
Why it is shaped so: each table is one thing of `ports.Journal` and a commit touches few pages, since each page of it is
written to the disk and waited for: what an append changes besides (how far the outbox is settled, how many messages left
in a second) stands in the book's row, which it changes anyway.  A record's and a
snapshot's row number is the book's number in the high bits and its sequence or step in the low forty, so that a book's
records lie together and need no second index.  What must be known for ever (message keys, inbox identities) is in rows
that are never deleted; what is only on the way (inbox bodies, reservations) is in rows that go.
"""

from __future__ import annotations

from typing import Final

# "strf" in ASCII: tells a journal from another program's database.
APPLICATION: Final = 0x73747266
VERSION: Final = 3

BITS: Final = 40

# What may stay as it is for long; a message that is claimed and answered, as nearly all are, never comes into the index.
# SQLite asks this of each row that is written: as `state IN (...)` it makes a table of the three words each time, which
# was two fifths of writing a message (154,000 instructions for two, 95,000 so).
IS_LEFT: Final = "(state = 'ready' OR state = 'dropped' OR state = 'unknown')"
LEFT_OVER: Final = f"CREATE INDEX outbox_left ON outbox (book, number) WHERE {IS_LEFT}"

STATEMENTS: Final = (
    """CREATE TABLE accounts (
        name TEXT PRIMARY KEY, exposure_max REAL NOT NULL DEFAULT 0, orders_max INTEGER NOT NULL DEFAULT 0,
        symbol_exposure_max REAL NOT NULL DEFAULT 0, orders_per_second_max INTEGER NOT NULL DEFAULT 0,
        self_match INTEGER NOT NULL DEFAULT 0, second INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    """CREATE TABLE books (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, account TEXT NOT NULL, generation TEXT NOT NULL,
        epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, step INTEGER NOT NULL, chain BLOB NOT NULL,
        holder TEXT NOT NULL, taken INTEGER NOT NULL, open_from INTEGER NOT NULL DEFAULT 0,
        second INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0, UNIQUE (account, generation)
    )""",
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, envelope BLOB NOT NULL, chain BLOB NOT NULL
    )""",
    "CREATE TABLE snapshots (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, state BLOB NOT NULL)",
    """CREATE TABLE outbox (
        number INTEGER PRIMARY KEY, book INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, action TEXT NOT NULL,
        client_id TEXT NOT NULL, symbol TEXT NOT NULL, side INTEGER NOT NULL, quantity REAL, price REAL, exposure REAL,
        reduces INTEGER NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL,
        epoch INTEGER NOT NULL, answer TEXT NOT NULL, strategy TEXT NOT NULL
    )""",
    LEFT_OVER,
    """CREATE TABLE seen (
        number INTEGER PRIMARY KEY, book INTEGER NOT NULL, source TEXT NOT NULL, identity TEXT NOT NULL,
        UNIQUE (book, source, identity)
    )""",
    """CREATE TABLE inbox (
        book INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (book, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE controls (
        account TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
        by TEXT NOT NULL, time INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (account, scope, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE reservations (
        account TEXT NOT NULL, client_id TEXT NOT NULL, book TEXT NOT NULL, symbol TEXT NOT NULL, side INTEGER NOT NULL,
        price REAL, exposure REAL NOT NULL, PRIMARY KEY (account, client_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE marks (
        book TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (book, name)
    ) WITHOUT ROWID""",
    "CREATE TABLE nonces (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE once (name TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX once_until ON once (until)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)

# From each older version to the next.  Nothing that older code reads goes away, so that a process of it that runs on
# while a newer one opens the file can go on: it counts what it sends in the account's own row, which is counted in.
CHANGES: Final = {
    1: (
        # The least number among the book's messages that are claimed, or may be by a process of this version that runs on,
        # which does not know the column; or a lower one.
        "ALTER TABLE books ADD COLUMN open_from INTEGER NOT NULL DEFAULT 0",
        """UPDATE books SET open_from = coalesce(
            (SELECT min(number) FROM outbox WHERE book = books.id AND state IN ('ready', 'claimed')),
            (SELECT max(number) FROM outbox), 0)""",
        "ALTER TABLE books ADD COLUMN second INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE books ADD COLUMN sent INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX outbox_states",
        LEFT_OVER,
        "PRAGMA user_version = 2",
    ),
    2: ("DROP INDEX outbox_left", LEFT_OVER, "PRAGMA user_version = 3"),
}
