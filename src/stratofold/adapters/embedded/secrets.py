"""Keys and tokens: in the operating system's keyring where one works, else in a file that only its owner may read.

What comes in: names, and once each a value.  What goes out: the value, to the one who asks for it.
Why it is shaped so: a value is in no setting, log, error or `repr`, so that showing any of those to somebody is safe.  The
file is looked at first, since a server has no keyring and asking for one may wait for a desktop that is not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from types import ModuleType

SERVICE = "stratofold"
FILE_NAME = "secrets.json"
_OTHERS = 0o077


class Secrets:
    """See `ports.Secrets`."""

    def __init__(self, folder: str | Path, *, use_keyring: bool = True) -> None:
        """Keep them in the keyring (unless told not to, or there is none) or in `folder`/secrets.json."""
        self._file = Path(folder) / FILE_NAME
        self._use_keyring = use_keyring

    def __repr__(self) -> str:
        """Where they are, and none of them."""
        return f"Secrets({str(self._file.parent)!r})"

    def get(self, name: str) -> str:
        """See `ports.Secrets`; raises Setup SF822 when others could read the file, SF823 when it is damaged."""
        value = self._read().get(name)
        if value is None:
            ring = self._keyring()
            value = ring.get_password(SERVICE, name) if ring else None
        if value is None:
            raise Setup(
                "SF821",
                f"there is no secret {name}",
                why="it is in neither the keyring nor the file of secrets",
                fix=f"put it there: stratofold secret {name}",
            )
        return str(value)

    def put(self, name: str, value: str) -> None:
        """See `ports.Secrets`; it is kept in one place, so an older value elsewhere goes."""
        kept = self._read()
        ring = self._keyring()
        if ring is not None:
            ring.set_password(SERVICE, name, value)
            if name in kept:
                self._write({other: kept[other] for other in kept if other != name})
            return
        self._write({**kept, name: value})

    def _keyring(self) -> ModuleType | None:
        """The keyring, if the optional package is there and one behind it answers."""
        if not self._use_keyring:
            return None
        try:
            import keyring
            from keyring.backends import fail, null

            if isinstance(keyring.get_keyring(), (fail.Keyring, null.Keyring)):
                return None
            keyring.get_password(SERVICE, "is it there")
        except Exception:  # noqa: BLE001 -- whatever a desktop's service raises: it does not work
            return None
        return keyring

    def _read(self) -> dict[str, Any]:
        """The secrets in the file; nothing that is in it may be in an error about it."""
        try:
            with self._file.open("rb") as file:
                self._check(os.fstat(file.fileno()))
                kept = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, json.JSONDecodeError, UnicodeDecodeError):
            kept = None
        if not isinstance(kept, dict):
            # Without the cause: a JSON error holds the whole text it was given.
            raise Setup(
                "SF823",
                "the file of secrets cannot be read",
                place=str(self._file),
                fix="make it readable for its owner; if it is damaged, move it away and put the secrets in again",
            ) from None
        return kept

    def _check(self, status: os.stat_result) -> None:
        if status.st_mode & _OTHERS or status.st_uid not in {os.getuid(), 0}:
            raise Setup(
                "SF822",
                "the file of secrets is not its owner's alone",
                place=str(self._file),
                why="other users of this machine could read the keys, or have written them",
                fix=f"chmod 600 {self._file}, owned by the user who trades; then replace the keys at the venue",
            )

    def _write(self, kept: dict[str, Any]) -> None:
        """Replace the file; it is never there half written, nor readable for others."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self._file.parent, prefix=".secrets")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).rename(self._file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(draft).unlink()
            raise
