"""`stratofold verify`: fold a run's own inputs again, and say whether it decided the same."""

from typing import Annotated, Any

import typer

from stratofold.cli import job as jobs
from stratofold.cli.cloud_settings import Cloud, Region, StackName, home_of
from stratofold.cli.home import BookName, HomePath, head_of, strategy_as_run, strategy_of
from stratofold.cli.output import Debug, Exit, Json, show_json, verb
from stratofold.errors import Setup

Set = Annotated[list[str] | None, typer.Option("--set", help="With another parameter: --set fast=10.")]


@verb
def verify(
    book: BookName = None,
    *,
    change: Set = None,
    against: Annotated[
        str | None, typer.Option(help="Also compare with a backtest on these data: sample, or a path.")
    ] = None,
    slippage: jobs.Slips = None,
    fees: jobs.Charges = None,
    home: HomePath = None,
    cloud: Cloud = False,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Print *identical*, or the first decision that differs and its cause. Exit code 3 when it differs."""
    from dataclasses import asdict

    from stratofold.live.desk import manifest_of
    from stratofold.live.verify import verify as fold_again

    journal = home_of(home, cloud=cloud, stack=stack, region=region).journal()
    name = head_of(journal, book).book
    manifest = manifest_of(journal, name)
    strategy = _strategy(journal, name, manifest.strategy)
    receipt = fold_again(journal, name, strategy, instead=changed(manifest, change))
    other = backtest_of(journal, name, manifest, strategy, against, slippage, fees) if against is not None else None
    if json:
        show_json({**asdict(receipt), "identical": receipt.identical, "against": other})
    else:
        typer.echo(text_of(receipt, against, other))
    return Exit.DONE if receipt.identical and not other else Exit.CHECK_FAILED


def _strategy(journal: Any, book: str, spec: str) -> type[Any]:
    """The strategy as its file is now, since a change of it is what is looked for; where the file is gone, as it ran."""
    try:
        return strategy_of(spec)
    except Setup:
        strategy = strategy_as_run(journal, book)
        typer.echo(f"{spec} is not there any more: verified with the code that the journal kept", err=True)
        return strategy


def changed(manifest: Any, sets: list[str] | None) -> Any:
    """The manifest with other parameters, None when none were given."""
    import msgspec

    if not sets:
        return None
    values = {key: jobs.value_of(text) for key, _, text in (one.partition("=") for one in sets)}
    return msgspec.structs.replace(manifest, parameters={**manifest.parameters, **values})


def backtest_of(
    journal: Any, book: str, manifest: Any, strategy: type[Any], against: str, slippage: str | None, fees: str | None
) -> str | None:
    """The first difference from a backtest of the same days, None when there is none."""
    import stratofold
    from stratofold.live.verify import Fill, bars_of, compare_runs

    bars = bars_of(journal, book)
    data = jobs.market(against if against != "sample" else jobs.default_sample(None), list(manifest.symbols))
    data = data.subset(manifest.symbols, bars[0].time - manifest.span_ns + 1, bars[-1].time)
    result = stratofold.backtest(
        strategy, data, execution="interpreted", cash=manifest.capital,
        slippage=jobs.cost("slippage", slippage), fees=jobs.cost("fees", fees),
        limits=stratofold.Limits(**manifest.limits), **manifest.parameters,
    )  # fmt: skip
    frame = result.fills.to_polars()
    rows = (
        frame.with_columns(frame["time"].dt.epoch("ns"))
        .select("number", "symbol", "side", "quantity", "price", "time")
        .rows()
    )
    fills = [Fill(row[0], row[1], 1 if row[2] == "buy" else -1, *row[3:]) for row in rows]
    theirs = zip(
        data.time.tolist(), [data.symbols[k] for k in (data.symbol.tolist() * (1 if len(data.symbols) > 1 else len(data.time)))],
        data.open.tolist(), data.high.tolist(), data.low.tolist(), data.close.tolist(), data.volume.tolist(), strict=False,
    )  # fmt: skip
    return compare_runs(journal, book, theirs, fills)


def text_of(receipt: Any, against: str | None, other: str | None) -> str:
    """A receipt for a person."""
    lines = [
        f"{receipt.book}: {receipt.steps:,} steps folded again: {'identical' if receipt.identical else 'DIFFERENT'}"
    ]
    lines.append(f"  decisions {receipt.decisions[:16]}")
    found = receipt.difference
    if found is not None:
        lines += [
            f"  first at record {found.sequence}, step {found.step}, in its {found.part}",
            f"    was: {found.was}", f"    now: {found.now}", f"    cause: {found.cause}",
        ]  # fmt: skip
    if against is not None:
        lines.append(f"  against a backtest of the same days: {'same fills, to the cent' if other is None else other}")
    return "\n".join(lines)
