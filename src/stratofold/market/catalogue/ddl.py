"""Tables of other engines over the same files: what Athena and Redshift Spectrum must be told.

What comes in: the kinds of a catalogue, and where its files lie in S3.
What goes out: statements.
Why it is shaped so: the files say their own columns, but both engines want them declared, each with its own names of types
and its own way of learning which partitions there are.
Sources: Amazon Athena, "Partitioning data"; Amazon Redshift, "CREATE EXTERNAL TABLE" and "ALTER TABLE ADD PARTITION".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.market.catalogue.kinds import BARS, TINY, TRUTH, columns_of
from stratofold.market.catalogue.layout import parse
from stratofold.market.catalogue.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

ATHENA, REDSHIFT = "athena", "redshift"
_REDSHIFT_TYPES = {"double": "double precision", "string": "varchar(65535)", TINY: "smallint", TRUTH: "boolean"}
_PARTITIONS_A_STATEMENT = 100


def statements(engine: str, paths: Iterable[str], location: str, schema: str) -> list[str]:
    """The statements that make tables of the files of a catalogue; raises Setup SFC20 for an engine or a location that cannot be."""
    if engine not in (ATHENA, REDSHIFT):
        raise Setup("SFC20", f"there is no dialect {engine!r}", fix="use athena or redshift")
    if not location.startswith("s3://"):
        raise Setup(
            "SFC20", f"{location!r} is no place in S3", fix="write s3://bucket/prefix, where the catalogue's files are"
        )
    listed = sorted(paths)
    kinds = sorted({parse(path)[0].kind for path in listed})
    place = location.rstrip("/")
    if engine == ATHENA:
        return [one for kind in kinds for one in _athena(kind, place, schema)]
    return [
        one
        for kind in kinds
        for one in _redshift(kind, place, schema, [path for path in listed if path.startswith(f"kind={kind}/")])
    ]


def partition_columns(kind: str) -> tuple[tuple[str, str], ...]:
    """The columns that are folders."""
    span = (("span", "string"),) if kind == BARS else ()
    return (("source", "string"), *span, ("symbol", "string"), ("year", "int"))


def _athena(kind: str, location: str, schema: str) -> list[str]:
    columns = ",\n  ".join(f"`{name}` {word}" for name, word in columns_of(kind))
    partitions = ", ".join(f"`{name}` {word}" for name, word in partition_columns(kind))
    create = (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{schema}`.`{kind}` (\n  {columns}\n)\nPARTITIONED BY ({partitions})\n"
        f"STORED AS PARQUET\nLOCATION '{location}/kind={kind}/'\nTBLPROPERTIES ('parquet.compression' = 'ZSTD');"
    )
    return [create, f"MSCK REPAIR TABLE `{schema}`.`{kind}`;"]


def _redshift(kind: str, location: str, schema: str, paths: list[str]) -> list[str]:
    columns = ",\n  ".join(f'"{name}" {_REDSHIFT_TYPES.get(word, word)}' for name, word in columns_of(kind))
    partitions = ", ".join(
        f'"{name}" {"varchar(200)" if word == "string" else word}' for name, word in partition_columns(kind)
    )
    table = f'"{schema}"."{kind}"'
    create = (
        f"CREATE EXTERNAL TABLE {table} (\n  {columns}\n)\nPARTITIONED BY ({partitions})\nSTORED AS PARQUET\n"
        f"LOCATION '{location}/kind={kind}/';"
    )
    folders = sorted({path.rpartition("/")[0] for path in paths})
    return [create, *_added(table, location, folders)]


def _added(table: str, location: str, folders: list[str]) -> list[str]:
    """Redshift finds no partitions by itself; a hundred go into one statement."""
    found = []
    for first in range(0, len(folders), _PARTITIONS_A_STATEMENT):
        some = folders[first : first + _PARTITIONS_A_STATEMENT]
        parts = "\n".join(
            f"  PARTITION ({_values(folder)}) LOCATION {quoted(f'{location}/{folder}/')}" for folder in some
        )
        found.append(f"ALTER TABLE {table} ADD IF NOT EXISTS\n{parts};")
    return found


def _values(folder: str) -> str:
    series, year = parse(folder)
    named = {"source": series.source, "span": series.span, "symbol": series.symbol}
    return ", ".join([*(f'"{name}"={quoted(value)}' for name, value in named.items() if value), f'"year"={year}'])
