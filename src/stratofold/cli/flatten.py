"""`stratofold flatten`: close everything a book holds, from any process."""

import time
from typing import Annotated

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, head_of, stamp, whoami
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.cli.status import of_book, run_of

_WAITS = (
    "nobody runs the book here: the next run does it; until then `stratofold cancel` cancels what works at the venue"
)


@verb
def flatten(
    book: BookName = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Rehearse: say what would be cancelled and closed.")
    ] = False,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Cancel what works and close what is held, at market, halted or not; the running book does it, or the next run."""
    from stratofold.cli.standing import holding_text
    from stratofold.live.halt import close_out

    place = home_of(home, cloud=cloud, stack=stack, region=region)
    journal = place.journal()
    head = head_of(journal, book)
    place.refuse_elsewhere(head, "flatten")
    now = of_book(journal, head.book)
    if not dry_run:
        moment = time.time_ns()
        close_out(journal, head.book, whoami(), moment, stamp("flatten", moment))
    run = run_of(place, journal, head.book) if not cloud and stack is None else None
    said = {
        "book": head.book,
        "cancel": now["working"],
        "close": now["positions"],
        "asked": not dry_run,
        "run": run,
    }
    held = holding_text(now["positions"].items())
    if json:
        show_json(said)
    else:
        waits = f"\n{_WAITS}" if run in ("at rest", "died") else ""
        asked = "would" if dry_run else f"{head.book} is asked to"
        typer.echo(f"{asked} cancel {now['working']} orders and close {held}{waits}")
