"""`stratofold demo`: a real strategy on real prices, its numbers and its report."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from stratofold.cli.output import Debug, Json, show_json, verb, working


@verb
def demo(
    *,
    out: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("stratofold-report.html"),
    execution: Annotated[str, typer.Option(help="auto, interpreted, compiled or frozen.")] = "auto",
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run multi-asset momentum on the shipped sample, print its numbers and write its report."""
    import stratofold
    from stratofold.strategies import Momentum

    data = stratofold.sample("us14")
    # Interactive Brokers' fixed schedule for US shares (2024), and half of a typical spread of the shipped names.
    keywords: dict[str, Any] = {
        "fees": stratofold.Fees(per_share=0.005, minimum=1.0, maximum_fraction=0.01),
        "slippage": stratofold.Slippage(proportional=0.0001),
        "execution": execution,
    }
    with working("running Momentum on 14 US stocks and funds") as progress:
        started = perf_counter()
        result = stratofold.backtest(Momentum, data, progress=progress, **keywords)
        seconds = perf_counter() - started
        written = result.report(out)
    if json:
        show_json({**result.as_dict(), "seconds": seconds, "report": str(written)})
        return
    typer.echo(str(result))
    typer.echo(f"\n{len(data.time):,} bars in {seconds:.2f} s, {result.execution}\nreport: {written.resolve()}")
    typer.echo("\nnext: stratofold init my_idea")
