"""SQL over a catalogue: DuckDB, with a view for each kind.

What comes in: a catalogue and the text of a query.
What goes out: columns and rows, or a file of them.
Why it is shaped so: a view reads exactly the files that the manifest names, not whatever lies in the folders.  It is put
together year by year, each with the bounds of its time, so that a filter on `time` rules out years before any file of theirs
is opened, as one on `symbol`, `source`, `span` or `year` does by the names of the folders.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.errors import Setup
from stratofold.market.catalogue.layout import parse
from stratofold.market.catalogue.manifest import damaged

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from stratofold.market.catalogue.catalogue import Catalogue

_ZONED = "TIMESTAMP WITH TIME ZONE"


class Answer(NamedTuple):
    """Names of the columns, and the rows; times are UTC without saying so."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(catalogue: Catalogue, text: str) -> Answer:
    """What a query answers; raises Setup SFC17 for one that DuckDB refuses, SFC18 where it is not installed, Stop SFC27."""
    with connected(catalogue) as connection:
        relation = _asked(connection, text)
        if relation is None:
            return Answer((), [])
        names = tuple(relation.columns)
        return Answer(names, _unzoned(relation).fetchall())


def export(catalogue: Catalogue, text: str, file: Path) -> int:
    """Write what a query answers to a CSV or Parquet file, by its ending; the number of rows.  Raises as `query` does."""
    kinds = {".csv": "CSV, HEADER", ".parquet": "PARQUET, COMPRESSION ZSTD"}
    if file.suffix not in kinds:
        raise Setup(
            "SFC19",
            f"nothing is written as {file.suffix or 'a file without an ending'}",
            place=str(file),
            fix="end it in .csv or .parquet",
        )
    with connected(catalogue) as connection:
        relation = _asked(connection, text)
        if relation is None:
            raise _refused("it answers nothing")
        count = connection.execute(
            f"COPY ({_statement(text)}) TO {quoted(str(file))} (FORMAT {kinds[file.suffix]})"
        ).fetchone()
        return int(count[0]) if count else 0


def connected(catalogue: Catalogue) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory with a view for each kind that the catalogue has."""
    try:
        import duckdb
    except ImportError:
        raise Setup(
            "SFC18",
            "DuckDB is not installed",
            why="it is 70 MB, which only `data sql` needs",
            fix="pip install 'stratofold[sql]'",
        ) from None
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, view in views(catalogue).items():
        try:
            connection.execute(f"CREATE VIEW {name} AS {view}")
        except duckdb.Error as error:
            raise damaged(catalogue.shelf.place, error) from None
    return connection


def views(catalogue: Catalogue) -> dict[str, str]:
    """The view of each kind as SQL."""
    by_kind: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in catalogue.manifest.files:
        series, year = parse(path)
        by_kind[series.kind][year].append(catalogue.shelf.path(path))
    return {kind: _view(years) for kind, years in by_kind.items()}


def _view(years: dict[int, list[str]]) -> str:
    # The paths are our own, and quoted.
    return " UNION ALL BY NAME ".join(
        f"SELECT * FROM read_parquet([{', '.join(quoted(path) for path in paths)}], hive_partitioning = true, "
        f"hive_types = {{'year': INTEGER, 'symbol': VARCHAR, 'source': VARCHAR}}) "
        f"WHERE time >= TIMESTAMPTZ '{year}-01-01 00:00:00+00' AND time < TIMESTAMPTZ '{year + 1}-01-01 00:00:00+00'"
        for year, paths in sorted(years.items())
    )


def quoted(text: str) -> str:
    """Text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _statement(text: str) -> str:
    return text.strip().rstrip(";")


def _asked(connection: duckdb.DuckDBPyConnection, text: str) -> duckdb.DuckDBPyRelation | None:
    """The query, understood; nothing of it has run yet."""
    import duckdb

    try:
        return connection.sql(_statement(text))
    except duckdb.Error as error:
        raise _refused(str(error)) from None


def _refused(why: str) -> Setup:
    return Setup(
        "SFC17", "the query was refused", place="the query", why=why.strip().replace("\n", "\n       "),
        fix="the tables are the catalogue's kinds: SELECT symbol, time, close FROM bars WHERE symbol = 'SPY' AND time >= '2020-01-01'",
    )  # fmt: skip


def _unzoned(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Times as UTC: Python's own zones are not asked for, which would need another package."""
    import duckdb

    names = ['"' + name.replace('"', '""') + '"' for name in relation.columns]
    shown = [
        f"{name}::TIMESTAMP AS {name}" if str(kind) == _ZONED else name
        for name, kind in zip(names, relation.types, strict=True)
    ]
    try:
        return relation.project(", ".join(shown))
    except duckdb.Error as error:
        raise _refused(str(error)) from None
