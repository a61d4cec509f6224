"""`stratofold demo`: a real strategy on real prices, its numbers, its report, and the three executions side by side."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.output import Debug, Json, show_json, verb, working
from stratofold.cli.paper_demo import PaperDemo, paper_demo

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.research.backtest import Execution
    from stratofold.research.result import Result


@verb
def demo(
    *,
    out: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("stratofold-report.html"),
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Run multi-asset momentum on the shipped sample in all three executions, print its numbers and write its report."""
    import stratofold

    data = stratofold.sample("us14")
    with working("running Momentum on 14 US stocks and funds, three ways") as progress:
        runs = three_ways(data, progress)
        written = runs["interpreted"][0].report(out)
        paper = paper_demo(progress)
    result = runs["interpreted"][0]
    seconds = {name: taken for name, (_, taken) in runs.items()}
    same = len({run.fingerprint for run, _ in runs.values()}) == 1
    if json:
        show_json({
            **result.as_dict(), "seconds": seconds, "same_to_the_last_bit": same, "report": str(written),
            "paper": {"identical": paper.same, "events": paper.events, "orders": paper.orders, "fills": paper.fills,
                      "equity": paper.equity, "backtest_equity": paper.backtest_equity, "seconds": paper.seconds},
        })  # fmt: skip
        return
    typer.echo(str(result))
    typer.echo(f"\n{len(data.time):,} bars, three executions of one source:")
    for name, taken in seconds.items():
        typer.echo(f"  {name:<12} {taken:8.3f} s")
    typer.echo(f"equal to the last bit: {'yes' if same else 'NO - please report this'}")
    typer.echo(text_of(paper))
    typer.echo(f"report: {written.resolve()}\n\nnext: stratofold init my_idea")


def text_of(paper: PaperDemo) -> str:
    """The paper run beside the backtest of the same days."""
    verdict = "identical" if paper.same else f"DIFFERENT ({paper.difference or paper.receipt.difference})"
    return (
        f"\nthe last year again, on paper: {paper.events:,} events, {paper.orders} orders, {paper.fills} fills through journal, "
        f"deliver and a paper exchange ({paper.seconds:.0f} s)\n"
        f"  equity {paper.equity:,.2f}, backtest of the same days {paper.backtest_equity:,.2f}\n"
        f"  receipt: {verdict} ({paper.receipt.steps:,} steps folded again, decisions {paper.receipt.decisions[:16]})"
    )


def three_ways(data: Any, progress: "Callable[[str], None]") -> "dict[str, tuple[Result, float]]":
    """Momentum interpreted, compiled and frozen: result and seconds of each, without what is paid once."""
    import stratofold
    from stratofold.strategies import Momentum

    # Interactive Brokers' fixed schedule for US shares (2024), and half of a typical spread of the shipped names.
    costs: dict[str, Any] = {
        "fees": stratofold.Fees(per_share=0.005, minimum=1.0, maximum_fraction=0.01),
        "slippage": stratofold.Slippage(proportional=0.0001),
    }

    def timed(execution: "Execution", **more: Any) -> "tuple[Result, float]":
        started = perf_counter()
        result = stratofold.backtest(Momentum, data, execution=execution, progress=progress, **costs, **more)
        return result, perf_counter() - started

    runs = {"interpreted": timed("interpreted")}
    timed("compiled")  # the first one compiles
    runs["compiled"] = timed("compiled")
    with TemporaryDirectory() as folder:
        progress("freezing Momentum to a file")
        file = stratofold.freeze(Momentum, data, Path(folder) / "momentum.kernel")
        runs["frozen"] = timed("frozen", kernel=file)
    return runs
