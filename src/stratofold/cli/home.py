"""Where a live book lives on a laptop: one folder with the journal, the archive and the secrets.

What comes in: a path, or nothing (`STRATOFOLD_HOME`, else `.stratofold` here).  What goes out: adapters on that folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from stratofold.cli.folders import settings_folder
from stratofold.errors import Setup

if TYPE_CHECKING:
    from stratofold.adapters import ports
    from stratofold.adapters.embedded.artifacts import Artifacts
    from stratofold.adapters.embedded.journal import Journal
    from stratofold.adapters.embedded.notifier import Notifier
    from stratofold.adapters.embedded.secrets import Secrets
    from stratofold.adapters.ports import Head
    from stratofold.live.desk import Desk

HomePath = Annotated[
    Path | None, typer.Option("--home", help="The folder of journal, archive and secrets. Default: .stratofold here.")
]
ReadyFile = Annotated[
    Path | None, typer.Option("--exchange", help="A file with the ready line of `stratofold exchange --json`.")
]
KeysName = Annotated[str | None, typer.Option("--keys", help="Alpaca: the name its keys are kept under.")]
RealMoney = Annotated[bool, typer.Option("--live", help="The account with real money.")]
BookName = Annotated[str | None, typer.Option("--book", help="Which book; default: the only one there is.")]


class OfBook(TyperCommand):
    """A verb whose book may be named without `--book`, as `halt` and `resume` take it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """One word that is left over is the book's name."""
        ctx.allow_extra_args = True
        left = super().parse_args(ctx, args)
        if len(left) == 1 and ctx.params.get("book") is None:
            ctx.params["book"] = left[0]
        elif left and not ctx.resilient_parsing:
            ctx.fail(f"got what is too much: {' '.join(left)}")
        ctx.args = []
        return []

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The options, and the book."""
        return [*super().collect_usage_pieces(ctx), "[BOOK]"]


GLANCE_SECONDS = 0.02  # how old what another process has written may be when nothing depends on it


class Home:
    """One folder."""

    def __init__(self, path: Path | None = None) -> None:
        """Nothing is opened or made yet."""
        self.path = path or Path(os.environ.get("STRATOFOLD_HOME", ".stratofold"))

    def journal(self, *, make: bool = False, glance_seconds: float = 0.0) -> Journal:
        """The journal; raises Setup SF941 when there is none and it should not be made."""
        from stratofold.adapters.embedded.journal import Journal

        file = self.path / "journal.db"
        if not make and not file.is_file():
            what = f"there is no journal in {self.path}"
            raise Setup(
                "SF941",
                what,
                why="nothing was ever run here",
                fix="give the folder with --home, or start one: stratofold run",
            )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Journal(file, glance_seconds=glance_seconds)

    def journal_of_a_run(self) -> Journal:
        """The journal for who writes it all day: made where there is none."""
        return self.journal(make=True, glance_seconds=GLANCE_SECONDS)

    def make_room(self, journal: Journal) -> None:
        """Make its log as long as it will be: a twentieth of a second and more, which no start should wait for."""
        journal.reserve_log()

    def show(self, desk: Desk) -> None:
        """Write what people read of a book that begins to be run here: a folder's is read from its records."""

    def refuse_elsewhere(self, head: Head, verb: str = "status") -> None:
        """Raise Stop SFA29 for a book of this folder that is in the cloud now, where a `verb` is to be said."""
        from stratofold.cloud.move import refuse_elsewhere

        refuse_elsewhere(head, verb)

    def elsewhere(self, head: Head) -> str:
        """With whom a book is that was moved away from here; empty for one that is here."""
        side, _, stack = head.holder.partition(":")
        return f"the stack {stack} (--stack {stack})" if side == "cloud" else ""

    def artifacts(self) -> Artifacts:
        """The archive's segments, models and reports."""
        from stratofold.adapters.embedded.artifacts import Artifacts

        return Artifacts(self.path / "artifacts")

    def secrets(self) -> Secrets:
        """Keys and tokens."""
        from stratofold.adapters.embedded.secrets import Secrets

        return Secrets(settings_folder())

    def notifier(self, channels: list[str]) -> Notifier | None:
        """Who tells people, None without channels."""
        from stratofold.adapters.embedded.notifier import Notifier

        return Notifier(self.secrets(), channels) if channels else None


def head_of(journal: ports.Journal, book: str | None) -> Head:
    """The book that is meant; raises Setup SF942 when that is not clear, SF805 when it is not there."""
    if book is not None:
        return journal.head(book)
    heads = journal.books()
    if len(heads) != 1:
        names = ", ".join(head.book for head in heads) or "none"
        raise Setup("SF942", f"which book? there are: {names}", place="the command line", fix="name it: --book NAME")
    return heads[0]


def whoami() -> str:
    """Who says something to a book, for its records."""
    try:
        user = os.getlogin()
    except OSError:
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return f"{user} by {Path(sys.argv[0]).name or 'stratofold'}"


def stamp(verb: str, wall: int) -> bytes:
    """The envelope of what an operator's process writes: who, when, with what version."""
    from stratofold import __version__
    from stratofold.wire import pack

    return pack({"wall": wall, "by": verb, "process": os.getpid(), "version": __version__, "region": "local"})


def strategy_of(spec: str) -> type[Any]:
    """The strategy class of a book, by what its manifest says; raises Setup when it is not there any more."""
    from stratofold.cli.load import load_strategy

    return load_strategy(spec)


def strategy_as_run(journal: ports.Journal, book: str) -> type[Any]:
    """The strategy that a book's records were made with: as its file is now, or as the journal kept it where that is other.

    Folding records with other code would give another book; raises Setup when neither can be had.
    """
    from stratofold.live.as_it_was import strategy_from_source
    from stratofold.live.desk import beginning_of
    from stratofold.live.manifest import code_hash

    beginning = beginning_of(journal, book)[1]
    manifest = beginning.manifest
    try:
        today = strategy_of(manifest.strategy)
    except Setup:
        if not beginning.source:
            raise
    else:
        if code_hash(today) == manifest.code or not beginning.source:
            return today
    return strategy_from_source(manifest.strategy, beginning.source)


def spec_of(strategy: type[Any]) -> str:
    """How a strategy class is found again from any folder: its module where that is in a package, else its file."""
    module = sys.modules.get(strategy.__module__)
    file = getattr(module, "__file__", None)
    in_package = "." in strategy.__module__
    source = strategy.__module__ if in_package or file is None else str(Path(file).resolve())
    return f"{source}:{strategy.__name__}"
