"""`stratofold audit`: verify the chain of records and its archive; show records."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, OfBook, head_of, strategy_as_run
from stratofold.cli.output import Debug, Exit, Json, show_json, verb
from stratofold.errors import Setup, Stop

app = typer.Typer(help="Verify the chain of records and its archive, or show records.", no_args_is_help=True)


@app.command("verify", cls=OfBook)
@verb
def verify(
    book: BookName = None,
    *,
    anchor: Annotated[
        str | None, typer.Option(help="What is known of the book from elsewhere, as SEQUENCE:CHAIN (needs --book).")
    ] = None,
    rebuild: Annotated[bool, typer.Option(help="Also rebuild each book's state from its records.")] = True,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Find any record that was changed, removed, inserted or moved. Exit code 3 when there is one."""
    from stratofold.live.audit import audit_verify

    place = home_of(home, cloud=cloud, stack=stack, region=region)
    journal = place.journal()
    anchors = {head_of(journal, book).book: anchor_of(anchor)} if anchor is not None else None
    found = audit_verify(journal, place.artifacts(), [book] if book is not None else None, anchors)
    rebuilt = {one.book: is_rebuilt(journal, one.book) for one in found.books} if rebuild and found.ok else {}
    if json:
        show_json({**found.as_dict(), "rebuilt": rebuilt})
    else:
        for one in found.books:
            typer.echo(f"{one.book}: {one.records:,} records, {one.sealed:,} sealed in {one.segments} segments")
            typer.echo(f"  the chain is {'as written' if not one.findings else 'BROKEN'}")
            typer.echo(f"  anchor {one.sequence}:{one.chain.hex()}")
            for finding in one.findings:
                typer.echo(f"    {finding.place}: {finding.what}")
            if one.book in rebuilt:
                typer.echo(f"  state rebuilt from the records: {'byte-equal' if rebuilt[one.book] else 'DIFFERENT'}")
    return Exit.DONE if found.ok and all(rebuilt.values()) else Exit.CHECK_FAILED


def anchor_of(text: str) -> tuple[int, bytes]:
    """A sequence and a chain as they were printed; raises Setup SF919 for anything else."""
    sequence, _, chain = text.partition(":")
    try:
        anchor = int(sequence), bytes.fromhex(chain)
    except ValueError:
        anchor = 0, b""
    if anchor[0] < 1 or len(anchor[1]) != 32:
        what = f"{text!r} is no anchor"
        raise Setup("SF919", what, place="--anchor", fix="give what `audit verify` printed before: SEQUENCE:CHAIN")
    return anchor


def is_rebuilt(journal: Any, book: str) -> bool:
    """Whether folding every record gives the state that the snapshot and the steps after it give."""
    from stratofold.live.desk import restore_fold

    strategy = strategy_as_run(journal, book)
    whole = restore_fold(journal, book, strategy, use_snapshot=False)
    try:
        return whole.save() == restore_fold(journal, book, strategy).save()
    except Stop as error:
        if error.code != "SF849":  # decided otherwise than it is written down
            raise
        return False


@app.command("show", cls=OfBook)
@verb
def show(
    book: BookName = None,
    *,
    after: Annotated[int, typer.Option(help="After this sequence.")] = 0,
    limit: Annotated[int, typer.Option(help="How many records.")] = 20,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Show records in order."""
    from stratofold.wire import unpack

    journal = home_of(home, cloud=cloud, stack=stack, region=region).journal()
    name = head_of(journal, book).book
    rows = list(journal.records(name, after, limit))
    if json:
        show_json(
            {
                "records": [
                    {"sequence": row.sequence, "kind": row.kind, "envelope": unpack(row.envelope)} for row in rows
                ]
            }
        )
        return
    for row in rows:
        envelope = unpack(row.envelope) if row.envelope else {}
        when = datetime.fromtimestamp(envelope.get("wall", 0) / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(f"{row.sequence:>8} {when} {row.kind:<9} {envelope.get('by', ''):<9} {row.chain.hex()[:12]}")
