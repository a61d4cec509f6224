"""Errors, named by who must act.

    Error
    ├── Retry      nobody: run again, unchanged
    ├── Setup      the user, before anything starts
    ├── Stop       the operator, before we trade again
    └── Bug        us: crash, keep the evidence

Each carries a stable code, what is wrong, where (file and line, symbol, time), why it matters and the one edit or
command that mends it.  A risk refusal or a venue's rejection is not here: it is a value on the record.
"""


class Error(Exception):
    """What went wrong, where, why it matters, and what mends it.

    `code` is stable and documented (`SF101`); `place` is "file:line", a column, a symbol at a time, or empty.
    """

    def __init__(self, code: str, what: str, *, place: str = "", why: str = "", fix: str = "") -> None:
        """Keep the parts, so that a command can print them as text or JSON."""
        super().__init__(what)
        self.code = code
        self.what = what
        self.place = place
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        """The parts in reading order, one a line."""
        head = f"{self.code}: {self.what}"
        rows = [
            f"  {name}: {text}" for name, text in (("where", self.place), ("why", self.why), ("fix", self.fix)) if text
        ]
        return "\n".join([head, *rows])

    def as_dict(self) -> dict[str, str]:
        """The same parts for `--json`."""
        return {"code": self.code, "what": self.what, "where": self.place, "why": self.why, "fix": self.fix}


class Retry(Error):
    """Nobody needs to act: run again, unchanged."""


class Setup(Error, ValueError):
    """The user mends this before anything starts."""


class Stop(Error):
    """The operator mends this before we trade again."""


class Bug(Error):
    """Ours: crash and keep the evidence."""
