"""`stratofold deploy` and `stratofold destroy`: a strategy onto AWS, and off it again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.cloud_settings import Region, StackName, cloud_section, parameters_of, stack_of
from stratofold.cli.output import Debug, Json, show_json, verb, working

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.cloud.cost import Line, Workload
    from stratofold.cloud.deploy import Plan, Wanted
    from stratofold.cloud.package import Package
    from stratofold.cloud.stack import Change, Stack, State

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@verb
def deploy(
    strategy: Annotated[
        str | None,
        typer.Argument(
            help="strategy.py:Class; default: what the stack runs, or backtest.strategy of the configuration."
        ),
    ] = None,
    *,
    stack: StackName = None,
    region: Region = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the template: NAME=VALUE, as often as needed.")
    ] = None,
    code_only: Annotated[bool, typer.Option("--code-only", help="Only replace the code, in seconds.")] = False,
    requirement: Annotated[
        list[str] | None, typer.Option("--with", help="A package the strategy needs: numpy==2.1.")
    ] = None,
    python: Annotated[str, typer.Option(help="The functions' Python: 3.11, 3.12 or 3.13. Default: this one's.")] = "",
    architecture: Annotated[str, typer.Option(help="arm64 or x86_64.")] = "",
    ignore_drift: Annotated[
        bool, typer.Option("--ignore-drift", help="What somebody changed by hand may be taken back.")
    ] = False,
    acknowledge: Annotated[bool, typer.Option("--acknowledge", help="A running book may get other code.")] = False,
    state: Annotated[str, typer.Option(help="What becomes of its state then: keep, migrate or rebuild.")] = "keep",
    config: Annotated[
        Path | None, typer.Option("--config", help="Another configuration than ./stratofold.toml.")
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build and price it, and ask AWS nothing.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Put a strategy onto AWS: shows what would change and what it costs a month, then asks."""
    from stratofold.cloud.deploy import Wanted

    section = cloud_section(config)
    parameters = parameters_of(section, set_ or [])
    named = strategy or named_strategy(config)
    wanted = Wanted(
        named or parameters.get("Strategy", ""),
        parameters,
        python,
        architecture,
        tuple(requirement or ()),
        ignore_drift,
    )
    if dry_run:
        rehearse(wanted, region or section.get("region", ""), json=json)
        return
    place = stack_of(stack, region, section)
    changed = changes_for_books(place, wanted.strategy, acknowledged=acknowledge)
    if code_only:
        quickly(place, wanted.strategy, wanted.extra, json=json)
        record_changes(place, changed, wanted.strategy, state)
        return
    fully(place, wanted, changed, state, yes=yes, json=json)


def fully(place: Stack, wanted: Wanted, changed: Sequence[str], state: str, *, yes: bool, json: bool) -> None:
    """Show what would change, ask, and do it; books that get other code go on with what becomes of their `state`."""
    from stratofold.cloud.deploy import carry_out, forget, prepare
    from stratofold.cloud.stack import addresses_here

    with working(f"building the package and asking AWS what {place.name} would become"):
        plan = prepare(place, wanted)
    if not json:
        typer.echo(plan_text(plan, place.name))
    if plan.change_set and not yes and not (not json and typer.confirm("deploy?")):
        forget(place, plan)
        if json:
            show_json({"stack": place.name, "deployed": False, **plan_facts(plan)})
        return
    with working(f"deploying {place.name}"):
        stands = carry_out(place, plan)
        record_changes(place, changed, wanted.strategy, state)
        hold_limits(place, stands)
    if json:
        show_json(
            {
                "stack": place.name,
                "deployed": bool(plan.change_set),
                "status": stands.status,
                "outputs": addresses_here(stands.outputs),
                **plan_facts(plan),
            }
        )
    else:
        typer.echo(f"{place.name} stands in {place.region}" if plan.change_set else "nothing changes")
        typer.echo(next_text(stands.outputs, plan))


def changes_for_books(place: Stack, strategy: str, *, acknowledged: bool) -> list[str]:
    """The running books that would get other code; raises Stop SFA32 where nobody said that it is meant."""
    from stratofold.cli.cloud_settings import journal_of
    from stratofold.cli.load import load_strategy
    from stratofold.cloud.changed import changed_books, refuse_unsaid

    if not strategy or "Table" not in place.state().outputs:
        return []
    found = changed_books(journal_of(place), f"cloud:{place.name}", load_strategy(strategy))
    refuse_unsaid(found, acknowledged=acknowledged)
    return found


def hold_limits(place: Stack, stands: State) -> None:
    """Hold the accounts of the stack's books to its parameters as they are now."""
    from stratofold.cli.cloud_settings import journal_of
    from stratofold.cloud.limits import hold_books

    if "Table" in stands.outputs:
        hold_books(journal_of(place), f"cloud:{place.name}", stands.parameters)


def record_changes(place: Stack, books: Sequence[str], strategy: str, chosen: str) -> None:
    """Write down that books go on with other code; until that is done their events wait."""
    import time

    from stratofold.cli.cloud_settings import journal_of
    from stratofold.cli.home import strategy_as_run
    from stratofold.cli.load import load_strategy
    from stratofold.cloud.changed import record

    for book in books:
        journal = journal_of(place)
        record(
            journal,
            book,
            f"cloud:{place.name}",
            strategy_as_run(journal, book),
            load_strategy(strategy),
            chosen,
            time.time_ns,
        )


def named_strategy(config: Path | None) -> str:
    """The strategy that the configuration names for a backtest, empty where it names none."""
    from stratofold.cli.config import FILE_NAME, read_config

    file = config or Path(FILE_NAME)
    return (read_config(file).strategy or "") if file.is_file() else ""


def rehearse(wanted: Any, region: str, *, json: bool) -> None:
    """Build and price without AWS; raises Setup SFA07 for a `region` that is named and that data may not be in."""
    from stratofold.cloud.deploy import chosen_parameters, refuse_region
    from stratofold.cloud.package import build
    from stratofold.cloud.stack import State

    parameters = chosen_parameters(wanted, State())
    if region:
        refuse_region(region, parameters)
    package = build(
        wanted.strategy or parameters["Strategy"], python=parameters["Runtime"].removeprefix("python"),
        architecture=parameters["Architecture"], extra=wanted.extra,
    )  # fmt: skip
    if json:
        show_json({"deployed": False, "package": package_facts(package), **cost_facts(parameters)})
    else:
        typer.echo(package_text(package))
        typer.echo(cost_text(parameters))


def quickly(stack: Stack, strategy: str, extra: Sequence[str], *, json: bool) -> None:
    """Replace the code alone."""
    from stratofold.cloud.versions import replace_code

    package, versions = replace_code(stack, strategy, extra)
    if json:
        show_json({"stack": stack.name, "package": package_facts(package), "versions": versions})
        return
    typer.echo(package_text(package))
    typer.echo(
        f"{len(versions)} functions run it now (decide: version {versions['decide']}); back: stratofold cloud rollback"
    )


def plan_facts(plan: Plan) -> dict[str, Any]:
    """A plan for programs."""
    changes = [as_dict(one) for one in plan.changes]
    return {"changes": changes, "package": package_facts(plan.package), **cost_facts(plan.parameters)}


def as_dict(change: Change) -> dict[str, Any]:
    """One change for programs."""
    return {
        "action": change.action,
        "name": change.name,
        "type": change.kind,
        "replaces": change.replaces,
        "why": change.why,
    }


def package_facts(package: Package) -> dict[str, Any]:
    """A package for programs."""
    return {
        "sha256": package.digest,
        "zipped_bytes": len(package.data),
        "unzipped_bytes": package.unzipped_bytes,
        "strategy": package.strategy,
    }


def cost_facts(parameters: Mapping[str, str]) -> dict[str, Any]:
    """What it costs, for programs."""
    from stratofold.adapters.aws.prices import BOOK_DATE
    from stratofold.cloud import cost

    load = usual_load(parameters)
    rest, work = cost.resting(parameters), cost.working(parameters, load)
    return {
        "cost": {
            "price_book": BOOK_DATE, "at_rest_usd": f"{cost.total(rest):.2f}", "usual_month_usd": f"{cost.total([*rest, *work]):.2f}",
            "lines": cost.as_rows([*rest, *work]),
        }
    }  # fmt: skip


def usual_load(parameters: Mapping[str, str]) -> Workload:
    """The month that an estimate is for: each symbol every five minutes of a session, one order a symbol and day."""
    from stratofold.cloud.cost import Workload

    symbols = len(parameters["Symbols"].split(","))
    return Workload(
        f"{symbols} symbol{'' if symbols == 1 else 's'} every five minutes",
        events=symbols * 78 * 21,
        orders=symbols * 21,
        fills=symbols * 21,
        batch=min(symbols, 10),
    )


def plan_text(plan: Plan, name: str) -> str:
    """A plan for people: what changes, by kind; what it costs."""
    if not plan.change_set:
        return f"{package_text(plan.package)}\n{name}: nothing changes"
    counted: dict[tuple[str, str], list[str]] = {}
    for one in plan.changes:
        counted.setdefault((one.action, one.kind), []).append(f"{one.name} (anew)" if one.replaces else one.name)
    rows = [
        f"  {action} {len(names)} {kind.removeprefix('AWS::')}: {shortened(names)}"
        for (action, kind), names in counted.items()
    ]
    return "\n".join(
        [package_text(plan.package), f"{name}: {len(plan.changes)} changes", *rows, cost_text(plan.parameters)]
    )


def shortened(names: Sequence[str], most: int = 4) -> str:
    """Some names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def package_text(package: Package) -> str:
    """A package in a line."""
    return f"package {package.digest[:12]}: {package.unzipped_bytes / 1e6:.1f} MB unpacked, {len(package.data) / 1e6:.1f} MB to send, runs {package.strategy}"


def cost_text(parameters: Mapping[str, str]) -> str:
    """What it costs a month, line by line."""
    from stratofold.adapters.aws.prices import BOOK_DATE
    from stratofold.cloud import cost

    load = usual_load(parameters)
    rest, work = cost.resting(parameters), cost.working(parameters, load)
    rows = [
        f"a month, in US dollars (price book of {BOOK_DATE}, free tier taken off):",
        "  while nothing happens:",
    ]
    rows += [cost_row(one) for one in rest]
    rows.append(f"  {load.name}, an order each a day:")
    rows += [cost_row(one) for one in work]
    rows.append(f"  together {cost.total([*rest, *work]):.2f}, of it {cost.total(rest):.2f} while nothing happens")
    today = datetime.now(UTC).date().isoformat()
    return "\n".join([*rows, *(f"  note: {one}" for one in cost.warnings(parameters, load, today))])


def cost_row(one: Line) -> str:
    """One line of the bill."""
    switch = f"  (off: --set {one.switch})" if one.switch and one.usd else ""
    amount = f"{one.quantity:,.0f}" if one.quantity >= 1 or not one.quantity else f"{one.quantity:.2g}"
    return f"    {one.usd:>9.4f}  {one.item}: {amount} x {one.price.unit} at {one.price.usd:f}{switch}"


def next_text(outputs: Mapping[str, str], plan: Plan) -> str:
    """What comes after a deploy."""
    from stratofold.cloud.stack import address_here

    rows = [f"webhook: {address_here(outputs.get('WebhookUrl', ''))}"]
    if plan.new:
        rows += [
            "next: stratofold cloud secret alpaca-key-id; stratofold cloud secret alpaca-secret-key; stratofold cloud secret webhook; stratofold move --to cloud"
        ]
    return "\n".join(rows)


@verb
def destroy(
    stack: StackName = None,
    region: Region = None,
    *,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go and what would stay, and stop.")
    ] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Take a stack away; the archive stays, with everything that its books ever recorded."""
    from stratofold.cli.cloud_settings import artifacts_of, journal_of
    from stratofold.cloud.destroy import destroy as take_away
    from stratofold.cloud.destroy import held_at_venue, inventory, refuse_busy

    place = stack_of(stack, region)
    found = inventory(place)
    journal = journal_of(place) if found.table else None
    if journal is not None:
        refuse_busy(journal)
    kept = held_at_venue(journal) if journal is not None else {}
    if not json:
        for book, positions in kept.items():
            typer.echo(f"{book} holds {', '.join(positions)}: that stays at the venue, and nobody watches it any more")
        typer.echo(f"goes: {found.resources} resources of {place.name}, {found.secrets} secrets, its packages")
        typer.echo(f"stays: s3://{found.archive}" if found.archive else "stays: nothing")
    if dry_run or (not yes and (json or not typer.confirm(f"destroy {place.name}?"))):
        if json:
            told = {"resources": found.resources, "archive": found.archive, "positions": kept}
            show_json({"stack": place.name, "destroyed": False, **told})
        return
    with working(f"destroying {place.name}"):
        left = take_away(place, found, journal, artifacts_of(place) if journal is not None else None)
    said = {
        "stack": place.name,
        "destroyed": True,
        "archive": left.archive,
        "objects": left.objects,
        "sealed": left.sealed,
        "positions": kept,
    }
    if json:
        show_json(said)
    else:
        typer.echo(
            f"{place.name} is gone; left: s3://{left.archive} with {left.objects} objects"
            if left.archive
            else f"{place.name} is gone; nothing is left"
        )
