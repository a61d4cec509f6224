"""One SQLite file, opened so that what is committed stays: the ground under the embedded journal.

What comes in: a path (or ":memory:") and pieces of work.  What goes out: each piece done in one transaction, or an
error that says who must act.
Why it is shaped so: WAL lets others read while one writes; `synchronous=FULL` has the commit wait for the disk; BEGIN
IMMEDIATE takes the write lock first, so that what a transaction has read is still so when it commits.  Whatever fails
inside undoes all of it and drops what was cached, since only the file knows then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from stratofold.adapters.embedded.schema import APPLICATION, CHANGES, STATEMENTS, VERSION
from stratofold.adapters.embedded.tidier import Tidier
from stratofold.errors import Bug, Error, Retry, Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    # Called with the verb ("append", "settle", ...) and "before" or "after" its commit; what it raises is a crash there.
    Fault = Callable[[str, str], None]

P = ParamSpec("P")
Result = TypeVar("Result")

MEMORY = ":memory:"
BUSY_SECONDS = 10.0
# Moving the log into the file waits for the disk several times.  A thread does it every so many commits, beside the one
# that trades (on a busy disk, commits then took 5.8 ms instead of 7.6, at the median); a commit does it itself only
# when the log has grown to 16 MB because there was no moment's peace.
TIDY_COMMITS = 64
LOG_PAGES_MAX = 4_096
LOG_BYTES = 8 << 20  # what a log comes to on a quiet disk before it begins anew


class Store:
    """A connection and its transactions; shared by the views of one process, one connection a process."""

    def __init__(self, path: str | Path, busy_seconds: float = BUSY_SECONDS, glance_seconds: float = 0.0) -> None:
        """Open or create; raises Stop SF803, SF806, SF807, Setup SF808, SF816, Retry SF814.

        `glance_seconds` is how long what is remembered of the file may be told without asking whether another process has
        committed since; a transaction always asks.
        """
        self.path = str(path)
        self.commits = 0
        self.forgets: list[Callable[[], None]] = []
        self._glance_seconds = glance_seconds
        self._looked = 0.0
        self._version = 0
        self._lock = RLock()
        self._busy_seconds = busy_seconds
        if self.path != MEMORY:
            self._make_private()
        try:
            self.connection = self._connect()
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        self.execute = self.connection.execute
        self._tidier = None if self.path == MEMORY else Tidier(self.path)

    def _make_private(self) -> None:
        """A new file is its owner's alone, before the first byte is in it."""
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise unreachable(self.path, str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            self._tune(connection)
            self._settle_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _tune(self, connection: sqlite3.Connection) -> None:
        if self.path != MEMORY:
            self._turn_to_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
        else:
            # What a crash leaves of a store in memory is what the hook's caller keeps, so a rollback is all it needs.
            connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")

    def _turn_to_wal(self, connection: sqlite3.Connection) -> None:
        """Turn the file to WAL; SQLite does not wait for others here, so we do."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _settle_schema(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file, or bring older ones up to date; refuse no journal, and a newer one."""
        if self._version_of(connection) != VERSION:
            connection.execute("BEGIN IMMEDIATE")
            # Asked again under the lock: another process may have been first.
            for statement in self._missing(connection):
                connection.execute(statement)
            connection.execute("COMMIT")
        self._check(connection)

    def _missing(self, connection: sqlite3.Connection) -> list[str]:
        """What makes the file a journal of this version; nothing for a file that is none, or newer."""
        if self._is_empty(connection):
            return list(STATEMENTS)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        version = self._version_of(connection) if application == APPLICATION else VERSION
        return [statement for older in range(version, VERSION) for statement in CHANGES[older]]

    def _version_of(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return (self._version_of(connection), tables) == (0, 0)

    def _check(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        version = self._version_of(connection)
        if application != APPLICATION:
            raise Setup(
                "SF816",
                "this file is another program's database",
                place=self.path,
                why="the journal keeps a file of its own",
                fix="give the path of a journal, or of a file that is not there yet",
            )
        if version > VERSION:
            raise Stop(
                "SF806",
                f"the journal was written by a newer stratofold (schema {version}, this one knows {VERSION})",
                place=self.path,
                why="older code would not see what newer code has promised",
                fix="upgrade stratofold to at least the version that wrote it",
            )

    def write(
        self,
        fault: Fault | None,
        verb: str,
        work: Callable[P, Result],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> Result:
        """Do `work` in one transaction that holds the write lock from its start; all of it is kept, or nothing.

        Raises what `work` raises, and Stop SF803, SF807, Setup SF808 or Retry SF814 for what the file does.
        """
        with self._lock:
            try:
                self.execute("BEGIN IMMEDIATE")
                self._look()
                result = work(*arguments, **named)
                if fault is not None:
                    fault(verb, "before")
                self.execute("COMMIT")
            except BaseException as error:
                self._undo()
                if isinstance(error, sqlite3.Error):
                    raise translated(error, self.path) from error
                raise
            self.commits += 1
        if self._tidier is not None and not self.commits % TIDY_COMMITS:
            self._tidier.ask()
        if fault is not None:
            fault(verb, "after")
        return result

    def _undo(self) -> None:
        """Roll back, and forget what was remembered of the file."""
        # A store that failed may fail in this too; what it said first is what counts.
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.execute("ROLLBACK")
        self._forget()

    def _forget(self) -> None:
        for forget in self.forgets:
            forget()

    def look(self, *, at_once: bool = False) -> None:
        """Forget what is remembered of the file if another process has committed; to be called before it is told.

        `at_once` asks although somebody has asked not `glance_seconds` ago.
        """
        if self.connection.in_transaction:
            return
        if not at_once and time.monotonic() < self._looked + self._glance_seconds:
            return
        try:
            self._look()
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def _look(self) -> None:
        self._looked = time.monotonic()
        version = self.version()
        if version != self._version:
            self._version = version
            self._forget()

    def read(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a question, as of one moment; raises as `write` does."""
        try:
            return self.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def reserve_log(self, size_bytes: int) -> None:
        """Make the log's file at least so long, inside a transaction; what cannot be is done without.

        A commit that writes over what is there waits for the disk half as long as one that makes the file longer (0.08
        against 0.16 ms).  Behind its last frame SQLite reads nothing of the log, and only who holds the lock writes there.
        """
        if self.path == MEMORY:
            return
        with contextlib.suppress(OSError), Path(f"{self.path}-wal").open("r+b") as log:
            missing = size_bytes - log.seek(0, os.SEEK_END)
            if missing > 0:
                log.write(bytes(missing))
                log.flush()
                os.fsync(log.fileno())

    def version(self) -> int:
        """A number that changes when another process has committed; in memory there is none."""
        return 0 if self.path == MEMORY else int(self.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        if self._tidier is not None:
            self._tidier.end()
        self.connection.close()


def unreachable(path: str, why: str) -> Setup:
    """The error for a file that cannot be opened."""
    return Setup(
        "SF808",
        "the journal cannot be opened",
        place=path,
        why=why,
        fix="let this user read and write the file and its folder, or give another path",
    )


def translated(error: sqlite3.Error, path: str) -> Error:
    """What SQLite says, as an error that names who must act."""
    name = getattr(error, "sqlite_errorname", "")
    why = f"{error} ({name})" if name else str(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Retry(
            "SF814",
            "another process has held the journal for too long",
            place=path,
            why=why,
            fix="run it again; if it stays so, end the process that has the file open",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Stop(
            "SF807",
            "the journal is damaged",
            place=path,
            why=why,
            fix="keep the file as it is, and restore it from the archive or a copy",
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return unreachable(path, why)
    if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_TOOBIG")):
        return Stop(
            "SF803",
            "the journal cannot be written",
            place=path,
            why=f"{why}; nothing of this transaction counts, and nothing may be sent that is not written down",
            fix="free space on the disk, or make file and folder writable; then start again",
        )
    return Bug(
        "SF817", "the journal was asked for what it cannot do", place=path, why=why, fix="report it with this text"
    )
