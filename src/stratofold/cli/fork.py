"""`stratofold fork`: what if, from the true state of a book at a step."""

from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.home import BookName, Home, HomePath, head_of, strategy_as_run
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup

Set = Annotated[list[str] | None, typer.Option("--set", help="With another parameter: --set fast=10.")]


@verb
def fork(
    *,
    at: Annotated[int, typer.Option(help="After which of the book's steps.")],
    book: BookName = None,
    change: Set = None,
    slippage: jobs.Slips = None,
    fees: jobs.Charges = None,
    home: HomePath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Go on from a book's true state with other parameters, at the simulated venue; nothing of it touches the book."""
    from dataclasses import asdict

    from stratofold.live.fork import fork as go_on

    journal = Home(home).journal()
    name = head_of(journal, book).book
    found = go_on(
        journal, name, strategy_as_run(journal, name), at, parameters_of(change),
        slippage=jobs.cost("slippage", slippage), fees=jobs.cost("fees", fees),
    )  # fmt: skip
    if json:
        show_json(asdict(found))
    else:
        typer.echo(text_of(found))


def parameters_of(sets: list[str] | None) -> dict[str, Any]:
    """`name=value` as parameters; raises Setup SF961 for anything else."""
    for one in sets or ():
        if not one.partition("=")[2]:
            raise Setup("SF961", f"{one!r} sets nothing", place="--set", fix="write --set name=value")
    return {key: jobs.value_of(text) for key, _, text in (one.partition("=") for one in sets or ())}


def text_of(found: Any) -> str:
    """Both ends side by side."""
    from stratofold.cli.standing import holding_text

    changed = ", ".join(f"{name} = {value}" for name, value in found.parameters.items()) or "nothing changed"
    rows = [f"{found.book} from step {found.at} on, {found.events:,} events, {changed}"]
    for name, end in (("it was", found.was), ("it would be", found.would)):
        held = holding_text(end.positions.items())
        rows.append(
            f"  {name:<12} equity {end.equity:,.2f}, cash {end.cash:,.2f}, {end.orders} orders, {end.fills} fills, holding {held}"
        )
    rows.append(f"  difference   {found.would.equity - found.was.equity:+,.2f}")
    return "\n".join(rows)
