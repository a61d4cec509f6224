"""SQL over a study: DuckDB reads its files where they are.

What comes in: a study.  What goes out: a connection with two views: `cells`, those that the study shows, and
`everything` that was ever computed for the study.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.sweep.store import parts_of

if TYPE_CHECKING:
    import duckdb

    from stratofold.research.sweep.study import Study


def connected(study: Study) -> tuple[duckdb.DuckDBPyConnection, Any]:
    """DuckDB with the views, and what it raises; raises Setup SFS29 where it is not installed."""
    try:
        import duckdb
    except ImportError:
        why = "it is 70 MB, which nothing else of a sweep needs"
        raise Setup("SFS29", "DuckDB is not installed", why=why, fix="pip install 'stratofold[sql]'") from None
    import polars as pl

    connection = duckdb.connect()
    folder = study.store.folder
    files = [str(path) for path in parts_of(folder)] if folder is not None else []
    if files:
        listed = ", ".join(_quoted(name) for name in files)
        source = f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608  quoted
        connection.execute(f"CREATE VIEW everything AS {source}")
    else:
        connection.register("everything", study.store.frame())
    current = ", ".join(_quoted(place) for place in study.store.page.get("current", [])) or "''"
    chosen = f"SELECT * FROM everything WHERE place IN ({current})"  # noqa: S608  quoted
    if study.asked is not None:
        connection.register("asked", pl.DataFrame({"cell": study.asked}))
        chosen += " AND cell IN (SELECT cell FROM asked)"
    connection.execute(f"CREATE VIEW cells AS {chosen}")
    return connection, duckdb.Error


def refused(text: str, wrong: Exception) -> Setup:
    """A query that DuckDB does not take."""
    is_reserved = re.search(r"""\bwindow\b(?!["'])""", text) is not None
    fix = 'window is a word of SQL: write "window" in quotes' if is_reserved else "select * from cells limit 5"
    return Setup("SFS30", f"the query is refused: {str(wrong).splitlines()[0]}", place=text, fix=fix)


def _quoted(text: str) -> str:
    """Text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
