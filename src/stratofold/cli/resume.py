"""`stratofold resume`: lift a halt in two steps, the second after a clean reconciliation."""

import shlex
import time
from typing import Annotated

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_again, home_of, said_again
from stratofold.cli.halt import Account, Book, Name, Scope, account_again, account_of, meant
from stratofold.cli.home import HomePath, stamp, whoami
from stratofold.cli.output import Debug, Json, show_json, verb


@verb
def resume(
    name: Name = "*",
    *,
    scope: Scope = "account",
    book: Book = None,
    account: Account = None,
    confirm: Annotated[str | None, typer.Option(help="The code that the request gave.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "the operator said so",
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Ask for release; then, after `stratofold reconcile` was clean, ask again with --confirm CODE."""
    from stratofold.live.halt import confirm_release, request_release

    journal = home_of(home, cloud=cloud, stack=stack, region=region).journal()
    owner, now = account_of(journal, account, scope, name, book), time.time_ns()
    scope, name = meant(journal, owner, scope, name, book)
    if confirm is not None:
        lifted = confirm_release(journal, owner, scope, name, confirm, whoami(), now, stamp("resume", now))
        said = {"scope": scope, "name": name, "state": lifted.state}
        text = f"{scope} {name} is {lifted.state}"
    else:
        asked = request_release(journal, owner, scope, name, reason, whoami(), now, stamp("resume", now))
        said = {"scope": scope, "name": name, "code": asked.code, "waits_for": ", ".join(asked.waits_for.values())}
        waits = "".join(f"\n  still needed: {one}" for one in asked.waits_for.values())
        there = said_again(cloud=cloud, stack=stack, region=region)
        here = home_again(home)
        asks = "".join(f"stratofold {one}; " for one in _looks(owner, list(asked.waits_for), there, here))
        again = f"{name!r} --scope {scope}{account_again(journal, owner, scope)}{there}{here}"
        text = (
            f"asked for release of {scope} {name}{waits}\nthen: {asks}stratofold resume {again} --confirm {asked.code}"
        )
    if json:
        show_json(said)
    else:
        typer.echo(text)


def _looks(account: str, books: list[str], there: str, here: str) -> list[str]:
    """The commands by which these books are reconciled, in a cloud or in a folder."""
    from stratofold.cli.venue import venue_words

    if there and books:
        return [f"cloud invoke reconcile{there.replace(' --cloud', '')}"]
    return [f"reconcile {shlex.quote(book)} {venue_words(account)}{here}" for book in books]
