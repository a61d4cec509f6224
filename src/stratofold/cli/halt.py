"""`stratofold halt`: stop new exposure at once, from any process; `resume` lifts it in two steps."""

import shlex
import time
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_again, home_of, said_again
from stratofold.cli.home import HomePath, stamp, whoami
from stratofold.cli.output import Debug, Exit, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.cli.home import Home
    from stratofold.live.manifest import Manifest

Account = Annotated[
    str | None, typer.Option(help="Which account; default: of the book, else the only one; `halt` takes every one.")
]
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
    where = wherever(journal, accounts_meant(journal, account, scope, name, book), scope, name, book)
    now, state = time.time_ns(), REDUCING if reducing else HALTED
    held = [stop(journal, *one, reason, whoami(), now, stamp("halt", now), state=state) for one in where]
    deaf = [line for one in where for line in unreached(place, journal, *one)]
    if json:
        first = {"scope": held[0].scope, "name": held[0].name, "state": state, "reason": held[0].reason}
        show_json(first | {"accounts": [owner for owner, _, _ in where], "unreached": deaf})
    else:
        there = said_again(cloud=cloud, stack=stack, region=region) + home_again(home)
        for owner, kind, called in where:
            again = f"stratofold resume {called!r} --scope {kind}{account_again(journal, owner, kind)}{there}"
            typer.echo(f"{kind} {called}{of_account(journal, owner, called)} is {state}; lift it with: {again}")
        typer.echo("".join(f"NOT HELD: {one}\n" for one in deaf), err=True, nl=False)
    return Exit.CHECK_FAILED if deaf else Exit.DONE


def wherever(journal: Any, accounts: list[str], scope: str, name: str, book: str | None) -> list[tuple[str, str, str]]:
    """Account, scope and name for each account in which a halt's words mean something.

    Raises what the first one has against them where they mean nothing in any, and SF942 where they are not clear in one.
    """
    from stratofold.errors import Setup

    found, against = [], []
    for account in accounts:
        try:
            kind, called = meant(journal, account, scope, name, book)
            if kind == "symbol" and called != "*":
                _refuse_strange(journal, account, called)
            found.append((account, kind, called))
        except Setup as error:  # another account may have it
            if error.code == "SF942":
                raise
            against.append(error)
    if not found:
        raise against[0]
    return found


def account_again(journal: Any, account: str, scope: str) -> str:
    """The words by which a next command means this account, where that has to be said: a book has one account."""
    return f" --account {shlex.quote(account)}" if scope != "book" and len(_accounts(journal)) > 1 else ""


def of_account(journal: Any, account: str, called: str) -> str:
    """Whose it is, where there are several and what is called so is none of them."""
    return f" of {account}" if len(_accounts(journal)) > 1 and called != account else ""


def unreached(place: "Home", journal: Any, account: str, scope: str, name: str) -> list[str]:
    """The books that a control reaches by its words and not in truth, since they were moved away from here."""
    heads = [one for one in journal.books() if one.account == account and (scope != "book" or name in ("*", one.book))]
    return [f"{one.book} is with {where}; say it there" for one in heads if (where := place.elsewhere(one))]


def meant(journal: Any, account: str, scope: str, name: str, book: str | None) -> tuple[str, str]:
    """The scope and name that a command line means: a book by its name alone, a strategy by as much of its as tells it.

    Raises Setup SF942 where a name tells several strategies, and SF962 for a strategy, an account or a book that is not
    there: a halt that holds nothing must not look like one.
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
    why = f"there are: {', '.join(specs) or 'none'}"
    if len(found) > 1:
        raise Setup("SF942", f"which strategy? {name} is the name of several", why=why, fix="give more of the name")
    if not found:
        raise Setup("SF962", f"{name} is no strategy of a book", why=why, fix="give the name of one of these")
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


def accounts_meant(journal: Any, account: str | None, scope: str, name: str, book: str | None) -> list[str]:
    """The accounts that a command line may speak of: the one it names, that of the book it names, or every one there is.

    Who stops everything is not asked which account.  Raises Setup SF942 where there is none, SF962 for one that is not there.
    """
    from stratofold.errors import Setup

    names = _accounts(journal)
    if account is not None and account not in names:
        raise Setup("SF962", f"there is no account {account}", why=f"there are: {', '.join(names) or 'none'}")
    if not names:
        raise Setup("SF942", "which account? there are: none", fix="start a book first: stratofold run")
    if account is not None:
        return [account]
    asked = book or (name if scope in ("account", "book") and name != "*" else None)
    own = {head.book: [head.account] for head in journal.books()} | {one: [one] for one in names if book is None}
    if asked is not None and asked not in own and len(names) > 1:
        why = f"the accounts are {', '.join(names)}, the books {', '.join(head.book for head in journal.books())}"
        raise Setup("SF962", f"{asked} is no account and no book", why=why, fix="leave the name out to stop everything")
    return own.get(asked or "", names)


def account_of(journal: Any, account: str | None, scope: str, name: str, book: str | None) -> str:
    """The account that is meant; raises Setup SF942 when that is not clear."""
    from stratofold.errors import Setup

    names = accounts_meant(journal, account, scope, name, book)
    if len(names) != 1:
        raise Setup(
            "SF942", f"which account? there are: {', '.join(names)}", fix="name it: --account NAME, or --book NAME"
        )
    return names[0]


def _accounts(journal: Any) -> list[str]:
    """Every account that a book here trades."""
    return sorted({head.account for head in journal.books()})
