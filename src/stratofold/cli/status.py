"""`stratofold status`: how the books of this folder, or of a stack, stand, whether they run or not."""

from typing import Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, strategy_as_run
from stratofold.cli.output import Debug, Json, show_json, verb

ORDERS_SHOWN = 10


@verb
def status(
    book: BookName = None,
    *,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Show positions, money, working and unknown orders, what waits, and what is halted; and where a book is that was moved."""
    place = home_of(home, cloud=cloud, stack=stack, region=region)
    journal = place.journal()
    heads = [journal.head(book)] if book is not None else journal.books()
    shown = [of_book(journal, head.book) | {"elsewhere": place.elsewhere(head)} for head in heads]
    if json:
        show_json({"books": shown})
        return
    typer.echo("\n".join(map(text_of, shown)) or "there is no book here yet")


def of_book(journal: Any, book: str) -> dict[str, Any]:
    """One book, from its records."""
    from stratofold.live.desk import manifest_of, read_desk
    from stratofold.live.halt import strictest

    manifest = manifest_of(journal, book)
    desk = read_desk(journal, book, strategy_as_run(journal, book))
    account = desk.fold.engine.book
    control = strictest(journal.controls(manifest.account), manifest.account, book, manifest.strategy)
    return {
        "book": book, "account": manifest.account, "strategy": manifest.strategy, "steps": desk.head.step,
        "records": desk.head.sequence, "epoch": desk.head.epoch, "holder": desk.head.holder, "equity": account.equity, "cash": account.cash,
        "positions": {name: account.position(k) for k, name in enumerate(desk.fold.names) if account.position(k) != 0.0},
        "working": account.orders.count, "orders": [_shown(one, desk.fold.names) for one in account.orders], "unknown": [one.key for one in journal.outbox(book, "unknown", "claimed")],
        "inbox": len(journal.inbox(book)), "last_event": account.time,
        "state": control.state if control is not None else "active", "reason": control.reason if control is not None else "",
    }  # fmt: skip


def text_of(one: dict[str, Any]) -> str:
    """A book in a few lines."""
    held = ", ".join(f"{quantity:g} {name}" for name, quantity in one["positions"].items()) or "nothing"
    reason = f" ({one['reason']})" if one["reason"] else ""
    return (
        f"{one['book']} [{one['state']}{reason}] {one['strategy']} on {one['account']}\n"
        f"  equity {one['equity']:,.2f}, cash {one['cash']:,.2f}, holding {held}\n"
        f"  {one['working']} orders working, {len(one['unknown'])} unknown, {one['inbox']} waiting; "
        f"{one['steps']:,} steps in {one['records']:,} records"
        + "".join(f"\n  {line}" for line in one["orders"][:ORDERS_SHOWN])
        + ("\n  ... all of them: --json" if len(one["orders"]) > ORDERS_SHOWN else "")
        + (f"\n  moved away: so it stood then; it is with {one['elsewhere']}" if one.get("elsewhere") else "")
    )


def _shown(order: Any, names: tuple[str, ...]) -> str:
    """An order that works or waits, in a line; its number is what `why` asks for."""
    from stratofold.fold.lifecycle import STATE_NAMES
    from stratofold.fold.order import SUBMIT
    from stratofold.live.words import describe

    terms = (order.symbol, order.side, order.kind, order.tif, order.quantity, order.limit, order.stop)
    _, _, words = describe((SUBMIT, order.number, *terms, 0, 0), names).partition(" ")
    return f"{words}, {STATE_NAMES[order.state]}" + (f", {order.filled:g} filled" if order.filled else "")
