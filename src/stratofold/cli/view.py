"""What a run looks like while it goes on: a table that renews itself on a terminal, plain lines elsewhere.

What comes in: a runner and its supervisor.  What goes out: text on standard error, so that `--json` stays clean.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from stratofold.live.run import Runner
    from stratofold.live.supervise import Supervisor

_SECOND_NS = 1_000_000_000
_AROUND = 9  # rows of a screen that are no symbol, order or word: the head, a header, what is left out
_LEAST = 3


def shower(*, json: bool) -> Callable[[Runner, Supervisor], Coroutine[Any, Any, None] | None]:
    """How a run is shown: live on a terminal, in lines elsewhere."""
    show = _table if sys.stderr.isatty() and not json else _lines
    return lambda runner, supervisor: _while_somebody_looks(show(runner, supervisor))


async def _while_somebody_looks(view: Coroutine[Any, Any, None]) -> None:
    """A terminal that was closed, or a pipe whose reader has left, ends the view and not the run."""
    with suppress(OSError):
        await view


async def _lines(runner: Runner, supervisor: Supervisor) -> None:
    """Each line as it comes."""
    shown = 0
    while not runner.stopping:
        lines = list(supervisor.picture.lines)
        for line in lines[shown:]:
            typer.echo(line, err=True)
        shown = len(lines)
        await asyncio.sleep(0.5)


async def _table(runner: Runner, supervisor: Supervisor) -> None:
    """A table that renews itself twice a second."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        while not runner.stopping:
            live.update(picture_of(runner, supervisor, console.height))
            await asyncio.sleep(0.5)


def text(lines: str) -> Any:
    """Lines as they are: what a venue says is no markup."""
    from rich.text import Text

    return Text(lines)


def picture_of(runner: Runner, supervisor: Supervisor, height: int = 40) -> Any:
    """Money, counts, positions, working and unknown orders, refusals, ages, latencies and the last words, in so many rows.

    What is held stands first, and what finds no room is counted, so that a book of hundreds shows what it has.
    """
    from rich.console import Group

    room = max(_LEAST, (height - _AROUND) // 3)  # a third each: symbols, orders, words
    parts = [_head(runner, supervisor), _symbols(runner, supervisor, room), *_orders(supervisor, room)]
    words = list(supervisor.picture.recent)[-room:]
    return Group(*parts, text("\n".join(f"{_clock(time)} {line}" for time, line in words)))


def _head(runner: Runner, supervisor: Supervisor) -> Any:
    """Money and counts, in three rows."""
    from rich.table import Table

    from stratofold.cli.standing import opened_gain

    desk, picture = supervisor.desk, supervisor.picture
    book = desk.fold.engine.book
    unknown = len(supervisor.unknown.times)
    refused = ", ".join(f"{count:,} {reason}" for reason, count in picture.refused.most_common(3))
    head = Table.grid(padding=(0, 2))
    head.add_row(
        f"book {desk.manifest.book}", f"equity {book.equity:,.2f} ({opened_gain(desk)})", f"cash {book.cash:,.2f}",
        f"{runner.ingest.state}, {_clock(runner.clock.now())} UTC",
    )  # fmt: skip
    head.add_row(
        f"{picture.events:,} events", f"{picture.orders} orders, {book.orders.count} working, {unknown} unknown",
        f"{picture.fills} fills", f"decide {picture.decide_ms:.2f} ms, answer {picture.answer_ms:.1f} ms",
    )  # fmt: skip
    head.add_row("", f"{picture.refusals} refusals{f': {refused}' if refused else ''}")
    return head


def _symbols(runner: Runner, supervisor: Supervisor, room: int) -> Any:
    """What is held, then what is not, as far as there is room."""
    from rich.table import Table

    from stratofold.cli.standing import price_text, symbols_of
    from stratofold.wire import decimal

    table = Table(box=None, header_style="bold")
    for title in ("symbol", "position", "from", "price", "worth", "gain", "last event"):
        table.add_column(title, justify="left" if title in ("symbol", "last event") else "right")
    now, rows = runner.clock.now(), symbols_of(supervisor.desk)
    for row in rows[:room]:
        heard = supervisor.picture.heard.get(row.symbol, 0)
        age = f"{(now - heard) / _SECOND_NS:,.0f} s ago" if heard else "none"
        table.add_row(
            row.symbol if row.symbol not in runner.ingest.held else f"{row.symbol} (held)", decimal(row.quantity), price_text(row.average), price_text(row.price), f"{row.worth:,.2f}",
            f"{row.gain:+,.2f}" if row.quantity else "", age,
        )  # fmt: skip
    left = rows[room:]
    if left:
        table.add_row(f"and {len(left)} more", f"{sum(row.quantity != 0.0 for row in left)} of them held")
    return table


def _orders(supervisor: Supervisor, room: int) -> list[Any]:
    """The orders that work, and the messages of which nobody knows what became, as far as there is room; nothing where none."""
    from stratofold.cli.standing import order_line

    desk = supervisor.desk
    lines = [f"of unknown fate: {key}" for key in supervisor.unknown.times]
    lines += [order_line(order, desk.fold.names) for order in desk.fold.engine.book.orders]
    if len(lines) > room:
        lines = [*lines[:room], f"and {len(lines) - room} more"]
    return [text("\n".join(lines))] if lines else []


def _clock(time: int) -> str:
    """A time of day, UTC."""
    return datetime.fromtimestamp(time / _SECOND_NS, UTC).strftime("%H:%M:%S")
