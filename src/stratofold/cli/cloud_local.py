"""`stratofold cloud local`: the cloud on this machine, with the real template deployed to it."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratofold.cli.cloud_settings import StackName, cloud_section, parameters_of
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.cloud.local.cloud import LocalCloud


@verb
def local(
    strategy: Annotated[
        str | None, typer.Argument(help="strategy.py:Class to deploy when it stands; default: nothing is.")
    ] = None,
    *,
    port: Annotated[int, typer.Option(help="Where the services listen, on loopback; 0 takes a free one.")] = 4566,
    stack: StackName = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter of the template: NAME=VALUE.")] = None,
    secret: Annotated[
        list[str] | None, typer.Option("--secret", help="A file with a secret: NAME=PATH, as often as needed.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show what the functions write.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run the cloud on this machine until interrupted: the services, the functions, and what wakes them.

    Any other `stratofold cloud` command speaks to it in a shell with the variables that it prints.
    """
    from stratofold.cloud.local.cloud import LocalCloud

    section = cloud_section()
    parameters = parameters_of(section, set_ or [])
    secrets = _read(secret or [])
    name = stack or section.get("stack", "local")
    show = None if quiet else (lambda function, line: typer.echo(f"{function}  {line}", err=True))
    with contextlib.ExitStack() as held:
        with working("starting the services"):
            cloud = held.enter_context(LocalCloud(port, show=show))
        outputs: dict[str, str] = {}
        if strategy:
            from stratofold.cloud.local.deployment import deploy

            with working(f"deploying {name}"):
                outputs = deploy(cloud, strategy, name, parameters, secrets)
        _tell(cloud, outputs, json=json)
        _until_interrupted()


def _read(given: list[str]) -> dict[str, str]:
    """Secrets out of files; raises Setup SF774 for one that cannot be read."""
    found = {}
    for one in given:
        name, _, path = one.partition("=")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            fix = "write --secret NAME=PATH, with a file that can be read"
            raise Setup("SF774", f"the secret {name} cannot be read", place=path, why=str(error), fix=fix) from error
    return found


def _tell(cloud: LocalCloud, outputs: Mapping[str, str], *, json: bool) -> None:
    """Say where it is, once it can be asked."""
    environment = cloud.environment()
    if json:
        show_json({"url": cloud.url, "environment": environment, "outputs": dict(outputs)})
        return
    typer.echo(f"the cloud is at {cloud.url}; in another shell:")
    typer.echo("\n".join(f"  export {name}={value}" for name, value in environment.items()))
    for name, value in outputs.items():
        typer.echo(f"  {name}: {value}")


def _until_interrupted() -> None:
    """Wait for an end: Ctrl-C, or SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    ended.wait()
