"""`stratofold halt`: stop new exposure at once, from any process; `resume` lifts it in two steps."""

import time
from typing import Annotated, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, either
from stratofold.cli.home import Home, HomePath, stamp, whoami
from stratofold.cli.output import Debug, Json, show_json, verb

Account = Annotated[str | None, typer.Option(help="Which account; default: the only one there is.")]
Scope = Annotated[str, typer.Option(help="account, book, strategy or symbol.")]
Name = Annotated[str, typer.Argument(help="Its name; * is everything.")]


@verb
def halt(
    name: Name = "*",
    *,
    scope: Scope = "account",
    account: Account = None,
    reducing: Annotated[bool, typer.Option("--reducing", help="Let what only reduces pass.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "the operator said so",
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Halt: nothing new is sent from the next claim on; cancels, fills and reconciliation go on. It is sticky."""
    from stratofold.adapters.ports import HALTED, REDUCING
    from stratofold.live.halt import halt as stop

    journal = either(Home(home), cloud=cloud, stack=stack, region=region)
    owner = account_of(journal, account)
    now, state = time.time_ns(), REDUCING if reducing else HALTED
    held = stop(journal, owner, scope, name, reason, whoami(), now, stamp("halt", now), state=state)
    said = {"scope": held.scope, "name": held.name, "state": held.state, "reason": held.reason}
    if json:
        show_json(said)
    else:
        typer.echo(f"{scope} {name} is {held.state}; lift it with: stratofold resume {name!r} --scope {scope}")


def account_of(journal: Any, account: str | None) -> str:
    """The account that is meant; raises Setup SF942 when that is not clear."""
    from stratofold.errors import Setup

    names = sorted({head.account for head in journal.books()})
    if account is not None:
        return account
    if len(names) != 1:
        raise Setup("SF942", f"which account? there are: {', '.join(names) or 'none'}", fix="name it: --account NAME")
    return str(names[0])
