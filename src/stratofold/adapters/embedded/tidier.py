"""Moves what is committed from the log into the file, beside the one that writes.

What comes in: the path, and now and then the word that there is something to move.  What goes out: a log that stays short.
Why it is shaped so: a checkpoint waits for the disk several times, and nobody who decides should; SQLite lets another
connection do it while the log is written on.  It promises nothing: a commit is safe in the log, and what cannot be moved
now is moved next time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from threading import Event, Thread


class Tidier:
    """A thread with a connection of its own, made when it is first asked."""

    def __init__(self, path: str) -> None:
        """For the journal at `path`."""
        self._path = path
        self._asked = Event()
        self._ending = False
        self._thread: Thread | None = None

    def ask(self) -> None:
        """There is something to move; returns at once."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="journal tidier", daemon=True)
            self._thread.start()
        self._asked.set()

    def end(self) -> None:
        """Stop, after what is under way."""
        self._ending = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        # Whatever is wrong with the file, whoever commits next hears of it, and says it better.
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            while self._asked.wait() and not self._ending:
                self._asked.clear()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
