"""What the compiler cannot take: one sentence, the user's own file and line, and the one edit that mends it."""


class Refused(Exception):
    """Code outside the compilable subset.

    `reason` is one sentence without a full stop, `file` and `line` the user's own, `fix` one edit.
    """

    def __init__(self, reason: str, file: str = "", line: int = 0, fix: str = "") -> None:
        """Keep the parts for a notice; the message is all of them."""
        self.reason = reason
        self.file = file
        self.line = line
        self.fix = fix
        parts = (self.place, f"{reason}; {fix}" if fix else reason)
        super().__init__(": ".join(part for part in parts if part))

    @property
    def place(self) -> str:
        """`file:line`, or empty where no source is concerned."""
        return f"{self.file}:{self.line}" if self.file else ""


class Changed(Exception):
    """An object has another class, or a field another kind of value, than the layout says."""
