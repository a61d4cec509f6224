"""`stratofold why`: one order explained: what it saw, what changed, what was checked, what came of it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stratofold.cli.home import BookName, Home, HomePath, head_of, strategy_of
from stratofold.cli.output import Debug, Json, show_json, verb


@verb
def why(
    order: Annotated[str, typer.Argument(help="An order's number, or its client id.")],
    *,
    book: BookName = None,
    home: HomePath = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Explain one order from the records alone."""
    from stratofold.live.desk import manifest_of
    from stratofold.live.why import why as explain

    journal = Home(home).journal()
    name = head_of(journal, book).book
    found = explain(journal, name, order, strategy_of(manifest_of(journal, name).strategy))
    if json:
        show_json(found.as_dict())
    else:
        typer.echo(text_of(found))


def text_of(found: Any) -> str:
    """The story of an order, in order."""
    lines = [f"order {found.number} ({found.client_id}): {found.asked}", f"  {found.outcome}"]
    lines += ["it saw:"] + [f"  {_time(one.time)}  {one.what}" for one in found.saw]
    lines += ["what changed:"] + [f"  {one}" for one in found.changes] if found.changes else []
    lines += ["checks:"] + [f"  {one}" for one in found.checks] if found.checks else []
    lines += [f"refused: {found.refusal}"] if found.refusal else []
    lines += ["then:"] + [f"  {_time(one.time)}  {one.what}" for one in found.story]
    if found.execution is not None:
        done = found.execution
        lines.append(
            f"expected {done.expected:g} ({done.rule}), came {done.average:g} for {done.quantity:g}: "
            f"slippage {done.slippage:g} ({done.slippage_bps:.1f} bps), fees {done.fees:g}"
        )
    lines += [found.note] if found.note else []
    return "\n".join(lines)


def _time(time: int) -> str:
    """A time, UTC."""
    return datetime.fromtimestamp(time / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
