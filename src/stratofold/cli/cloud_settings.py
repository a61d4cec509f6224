"""Which stack a command means, and what of `stratofold.toml` is about it.

What comes in: options, the `[cloud]` section of the configuration.  What goes out: a `Stack`, parameters of the template,
and the ports that stand on a stack's table and bucket.

    [cloud]
    stack = "momentum"
    region = "eu-central-1"
    Alarms = "all"            # and any other parameter of the template
"""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.config import FILE_NAME
from stratofold.cli.home import Home
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.ports import Artifacts, Head, Journal
    from stratofold.cloud.stack import Stack
    from stratofold.live.desk import Desk

StackName = Annotated[
    str | None, typer.Option("--stack", help="Which stack; default: cloud.stack of the configuration, else stratofold.")
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="Which AWS region; default: cloud.region of the configuration, else AWS's own."),
]
Cloud = Annotated[bool, typer.Option("--cloud", help="The book in the cloud, not this folder's.")]
OWN_KEYS = ("stack", "region")


def cloud_section(path: Path | None = None) -> dict[str, str]:
    """The `[cloud]` section of a configuration, as text; empty where there is none."""
    file = path or Path(FILE_NAME)
    if not file.is_file():
        return {}
    try:
        section = tomllib.loads(file.read_text(encoding="utf-8")).get("cloud", {})
    except tomllib.TOMLDecodeError as error:
        raise Setup("SF710", f"this is not TOML: {error}", place=str(file), fix="mend that line") from error
    return {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in section.items()}


def parameters_of(section: Mapping[str, str], given: Sequence[str] = ()) -> dict[str, str]:
    """The template's parameters in a section and in `NAME=VALUE` words; raises Setup SFA18 for one there is none of."""
    from stratofold.cloud.deploy import known_parameters

    named = {name: value for name, value in section.items() if name not in OWN_KEYS}
    for word in given:
        name, is_set, value = word.partition("=")
        if not is_set:
            raise Setup("SFA18", f"{word!r} sets nothing", place="the command line", fix="write --set NAME=VALUE")
        named[name] = value
    return known_parameters(named, place="the command line or [cloud]")


def stack_of(name: str | None, region: str | None, section: Mapping[str, str] | None = None) -> Stack:
    """The stack that is meant."""
    from stratofold.cloud.stack import Stack

    settings = cloud_section() if section is None else section
    return Stack(name or settings.get("stack", "stratofold"), region or settings.get("region", ""))


def client_of(stack: Stack) -> Client:
    """Our own client with the keys that the SDK found, so that profiles and single sign-on work."""
    from stratofold.adapters.aws.client import Client
    from stratofold.cloud.stack import told

    with told(stack.region):
        found = stack.session.get_credentials()
        if found is None:
            raise Setup(
                "SFA06", "no AWS credentials were found", fix="aws configure, aws sso login, or AWS_PROFILE=NAME"
            )
        keys = found.get_frozen_credentials()
    environment = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
    if keys.token:
        environment["AWS_SESSION_TOKEN"] = keys.token
    return Client(stack.region, endpoint_of(), environment=environment)


def endpoint_of() -> str:
    """Where AWS is, when it is an emulator on this machine."""
    import os

    return os.environ.get("AWS_ENDPOINT_URL", "")


def journal_of(stack: Stack, table: str = "") -> Journal:
    """The journal of a stack, or a `table` that was restored beside it; raises Setup SFA10 where there is no stack."""
    from stratofold.adapters.aws.journal import Journal

    outputs = stack.outputs()
    return Journal(client_of(stack), table or outputs["Table"], outputs["ArchiveBucket"])


def artifacts_of(stack: Stack) -> Artifacts:
    """The archive of a stack; raises Setup SFA10 where there is none."""
    from stratofold.adapters.aws.artifacts import Artifacts

    return Artifacts(client_of(stack), stack.outputs()["ArchiveBucket"])


class StackHome(Home):
    """A folder whose books, archive and keys are a stack's: a process that stays, beside the functions' table."""

    def __init__(self, path: Path | None, stack: Stack) -> None:
        """Nothing is asked yet."""
        super().__init__(path)
        self._stack = stack

    def journal(self, *, make: bool = False, glance_seconds: float = 0.0) -> Any:  # noqa: ARG002  a table is looked at anew
        """The stack's journal; raises Setup SFA10 where there is none."""
        return journal_of(self._stack)

    def journal_of_a_run(self) -> Any:
        """The same; the folder is there for who holds a presence in it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.journal()

    def make_room(self, journal: Any) -> None:
        """A table has no log to make room in."""

    def artifacts(self) -> Any:
        """The stack's archive."""
        return artifacts_of(self._stack)

    def secrets(self) -> Any:
        """The stack's keys, where `stratofold cloud secret` puts them: one place to change them."""
        from stratofold.adapters.aws.secrets import Secrets

        kind = self._stack.standing().parameters.get("SecretStore", "ssm")
        return Secrets(client_of(self._stack), f"{kind}:/{self._stack.name}/")

    def show(self, desk: Desk) -> None:
        """Write the items that others read."""
        from stratofold.cloud.shown import show_standing

        show_standing(desk.journal, desk)  # type: ignore[arg-type]  # a stack's is a table

    def refuse_elsewhere(self, head: Head, verb: str = "status") -> None:
        """Raise Stop SFA29 for a book that was moved home; any other is taken by whoever runs it, and left alone by the functions."""
        from stratofold.cloud.move import refuse_moved_home

        refuse_moved_home(head, verb)

    def elsewhere(self, head: Head) -> str:
        """With whom a book is that was moved home; empty for one of this stack, whoever runs it."""
        side, _, who = head.holder.partition(":")
        return f"a laptop, in the folder to which {who} moved it" if side == "laptop" else ""


def home_of(path: Path | None, *, cloud: bool, stack: str | None, region: str | None) -> Home:
    """Where a book is that is to be looked at: in a folder, or in a stack."""
    return StackHome(path, stack_of(stack, region)) if cloud or stack else Home(path)


def said_again(*, cloud: bool, stack: str | None, region: str | None) -> str:
    """The words by which a next command means the same place as this one."""
    words = [
        *(["--stack", stack] if stack else ["--cloud"] if cloud else []),
        *(["--region", region] if region else []),
    ]
    return "".join(f" {word}" for word in words)


def home_again(home: Path | None) -> str:
    """The words by which a next command means the same folder as this one."""
    return f" --home {shlex.quote(str(home))}" if home is not None else ""
