"""`stratofold data show` and `stratofold data export`: rows for the eye, and rows for others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratofold.cli.catalogues import opened
from stratofold.cli.data import Folder, KindName, Source, Span, moment
from stratofold.cli.job import split
from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup

if TYPE_CHECKING:
    import polars as pl

    from stratofold.market.catalogue.catalogue import Catalogue
    from stratofold.market.data import MarketData
    from stratofold.market.tick_data import TickData

Start = Annotated[str | None, typer.Option(help="First day: 2015-01-01.")]
End = Annotated[str | None, typer.Option(help="Last day: 2020-12-31.")]
Adjust = Annotated[str, typer.Option(help="raw, splits or all (splits and dividends).")]
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 64
_DONE = {
    "splits": "prices before a split are divided by it",
    "all": "prices before a split or a dividend are adjusted by it",
}


@verb
def show(
    symbols: Annotated[str | None, typer.Argument(help="Which symbols, with commas. Default: all.")] = None,
    *,
    kind: KindName = "bars",
    source: Source = None,
    span: Span = None,
    start: Start = None,
    end: End = None,
    adjust: Adjust = "splits",
    html: Annotated[Path | None, typer.Option(help="Also write a chart of candles to this HTML file.")] = None,
    open: Annotated[bool, typer.Option("--open", help="Show the chart in the browser.")] = False,  # noqa: A002 - the word of `report`
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Show what there is of each symbol: a line in the terminal, candles in the browser with --open or --html.

    Of depth it is the book as it stands at the end of the range, of observations the values as they became known.
    """
    kind = kind or "bars"
    place = opened(catalogue, source=source, span=span, adjust=adjust)
    names = split(symbols) or None
    if kind == "bars":
        market: Any = place.bars(names, start, end)
        rows = [summary(market, name) for name in market.symbols]
    else:
        from stratofold.cli.data_show_ticks import ticks_shown

        rows, market = ticks_shown(place, kind, names, (start, end))
    page = html or (Path("chart.html") if open else None)
    if page is not None:
        _draw(market, kind, page, f"{kind} in {place.shelf.place}, state {place.hash[:12]}", _DONE.get(adjust))
    if json:
        show_json({"catalogue": place.shelf.place, kind: rows, "page": None if page is None else str(page)})
        return
    for row in rows:
        for line in _lines(kind, row):
            typer.echo(line)
    if page is not None:
        typer.echo(f"chart: {page}")
    if open and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _draw(market: Any, kind: str, page: Path, title: str, prices: str | None) -> None:
    """A page of candles; raises Setup SF661 for what has none."""
    if kind not in ("bars", "trades", "quotes"):
        raise Setup("SF661", f"there are no candles of {kind}", place="--html", fix="draw bars, trades or quotes")
    from stratofold.research.chart import AS_GIVEN, write

    write(market, page, title, prices or AS_GIVEN)


def _lines(kind: str, row: dict[str, Any]) -> list[str]:
    """A symbol's facts for a person."""
    if kind != "bars":
        from stratofold.cli.data_show_ticks import lines_of

        return lines_of(kind, row)
    return [
        f"{row['symbol']:<10} {row['sparkline']}  {row['low']:g} to {row['high']:g}, last {row['last']:g}",
        f"{'':<10} {row['rows']:,} bars, {row['from']:%Y-%m-%d} to {row['to']:%Y-%m-%d}",
    ]


def summary(market: "MarketData | TickData", name: str) -> dict[str, Any]:
    """One symbol in figures, and its closes (of quotes the middles) as a line of characters; raises Setup SF662 without any."""
    own = market.of(name)
    if not len(own.time):
        raise Setup(
            "SF662",
            f"{name} has no price here",
            why="each quote lacks a side, or is crossed",
            fix="stratofold data check",
        )
    return {
        "symbol": name, "rows": len(own.time), "from": moment(int(own.time[0])), "to": moment(int(own.time[-1])),
        "low": float(own.low.min()), "high": float(own.high.max()), "last": float(own.close[-1]),
        "sparkline": sparkline(own.close.tolist()),
    }  # fmt: skip


def sparkline(values: list[float], width: int = SPARK_WIDTH) -> str:
    """Values as bars of eight heights, thinned to a width; each place shows the last value of its stretch."""
    count = min(width, len(values))
    shown = [values[(k + 1) * len(values) // count - 1] for k in range(count)]
    low, high = min(shown), max(shown)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[round((value - low) * scale)] for value in shown)


@verb
def export(
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet or .arrow file.")],
    *,
    kind: KindName = "bars",
    symbols: Annotated[str | None, typer.Option(help="Which symbols, with commas. Default: all.")] = None,
    source: Source = None,
    span: Span = None,
    start: Start = None,
    end: End = None,
    adjust: Adjust = "raw",
    catalogue: Folder = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Write rows to a file: their symbol, their time in UTC (daily bars their date), and the columns of their kind."""
    place = opened(catalogue, source=source, span=span, adjust=adjust)
    rows = written(place, kind or "bars", split(symbols) or None, (start, end), file)
    if json:
        show_json({"rows": rows, "file": str(file), "state": place.hash})
    else:
        typer.echo(f"{rows:,} rows written to {file}")


def written(place: "Catalogue", kind: str, symbols: list[str] | None, bounds: tuple[Any, Any], file: Path) -> int:
    """Write rows of a catalogue to a file by its ending; their number.  Raises Setup SFC19 for an ending, Stop SFC05."""
    import polars as pl

    from stratofold.market.catalogue.append import unwritten

    if file.suffix not in (".csv", ".parquet", ".arrow"):
        raise Setup(
            "SFC19",
            f"nothing is written as {file.suffix or 'a file without an ending'}",
            place=str(file),
            fix="end it in .csv, .parquet or .arrow",
        )
    if kind == "bars":
        frame = _bars(place, symbols, bounds)
    else:
        frame = place.frame(kind, symbols, *bounds)
        nanoseconds = pl.col("time").dt.cast_time_unit("ns") + pl.duration(nanoseconds=pl.col("nanos").cast(pl.Int64))
        frame = frame.select("symbol", nanoseconds.alias("time"), pl.exclude("symbol", "time", "nanos"))
    try:
        if file.suffix == ".csv":
            frame.write_csv(file)
        elif file.suffix == ".parquet":
            frame.write_parquet(file)
        else:
            frame.write_ipc(file)
    except OSError as error:
        raise unwritten(str(file), error) from error
    return len(frame)


def _bars(place: "Catalogue", symbols: list[str] | None, bounds: tuple[Any, Any]) -> "pl.DataFrame":
    """Bars with the moment at which each was complete; daily ones with their date, as every reader understands them."""
    import polars as pl

    from stratofold.market.catalogue.decode import bar_frame
    from stratofold.market.sessions import DAY_NS

    market = place.bars(symbols, *bounds)
    frame = bar_frame(market)
    if market.span_ns == DAY_NS:
        date = pl.from_epoch(pl.col("time") - 1, "ns").dt.date()  # a bar that completes at midnight is the day's before
        return frame.select("symbol", date.alias("date"), pl.exclude("symbol", "time"))
    return frame.with_columns(pl.from_epoch("time", "ns").dt.replace_time_zone("UTC"))
