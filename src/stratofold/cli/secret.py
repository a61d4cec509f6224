"""`stratofold secret`: puts a key or an address where only its owner can read it."""

import sys
from typing import Annotated

import typer

from stratofold.cli.folders import settings_folder
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup


@verb
def secret(
    name: Annotated[str, typer.Argument(help="What the secret is called, such as alpaca-key-id or notify-desk.")],
    *,
    keyring: Annotated[bool, typer.Option(help="Use the operating system's keyring where one works.")] = True,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Keep a secret: typed unseen, or read from standard input. It is never shown again.

    It goes into the keyring, or into secrets.json in the settings' folder, which only its owner can read.
    """
    from stratofold.adapters.embedded.secrets import Secrets

    value = typer.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    value = value.rstrip("\r\n")
    if not value:
        raise Setup(
            "SF825", f"the secret {name} is empty", fix=f"type it, or pipe it in: stratofold secret {name} < file"
        )
    Secrets(settings_folder(), use_keyring=keyring).put(name, value)
    if json:
        show_json({"secret": name})
    else:
        typer.echo(f"{name} is kept")
