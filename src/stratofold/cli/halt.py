"""`stratofold halt`: stop new exposure at once, from any process; `resume` lifts it in two steps."""

import time
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of, said_again
from stratofold.cli.home import HomePath, stamp, whoami
from stratofold.cli.output import Debug, Exit, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.cli.home import Home
    from stratofold.live.manifest import Manifest

Account = Annotated[str | None, typer.Option(help="Which account; default: the only one there is.")]
Scope = Annotated[str, typer.Option(help="account, book, strategy or symbol.")]
Book = Annotated[str | None, typer.Option(help="One book; the same as --scope book NAME.")]
Name = Annotated[str, typer.Argument(help="Its name; * is everything.")]


@verb
def halt(
    name: Name = "*",
    *,
    scope: Scope = "account",
    book: Book = None,
    account: Account = None,
    reducing: Annotated[bool, typer.Option("--reducing", help="Let what only reduces pass.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "the operator said so",
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Halt: nothing new is sent from the next claim on; cancels, fills and reconciliation go on. It is sticky.

    Exit code 3 where a book of the account was moved away from here, and so does not hear it.
    """
    from stratofold.adapters.ports import HALTED, REDUCING
    from stratofold.live.halt import halt as stop

    place = home_of(home, cloud=cloud, stack=stack, region=region)
    journal = place.journal()
    owner = account_of(journal, account)
    scope, name = meant(journal, owner, scope, name, book)
    if scope == "symbol" and name != "*":
        _refuse_strange(journal, owner, name)
    now, state = time.time_ns(), REDUCING if reducing else HALTED
    held = stop(journal, owner, scope, name, reason, whoami(), now, stamp("halt", now), state=state)
    deaf = unreached(place, journal, owner, scope, name)
    said = {"scope": held.scope, "name": held.name, "state": held.state, "reason": held.reason, "unreached": deaf}
    if json:
        show_json(said)
    else:
        there = said_again(cloud=cloud, stack=stack, region=region)
        typer.echo(f"{scope} {name} is {held.state}; lift it with: stratofold resume {name!r} --scope {scope}{there}")
        typer.echo("".join(f"NOT HELD: {one}\n" for one in deaf), err=True, nl=False)
    return Exit.CHECK_FAILED if deaf else Exit.DONE


def unreached(place: "Home", journal: Any, account: str, scope: str, name: str) -> list[str]:
    """The books that a control reaches by its words and not in truth, since they were moved away from here."""
    heads = [one for one in journal.books() if one.account == account and (scope != "book" or name in ("*", one.book))]
    return [f"{one.book} is with {where}; say it there" for one in heads if (where := place.elsewhere(one))]


def meant(journal: Any, account: str, scope: str, name: str, book: str | None) -> tuple[str, str]:
    """The scope and name that a command line means: a book by its name alone, a strategy by as much of its as tells it.

    Raises Setup SF962 where a name tells no strategy, or several, and for an account or a book that is not there: a halt
    that holds nothing must not look like one.
    """
    from stratofold.errors import Setup

    if book is not None:
        scope, name = "book", book
    books = [head.book for head in journal.books() if head.account == account]
    if scope == "account" and name in books and name != account:
        scope = "book"
    if scope == "account" and name not in ("*", account):
        why = f"the account is {account}, its books are: {', '.join(books) or 'none'}"
        raise Setup("SF962", f"{name} is no account and no book", why=why, fix="leave the name out to stop everything")
    if scope == "book" and name != "*" and name not in books:
        raise Setup("SF962", f"there is no book {name} on {account}", why=f"there are: {', '.join(books) or 'none'}")
    if scope != "strategy" or name == "*":
        return scope, name
    specs = sorted({_strategy_of(journal, one) for one in books})
    if "" in specs:
        return (
            scope,
            name,
        )  # a book that cannot be read must not stand in the way of a halt: the name holds as it is given
    found = [spec for spec in specs if spec == name] or [spec for spec in specs if _is_called(spec, name)]
    if len(found) != 1:
        what = f"{name} is {'the name of several strategies' if found else 'no strategy of a book'}"
        raise Setup("SF962", what, why=f"there are: {', '.join(specs) or 'none'}", fix="give more of the name")
    return scope, found[0]


def _refuse_strange(journal: Any, account: str, symbol: str) -> None:
    """Raise Setup SF962 for a symbol that no book of the account trades; a book that cannot be read may trade any."""
    from stratofold.errors import Setup

    manifests = [_manifest_of(journal, head.book) for head in journal.books() if head.account == account]
    traded = sorted({name for one in manifests if one is not None for name in one.symbols})
    if None not in manifests and symbol not in traded:
        why = f"they trade {', '.join(traded) or 'nothing'}"
        raise Setup(
            "SF962", f"no book on {account} trades {symbol}", why=why, fix="leave the scope out to stop everything"
        )


def _strategy_of(journal: Any, book: str) -> str:
    """The strategy of a book, by its opening record; empty where that cannot be read."""
    manifest = _manifest_of(journal, book)
    return manifest.strategy if manifest is not None else ""


def _manifest_of(journal: Any, book: str) -> "Manifest | None":
    """How a book was opened; None where that cannot be read."""
    from msgspec import DecodeError

    from stratofold.errors import Error
    from stratofold.live.desk import manifest_of

    try:
        return manifest_of(journal, book)
    except (Error, DecodeError):
        return None


def _is_called(spec: str, name: str) -> bool:
    """Whether a strategy's `file.py:Class` or `module:Class` ends in a name, or its file or module is called so."""
    place, _, kind = spec.rpartition(":")
    file = PurePath(place)
    module = place.rpartition(".")[2] if "/" not in place else ""
    return spec.endswith((f"/{name}", f".{name}")) or name in (kind, place, file.name, file.stem, module)


def account_of(journal: Any, account: str | None) -> str:
    """The account that is meant; raises Setup SF942 when that is not clear."""
    from stratofold.errors import Setup

    names = sorted({head.account for head in journal.books()})
    if account is not None:
        return account
    if len(names) != 1:
        raise Setup("SF942", f"which account? there are: {', '.join(names) or 'none'}", fix="name it: --account NAME")
    return str(names[0])
