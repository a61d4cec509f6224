"""A study: every cell of a sweep as a table, and what to ask of it.

What comes in: a store of finished cells, and (in the process that made them) the places they stand in.
What goes out: `Study`: a table, the best cells, SQL, the single backtest of any cell.
Why so: a study that was opened from its folder shows the same as the one that `sweep` returned; only what needs the
strategy's code asks for the places.
"""

from __future__ import annotations

from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from stratofold.errors import Setup
from stratofold.research.stats import as_text, words_for
from stratofold.research.sweep.columns import STATISTICS
from stratofold.research.sweep.objective import Objective, objectives_of
from stratofold.research.sweep.rows import OF_PLACE, column_of, parameter_of
from stratofold.research.sweep.store import PAGE, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from stratofold.research.result import Result
    from stratofold.research.sweep.importance import Share
    from stratofold.research.sweep.place import Place
    from stratofold.research.sweep.space import Parameters, Space
    from stratofold.research.validation.luck import Luck

Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")

_SHOWN = ("total_return", "max_drawdown", "trades")
_ROWS = 10
_SINGLE = ("cash", "fees", "slippage", "limits", "latency", "volume_cap", "borrow_rate", "risk_free", "grace_seconds", "base", "queue", "artifacts")  # fmt: skip


class Study:
    """The cells of a sweep.

    What `sweep` returns holds the cells that it was asked for; one that was opened, all that are kept of its last places.
    `table` is all of them as a polars frame, `best` the best one as a mapping, `top(n)` the best n, `front()` those that
    no other beats in every objective; `sql(text)` asks DuckDB, `result(cell)` runs one cell again as a backtest.
    `computed` and `reused` say how many cells this call computed and found, `continued` how many of the computed ones
    began where a shorter market had left them; `notices` what was chosen for you.
    """

    def __init__(
        self,
        store: Store,
        places: Sequence[Place] = (),
        spaces: Sequence[Space] = (),
        objectives: Sequence[Objective] = (),
        sampler: str = "",
    ) -> None:
        """Of a store; what `sweep` knows beside it is kept on the store's page."""
        self.store = store
        self.places = list(places)
        self.objectives = list(objectives)
        self.notices = store.notes
        self.computed = self.reused = self.continued = 0
        self._luck: tuple[Luck | None] | None = None
        self.asked: list[str] | None = None  # None: every cell of the current places
        self._spaces = list(spaces)
        self._sampler = sampler
        if places:
            self._put_down()
        else:
            self.objectives = list(objectives_of(store.page.get("objective", ["sharpe"])))
            self._note_died()

    def _note_died(self) -> None:
        """Say how many cells are not among those of a study that was opened because they failed for a passing reason."""
        died = sum(place in self.store.page.get("current", []) for place in self.store.died.values())
        if died:
            self.notices.append(
                f"{died:,} more died with their workers or had no more time: the same sweep tries them again"
            )

    def _put_down(self) -> None:
        """Write what the sweep is on the page."""
        page = self.store.page
        page["objective"] = [("-" if each.sign < 0 else "") + each.name for each in self.objectives]
        page["sampler"] = self._sampler
        page["varied"] = sorted(
            {*page.get("varied", []), *(column_of(each.name) for space in self._spaces for each in space.dimensions)}
        )
        page["current"] = [place.hash for place in self.places]
        page["places"] |= {place.hash: place.facts() for place in self.places}

    def narrow(self, asked: set[str]) -> None:
        """Show the cells of these names alone: those that this call asked for, where earlier ones have asked for more."""
        self.asked = sorted(asked) if len(asked) < len(self.tried()) else None

    def write_page(self) -> None:
        """Keep the page."""
        self.store.write_page()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.store.folder.name if self.store.folder is not None else "study"

    @property
    def varied(self) -> list[str]:
        """The columns of the parameters that are swept."""
        return list(self.store.page.get("varied", []))

    def varied_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Of a row, the parameters that are swept, by their own names."""
        return {parameter_of(name): row[name] for name in self.varied if row.get(name) is not None}

    @property
    def table(self) -> pl.DataFrame:
        """Every cell, in the order of places and parameters; a failed one has NaN, and says why in `error`."""
        return self._in_order(self._chosen(self.tried()))

    def tried(self) -> pl.DataFrame:
        """Every cell of the current places that this call or an earlier one has asked for."""
        return self.store.frame(self.store.page.get("current", []))

    def _chosen(self, rows: Frame) -> Frame:
        """Of all cells those that are shown."""
        import polars as pl

        return rows if self.asked is None else rows.filter(pl.col("cell").is_in(self.asked))

    def _in_order(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in the order of places and parameters."""
        if not len(frame):
            return frame
        order = {place: k for k, place in enumerate(self.store.page["current"])}
        keys = [name for name in self.varied if name in frame.columns]
        placed = frame.with_columns(frame["place"].replace_strict(order).alias("_order"))
        return placed.sort(["_order", *keys, "cell"], nulls_last=True).drop("_order")

    def ranked(self) -> pl.DataFrame:
        """The cells that have a number for the first objective, the best first; of equals the one that stands first."""
        table = self.table
        if not len(table):
            return table
        values = self.objectives[0].values(table)
        order = np.argsort(-values, kind="stable")
        found: pl.DataFrame = table[order[np.isfinite(values[order])].tolist()]
        return found

    def top(self, count: int = _ROWS) -> pl.DataFrame:
        """The best cells; of a study on disk the other cells' objective alone is read."""
        import polars as pl

        goal, values = self.objectives[0], self._values()
        if goal.function is not None or not len(values):
            return self.ranked().head(count)
        least = float(np.partition(values, -min(count, len(values)))[-min(count, len(values))])
        reached = (goal.sign * pl.col(goal.name) >= least) & pl.col(goal.name).is_finite()
        found = self._in_order(self._scan().filter(reached).collect())
        best: pl.DataFrame = found[np.argsort(-goal.values(found), kind="stable")[:count].tolist()]
        return best

    def known(self) -> set[str]:
        """The names of the study's finished cells."""
        return set(self._scan().select("cell").collect()["cell"].to_list())

    def _scan(self) -> pl.LazyFrame:
        """The study's cells, unread."""
        return self._chosen(self.store.scan(self.store.page.get("current", [])))

    def _values(self) -> Any:
        """The first objective of every cell that has a number, more is better."""
        goal = self.objectives[0]
        names = STATISTICS if goal.function is not None else (goal.name,)
        values = goal.values(self._scan().select(names).collect()) if len(self) else np.empty(0)
        return values[np.isfinite(values)]

    @property
    def best(self) -> dict[str, Any]:
        """The best cell as a mapping of its columns; raises Setup SFS26 where no cell has a number."""
        top = self.top(1)
        if not len(top):
            raise nothing(self.objectives[0])
        return top.row(0, named=True)

    def front(self) -> pl.DataFrame:
        """The cells that no other cell beats in one objective without losing in another (Pareto's front)."""
        table = self.table
        values = np.column_stack([objective.values(table) for objective in self.objectives])
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        rows = rows[np.lexsort(-values[rows].T[::-1])]
        kept: list[int] = []
        for row in rows:  # each can only be beaten by one before it
            others = values[kept]
            is_beaten = (others >= values[row]).all(axis=1) & (others > values[row]).any(axis=1)
            if not is_beaten.any():
                kept.append(int(row))
        return table[kept]

    def parameters_of(self, row: Mapping[str, Any]) -> Parameters:
        """The strategy's parameters of a row."""
        declared = self.place_of(row).strategy.parameters()
        return {name: type(each.default)(row[column_of(name)]) for name, each in declared.items()}

    def result(self, row: Mapping[str, Any] | str | None = None) -> Result:
        """The single backtest of a cell (a row, its name, or none for the best): all that the sweep left out."""
        from stratofold.research.backtest import backtest

        row = self.best if row is None else self.cell(row) if isinstance(row, str) else row
        place = self.place_of(row)
        keywords = {name: getattr(place.options, name) for name in _SINGLE}
        return backtest(place.strategy, place.market, **keywords, **self.parameters_of(row))

    def cell(self, name: str) -> dict[str, Any]:
        """The cell of that name, or of a name that begins so; raises Setup SFS27 where there is none, or more than one."""
        found = self.table.filter(self.table["cell"].str.starts_with(name))
        if len(found) != 1:
            what = f"{len(found) or 'no'} cells are called {name!r}"
            raise Setup("SFS27", what, place=self.name, fix="give its name as the table has it")
        return found.row(0, named=True)

    def place_of(self, row: Mapping[str, Any]) -> Place:
        """Where a cell stands; raises Setup SFS28 in a study that was opened from its folder."""
        for place in self.places:
            if place.hash == row["place"]:
                return place
        why = "its code and data are not in this process"
        raise Setup(
            "SFS28",
            "this cell can not be run here",
            why=why,
            fix="call sweep(..., study=) again: nothing is computed twice",
        )

    def sql(self, text: str) -> pl.DataFrame:
        """What DuckDB answers; the tables are `cells` and `everything`, which has older code's and other data's too."""
        import polars as pl

        from stratofold.research.sweep.sql import connected, refused

        connection, wrong = connected(self)
        try:
            answer = connection.execute(text)
            names = [column[0] for column in answer.description or ()]
            return pl.DataFrame(answer.fetchall(), schema=names, orient="row", infer_schema_length=None)
        except wrong as no:
            raise refused(text, no) from no
        finally:
            connection.close()

    def check(self) -> None:
        """Raise Setup where the study says nothing: every cell failed (SFS11), none traded (SFS12), no number (SFS26)."""
        table = self._chosen(self.tried())
        if len(table) and not table["error"].null_count():
            what = f"every cell failed, all {len(table):,} of them"
            first = self._in_order(table).row(0, named=True)
            raise Setup("SFS11", what, why=f"the first: {first['error']}", fix=f"run it alone: {self._alone(first)}")
        if len(table) and not (table["trades"].fill_nan(0).sum() or table["traded_value"].fill_nan(0).sum()):
            what = f"no cell has traded, and there are {len(table):,}"
            bars = np.nanmax(table["bars"].to_numpy())  # a cell that failed has heard none, and is no number
            failed = table["error"].count()
            why = f"the data have {bars:,.0f} bar{'s' if bars != 1 else ''}; a strategy that is still warming up does nothing"
            why += f"; {failed:,} of them failed" if failed else ""
            raise Setup("SFS12", what, why=why, fix="give more data than the longest window, or look at one cell alone")
        if len(table) and not np.isfinite(self.objectives[0].values(table)).any():
            raise nothing(self.objectives[0])

    def _alone(self, row: Mapping[str, Any]) -> str:
        """How a cell is run alone: with what is swept, and what else is not as it is declared."""
        declared, swept = self.place_of(row).strategy.parameters(), self.varied_of(row)
        values = {name: value for name, value in self.parameters_of(row).items() if value != declared[name].default}
        given = ", ".join(f"{name}={value!r}" for name, value in (swept | values).items())
        return f"backtest({row['strategy']}, data, {given})"

    def as_dict(self, count: int = _ROWS) -> dict[str, Any]:
        """For `--json`: what the study is, and its best cells."""
        return {
            "study": self.name,
            "objective": self.store.page.get("objective"),
            "cells": len(self),
            "computed": self.computed,
            "reused": self.reused,
            "continued": self.continued,
            "failed": self._failed(),
            "notices": self.notices,
            "best": self.top(count).to_dicts(),
            "luck": None if (luck := self.luck()) is None else luck._asdict(),
        }

    def __len__(self) -> int:
        """How many cells."""
        import polars as pl

        return int(self._scan().select(pl.len()).collect().item())

    def _failed(self) -> int:
        """How many cells have failed."""
        return int(self._scan().select("error").collect()["error"].is_not_null().sum())

    def luck(self) -> Luck | None:
        """How much of the best cell is luck, judged beside the others of its place (a sample of them where they are many).

        None where there is nothing to judge by: a single cell, too few sessions, or a study opened from its folder.
        """
        if self._luck is None:
            from stratofold.research.sweep.chance import luck_of

            self._luck = (luck_of(self),)
        return self._luck[0]

    def importance(self) -> list[Share]:
        """What share of the objective's variance goes with each parameter, the largest first; see `sweep.importance`."""
        from stratofold.research.sweep.importance import importance

        ranked = self.ranked()
        swept = {name: ranked[name] for name in self.varied if name in ranked.columns}
        numbers = {name: column.to_numpy() for name, column in swept.items() if not column.null_count()}
        return importance(numbers, self.objectives[0].values(ranked)) if len(ranked) else []

    def compared(self) -> dict[str, Any]:
        """The study in one row: cells, the objective's best, median and worst, the best cell's parameters."""
        top, values = self.top(1), self._shown()
        best = self.varied_of(top.row(0, named=True)) if len(top) else {}
        return {
            "study": self.name,
            "cells": len(self),
            "objective": self.objectives[0].text,
            "best": float(values[0]) if len(values) else nan,
            "median": float(np.median(values)) if len(values) else nan,
            "worst": float(values[-1]) if len(values) else nan,
            "parameters": " ".join(f"{name} {_short(value)}" for name, value in best.items()),
        }

    def report(self, path: str | Path) -> Path:
        """Write the study as one offline HTML page; returns its path.  Raises Setup SF502 where it cannot be written."""
        from stratofold.research.report import save
        from stratofold.research.sweep.report import page

        return save(page(self), Path(path))

    def __str__(self) -> str:
        return self.text()

    def text(self, count: int = _ROWS) -> str:
        """Counts, the best cells as a table, and how far the best stands out."""
        cells, failed, values = len(self), self._failed(), self._shown()
        places = len(self.store.page.get("current", []))
        head = f"{cells:,} cell{'s' if cells != 1 else ''}" + (f" in {places} places" if places > 1 else "")
        since = f" ({self.continued:,} of them from where they stood)" if self.continued else ""
        parts = [
            f"{self.computed:,} computed now{since}, {self.reused:,} known" if self.computed or self.reused else ""
        ]
        parts += [
            f"{failed:,} failed" if failed else "",
            f"{cells - failed - len(values):,} without a number" if len(values) + failed < cells else "",
        ]
        rows = [f"{head} ({', '.join(part for part in parts if part)})" if any(parts) else head, ""]
        rows += self._rows(self.top(count))
        if len(values):
            rows += ["", self._spread(values)]
        luck = self.luck()
        rows += [str(luck)] if luck is not None else []
        return "\n".join([*rows, *(f"note: {notice}" for notice in self.notices)])

    def __repr__(self) -> str:
        return str(self)

    def _rows(self, top: pl.DataFrame) -> list[str]:
        """The best cells as lines of text."""
        if not len(top):
            return [
                "no cell has a number for the objective" if len(self) else "no cell is finished yet: sweep it again"
            ]
        places = [name for name in OF_PLACE if top[name].n_unique() > 1 or self._has_many(name)]
        figures = list(dict.fromkeys([*(each.name for each in self.objectives if each.function is None), *_SHOWN]))
        names = [*places, *(name for name in self.varied if name in top.columns), *figures]
        lines = [[*names, "cell"]]
        for row in top.iter_rows(named=True):
            shown = [as_text(name, row[name]) if name in figures else _short(row[name]) for name in names]
            lines.append([*shown, row["cell"][:8]])
        lines[0] = [words_for(name).label if name in figures else name for name in names] + ["cell"]
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        return ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]

    def _shown(self) -> Any:
        """The first objective of every cell that has a number, the best first, where less may be better."""
        return self.objectives[0].sign * -np.sort(-self._values())

    def _has_many(self, name: str) -> bool:
        """Whether the places of the study differ in this."""
        page = self.store.page
        return len({page["places"][place][name] for place in page.get("current", [])}) > 1

    def _spread(self, values: Any) -> str:
        """The best beside the middle and the worst, and what that says."""
        name = self.objectives[0].text
        return (
            f"{name}: best {values[0]:.3f}, median {np.median(values):.3f}, worst {values[-1]:.3f}; "
            f"the best of {len(values):,} is partly luck"
        )


def _short(value: Any) -> str:
    """A parameter for a table."""
    return f"{value:g}" if isinstance(value, float) and isfinite(value) else str(value)


def nothing(objective: Objective) -> Setup:
    """No cell has a number."""
    return Setup(
        "SFS26",
        f"{objective.name} is NaN for every cell",
        why="the cells are finished and stored; another objective needs none of them computed again",
        fix='objective="total_return", or a function that returns a number',
    )


def open_study(study: str | Path) -> Study:
    """The study of that name or path as it is stored; raises Setup SFS19 where there is none."""
    from stratofold.research.sweep.store import is_place, place_of, read_page

    path = Path(study)
    if not is_place(study) and not (path / PAGE).exists():
        path = place_of(study)
    read_page(path)
    return Study(Store(path))
