"""`stratofold stress`: what a strategy could have lost over data, or what a book that runs could lose now."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, head_of, strategy_as_run
from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.errors import Setup

Kinds = Annotated[
    list[str] | None,
    typer.Option("--class", help="What a symbol is: TLT=bond (equity, bond, commodity, crypto). May be given again."),
]


@verb
def stress(
    context: typer.Context,
    strategy: jobs.Strategy = None,
    *,
    kinds: Kinds = None,
    out: Annotated[Path | None, typer.Option(help="Also write the HTML page to this path.")] = None,
    book: BookName = None,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    data: jobs.Data = None,
    symbols: jobs.Symbols = None,
    start: jobs.Start = None,
    end: jobs.End = None,
    cash: jobs.Cash = None,
    fees: jobs.Charges = None,
    slippage: jobs.Slips = None,
    limits: jobs.Allowances = None,
    execution: jobs.Execution = None,
    config: jobs.ConfigPath = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show value at risk, shocks like 1987, 2008, 2020 and 2022, gaps through stops, and what stops do not protect.

    With --book, --home or --cloud: of what a book holds now, by the classes of its symbols.
    """
    said = dict(_pair(each) for each in kinds or ())
    if book is not None or home is not None or cloud:
        journal = home_of(home, cloud=cloud, stack=stack, region=region).journal()
        found = of_book(journal, head_of(journal, book).book, said)
    else:
        task = jobs.job(locals(), context.args)
        with working(f"running {task.strategy.__name__}") as progress:
            found = task.run(progress).stress(classes=said)
    written = found.report(out) if out is not None else None
    if json:
        show_json({**found.as_dict(), "report": None if written is None else str(written)})
        return
    typer.echo(str(found))
    if written is not None:
        typer.echo(f"\nreport: {written}")


def _pair(text: str) -> tuple[str, str]:
    """A symbol and its class; raises Setup SFS93, before anything is run, for what is none."""
    from stratofold.research.stress import CLASSES

    symbol, _, kind = text.partition("=")
    if kind.strip() not in CLASSES:
        fix = f"--class TLT=bond; classes are {', '.join(CLASSES)}"
        raise Setup("SFS93", f"{text!r} names no class", place="--class", fix=fix)
    return symbol.strip(), kind.strip()


def of_book(journal: Any, book: str, said: dict[str, str]) -> Any:
    """What a live book holds at its last prices, tested."""
    from stratofold.live.desk import manifest_of, read_desk
    from stratofold.research.stress import stress_now

    desk = read_desk(journal, book, strategy_as_run(journal, book))
    account = desk.fold.engine.book
    held = {name: account.ledger.holdings[k] for k, name in enumerate(desk.fold.names)}
    worth = {
        name: each.quantity * each.price * each.multiplier if each.quantity else 0.0 for name, each in held.items()
    }
    weights = {name: value / account.equity if account.equity > 0.0 else 0.0 for name, value in worth.items()}
    kinds = {row["symbol"]: row["kind"] for row in manifest_of(journal, book).instruments}
    return stress_now(book, weights, kinds, said)
