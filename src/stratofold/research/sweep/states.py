"""Where the finished cells of a study stood, so that a market that has grown costs its new days alone.

What comes in: places, their cells' names, and the states that the cells were kept in on their way.
What goes out: for a place whose market goes on from an earlier one's, the states to go on from.
Why so: a state is found again by the cell that left it, and holds for any market that agrees with that cell's up to the
stage (`stages.seen`): same code, same costs, same bars so far.  States are a convenience: where one is lost or does not
fit, its cell is computed from the beginning, and nothing else changes.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stratofold.research.sweep.kept import Kept
from stratofold.research.sweep.stages import Stage, last_stage, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.research.sweep.naming import Words
    from stratofold.research.sweep.place import Place
    from stratofold.research.sweep.store import Store

_BARS_MIN = 10_000  # of a cell: a shorter one is computed in the time that its state takes to the disk and back
_BYTES_MAX = 1 << 31  # of a study's states: ten thousand cells of a hundred symbols
_PLACES_KEPT = 2  # of one lineage: the last, and the one before, in case the last was broken off


class States:
    """The states that a study keeps of its cells; without a folder none."""

    def __init__(self, store: Store) -> None:
        """Of a study's store; nothing is read yet."""
        self._store = store
        self._stages: dict[str, dict[str, Any]] = store.page.setdefault("stages", {})
        self._courses: dict[str, Course] = {}
        self._left = _BYTES_MAX - sum(store.state_bytes().values())

    def course(self, place: Place) -> Course:
        """How the cells of a place run: where from, and where they are kept."""
        found = self._courses.get(place.hash)
        if found is None:
            found = self._courses[place.hash] = self._new_course(place)
        return found

    def _new_course(self, place: Place) -> Course:
        """As the study's page has it: the longest market that this one goes on from."""
        is_kept = self._store.folder is not None and len(place.market) >= _BARS_MIN
        stage = last_stage(place) if is_kept else None
        if stage is None:
            return Course(place, None)
        lineage = _lineage(place)
        known = {name: Stage(*row["stage"]) for name, row in self._stages.items() if row["lineage"] == lineage}
        for name, at in sorted(known.items(), key=lambda row: -row[1].events):
            if name != place.hash and at.events <= stage.events and seen(place, at) == self._stages[name]["seen"]:
                return Course(place, stage, name, self._store)
        return Course(place, stage)

    def begin(self, places: Sequence[Place]) -> None:
        """Put the places' stages on the page, so that the states that follow are found again."""
        for place in places:
            stage = self.course(place).stage
            if stage is not None:
                row = {"lineage": _lineage(place), "stage": list(stage), "seen": seen(place, stage)}
                self._stages.pop(place.hash, None)
                self._stages[place.hash] = row

    def add(self, place: Place, names: Sequence[str], states: Sequence[bytes]) -> None:
        """Keep the states of finished cells, as long as there is room; raises Stop SFS18 where the disk does not take them."""
        rows = [(name, state) for name, state in zip(names, states, strict=True) if state]
        size = sum(len(state) for _, state in rows)
        if rows and size <= self._left:
            self._left -= size
            self._store.add_states(place.hash, rows)

    def tidy(self) -> None:
        """Let go of states that two longer markets have left behind, and of the oldest where there is little room."""
        for course in self._courses.values():
            course.close()
        sizes = self._store.state_bytes()
        by_lineage: dict[str, list[str]] = {}
        for name, row in list(self._stages.items()):
            if name in sizes:
                by_lineage.setdefault(row["lineage"], []).append(name)
            else:
                del self._stages[name]
        left_behind = [name for names in by_lineage.values() for name in names[:-_PLACES_KEPT]]
        in_use = {name for here, course in self._courses.items() for name in (here, course.before)}
        old = [name for name in self._stages if name not in in_use]
        total = sum(sizes.values())
        for name in dict.fromkeys([*left_behind, *old]):
            if name in left_behind or total > _BYTES_MAX // 2:
                total -= sizes[name]
                self._drop(name)

    def _drop(self, name: str) -> None:
        """Forget a place's states."""
        del self._stages[name]
        self._store.drop_states(name)


class Course:
    """How the cells of one place run: kept at `stage`, and begun from what the cells of an earlier place left."""

    def __init__(self, place: Place, stage: Stage | None, before: str = "", store: Store | None = None) -> None:
        """`store` has the states of the place called `before`, by the names of its cells."""
        self.stage = stage
        self._place = place
        self.before = before
        self._store = store

    @property
    def keep(self) -> int:
        """The number of events after which a cell is kept; 0: it is not."""
        return self.stage.events if self.stage is not None else 0

    @cached_property
    def _states(self) -> Kept:
        """The states, whose files are mapped when the first is asked for."""
        return Kept() if self._store is None else self._store.states(self.before)

    def close(self) -> None:
        """Let go of the states' files."""
        kept = self.__dict__.pop("_states", None)
        if kept is not None:
            kept.close()

    def begun(self, words: Words) -> tuple[bytes, ...]:
        """The state that each cell goes on from, empty where there is none; nothing at all where there are none.

        `words` are what of the cells' names is their parameters' (`Place.words`).
        """
        if not len(self._states):
            return ()
        found = tuple(map(self._states.get, self._place.named(words, self.before)))
        return found if any(found) else ()


def _lineage(place: Place) -> str:
    """What a market that has grown has in common with what it was: the code, the costs, whose bars, and since when."""
    market, hashes = place.market, place.hashes
    words = (hashes["code"], hashes["costs"], market.symbols, market.span_ns, int(market.time[0]))
    return hashlib.sha256(repr(words).encode()).hexdigest()[:32]
