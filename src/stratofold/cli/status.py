"""`stratofold status`: how the books of this folder, or of a stack, stand, whether they run or not."""

from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Any

import typer

from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, strategy_as_run
from stratofold.cli.output import Debug, Json, show_json, verb

if TYPE_CHECKING:
    from stratofold.cli.home import Home

SHOWN = 10  # positions, orders and unknown messages of a book, each


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
    here = not cloud and stack is None
    shown = [
        _told(journal, head)
        | {"elsewhere": place.elsewhere(head), "run": run_of(place, journal, head.book) if here else None}
        for head in heads
    ]
    if json:
        show_json({"books": shown})
        return
    typer.echo("\n".join(map(text_of, shown)) or "there is no book here yet")


def _told(journal: Any, head: Any) -> dict[str, Any]:
    """One book; one of which no step can be read says so, and does not hide the others."""
    from stratofold.live.steps import OtherwiseError

    try:
        return of_book(journal, head.book)
    except OtherwiseError as error:
        waits = len(journal.inbox(head.book))
        unknown = [one.key for one in journal.outbox(head.book, "unknown", "claimed")]
        rest = {"steps": head.step, "records": head.sequence, "holder": head.holder, "unknown": unknown, "inbox": waits}
        return {"book": head.book, "account": head.account, "unreadable": str(error), **rest}


def of_book(journal: Any, book: str) -> dict[str, Any]:
    """One book, from its records."""
    from stratofold.cli.standing import order_line, symbols_of, today_of
    from stratofold.live.desk import manifest_of
    from stratofold.live.halt import strictest
    from stratofold.live.look import look_at

    manifest = manifest_of(journal, book)
    look = look_at(journal, book, strategy_as_run(journal, book))
    desk, account = look.desk, look.desk.fold.engine.book
    today = today_of(desk)
    held = [row for row in symbols_of(desk) if row.quantity != 0.0]
    controls = journal.controls(manifest.account)
    control = strictest(controls, manifest.account, book, manifest.strategy)
    return {
        "book": book, "account": manifest.account, "strategy": manifest.strategy, "steps": desk.head.step,
        "records": desk.head.sequence, "epoch": desk.head.epoch, "holder": desk.head.holder, "equity": account.equity, "cash": account.cash,
        "gain": account.equity - manifest.capital, "today": None if isnan(today) else today,
        "positions": {name: account.position(k) for k, name in enumerate(desk.fold.names) if account.position(k) != 0.0}, "held": [row._asdict() for row in held],
        "working": account.orders.count, "orders": [order_line(one, desk.fold.names) for one in account.orders], "unknown": [one.key for one in journal.outbox(book, "unknown", "claimed")],
        "inbox": len(journal.inbox(book)), "last_event": account.time,
        "symbols_held": {one.name: [one.state, one.reason] for one in controls if _holds_symbol(one, desk.fold.names)},
        "state": control.state if control is not None else "active", "reason": control.reason if control is not None else "",
        "otherwise": None if look.otherwise is None else {"step": look.otherwise.step, "what": look.otherwise.what, "fix": look.otherwise.fix, "since": {name: later.quantity for name, later in look.later.items()}},
    }  # fmt: skip


def _holds_symbol(control: Any, names: tuple[str, ...]) -> bool:
    """Whether a control holds back a symbol of a book, or each of them."""
    return control.scope == "symbol" and control.state != "active" and control.name in (*names, "*")


def run_of(place: "Home", journal: Any, book: str) -> str:
    """Whether this machine runs a book now: running, at rest, or died where its last run has not ended in order."""
    from stratofold.adapters.embedded.presence import Presence
    from stratofold.live.watchman import HEARTBEAT

    if Presence(place.path, book).is_held():
        return "running"
    return "died" if journal.mark(book, HEARTBEAT) else "at rest"


_RUN = {
    "running": ", running",
    "at rest": ", at rest",
    "died": ", not running: its last run was killed, the same command goes on",
    None: "",
}


def text_of(one: dict[str, Any]) -> str:
    """A book in a few lines."""
    from stratofold.cli.standing import Held, held_line, holding_text

    if "unreadable" in one:
        counts = f"{len(one['unknown'])} unknown, {one['inbox']} waiting; {one['steps']:,} steps in {one['records']:,} records"
        return f"{one['book']} on {one['account']}: {one['unreadable']}\n  {counts}"
    reason = f" ({one['reason']})" if one["reason"] else ""
    today = "" if one["today"] is None else f", today {one['today']:+,.2f}"
    last = datetime.fromtimestamp(one["last_event"] // 10**9, UTC) if one["last_event"] else None
    lines = [
        f"{one['book']} [{one['state']}{reason}] {one['strategy']} on {one['account']}{_RUN[one.get('run')]}",
        f"  equity {one['equity']:,.2f} ({one['gain']:+,.2f}{today}), cash {one['cash']:,.2f}, holding {holding_text(one['positions'].items())}",
        *_most([f"  {held_line(Held(**row))}" for row in one["held"]]),
        f"  {one['working']} orders working, {len(one['unknown'])} unknown, {one['inbox']} waiting; "
        f"{one['steps']:,} steps in {one['records']:,} records"
        + (f", the last event of {last:%Y-%m-%d %H:%M:%S} UTC" if last else ""),
        *_most([f"  {line}" for line in one["orders"]]),
        *_most([f"  {name} is {state} ({why})" for name, (state, why) in one["symbols_held"].items()]),
        *_most([f"  of unknown fate: {key}" for key in one["unknown"]]),
    ]
    if one.get("otherwise"):
        lines += _otherwise(one)
    if one.get("elsewhere"):
        lines.append(f"  moved away: so it stood then; it is with {one['elsewhere']}")
    return "\n".join(lines)


def _otherwise(one: dict[str, Any]) -> list[str]:
    """What is to be known of a book that this code cannot go on with."""
    from stratofold.cli.standing import holding_text

    told, later = one["otherwise"], one["steps"] - one["otherwise"]["step"] + 1
    since = holding_text(told["since"].items()) if told["since"] else "nothing"
    return [
        f"  SF849: {told['what']}",
        f"  so all above is as it stood before that, {later:,} steps ago; filled or split since, with what is held after it: {since}",
        f"  {told['fix']}",
    ]


def _most(lines: list[str]) -> list[str]:
    """The first of many lines."""
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"  ... and {len(lines) - SHOWN} more: --json"]
