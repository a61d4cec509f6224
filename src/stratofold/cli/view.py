"""What a run looks like while it goes on: a table that renews itself on a terminal, plain lines elsewhere.

What comes in: a runner and its supervisor.  What goes out: text on standard error, so that `--json` stays clean.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from stratofold.live.run import Runner
    from stratofold.live.supervise import Supervisor

_SECOND_NS = 1_000_000_000


def shower(*, json: bool) -> Callable[[Runner, Supervisor], Coroutine[Any, Any, None] | None]:
    """How a run is shown: live on a terminal, in lines elsewhere."""
    return _table if sys.stderr.isatty() and not json else _lines


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

    with Live(console=Console(stderr=True), refresh_per_second=2, transient=True) as live:
        while not runner.stopping:
            live.update(picture_of(runner, supervisor))
            await asyncio.sleep(0.5)


def picture_of(runner: Runner, supervisor: Supervisor) -> Any:
    """Positions, money, orders, ages, latencies and the last alerts."""
    from rich.console import Group
    from rich.table import Table

    desk, picture = supervisor.desk, supervisor.picture
    book = desk.fold.engine.book
    head = Table.grid(padding=(0, 2))
    head.add_row(
        f"book {desk.manifest.book}",
        f"equity {book.equity:,.2f} ({book.equity - desk.manifest.capital:+,.2f})",
        f"cash {book.cash:,.2f}",
        runner.ingest.state,
    )
    head.add_row(
        f"{picture.events:,} events", f"{picture.orders} orders, {book.orders.count} working, {picture.unknown} unknown",
        f"{picture.fills} fills, {picture.refusals} refusals", f"decide {picture.decide_ms:.2f} ms, answer {picture.answer_ms:.1f} ms",
    )  # fmt: skip
    table = Table("symbol", "position", "price", "worth", "last event", box=None, header_style="bold")
    now = runner.clock.now()
    for handle, name in enumerate(desk.fold.names):
        heard = picture.heard.get(name, 0)
        age = f"{(now - heard) / _SECOND_NS:,.0f} s ago" if heard else "none"
        table.add_row(
            name, f"{book.position(handle):g}", f"{book.price(handle):,.2f}", f"{book.value(handle):,.2f}", age
        )
    alerts = "\n".join(f"{_clock(alert.time)} {alert.level}: {alert.title}" for alert in list(picture.alerts)[-5:])
    return Group(head, table, alerts)


def _clock(time: int) -> str:
    """A time of day, UTC."""
    return datetime.fromtimestamp(time / _SECOND_NS, UTC).strftime("%H:%M:%S")
