"""`stratofold why`: one order explained: what it saw, what changed, what was checked, what came of it."""

from typing import Annotated, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, head_of, strategy_as_run
from stratofold.cli.output import Debug, Json, show_json, verb


@verb
def why(
    order: Annotated[str, typer.Argument(help="An order's number, or its client id.")],
    *,
    book: BookName = None,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Explain one order from the records alone."""
    from stratofold.live.why import lines
    from stratofold.live.why import why as explain

    journal = home_of(home, cloud=cloud, stack=stack, region=region).journal()
    name = head_of(journal, book or book_of(journal, order)).book
    found = explain(journal, name, order, strategy_as_run(journal, name))
    if json:
        show_json(found.as_dict())
    else:
        typer.echo("\n".join(lines(found)))


def book_of(journal: Any, order: str) -> str | None:
    """The book that a client id is of; None for a number, or for what is no order of a book here."""
    from stratofold.live.words import FOREIGN, number_of

    heads = [head for head in journal.books() if number_of(head.book, head.generation, order) != FOREIGN]
    return heads[0].book if heads else None
