"""A worker: one piece of work in, its cells out; the same function whoever calls it, on any machine.

What comes in: an order, which is data: a parcel's hash, where its sets of parameters are, what the answer is called.
What goes out: an answer on the shelf, put once.
Why so: doing an order twice is doing it once, so anybody may call it again.  A worker imports the standard library, NumPy and
this package, and keeps what it has opened for the next order.
"""

from __future__ import annotations

import json
import time
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Error, Setup
from stratofold.research.sweep.cells import Cells, Leg
from stratofold.research.sweep.executors.parcel import opened
from stratofold.research.sweep.executors.shelf import checked
from stratofold.research.sweep.executors.work import Bench, Work, joined
from stratofold.research.sweep.place import own_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.research.sweep.executors.parcel import Opened
    from stratofold.research.sweep.executors.shelf import Shelf
    from stratofold.research.sweep.place import Place

_OPENED_MAX = 8

_bench = Bench()
_opened: dict[str, Opened] = {}


class Answer(NamedTuple):
    """What came of an order: of which place, sets and part of the events, how long it took, its cells, or why it is refused."""

    name: str
    place: str
    sets: list[dict[str, Any]]
    keep: int
    ends: bool
    seconds: float
    cells: Cells
    refused: dict[str, str]


def perform(shelf: Shelf, order: Mapping[str, Any]) -> dict[str, Any]:
    """Do an order and put its answer on the shelf; returns its name and the seconds that it took."""
    begun = time.perf_counter()
    work, cells, taken = Work(0), Cells(), 0.0
    refused: dict[str, str] = {}
    try:
        _refuse_other_program(order["program"])
        work = work_of(shelf, order)
        place = _place(shelf, order["parcel"], work.sets[0])
        cells, taken = timed(_bench, place, work, order["execution"])
    except Error as error:
        refused = error.as_dict()
    answer = Answer(
        order["name"], order["place"], [*work.sets], work.leg.keep, work.leg.ends, taken, cells, refused
    )  # fmt: skip
    shelf.put(order["aside" if refused else "goal"], written([answer]))
    return {"goal": order["goal"], "seconds": time.perf_counter() - begun}


def timed(bench: Bench, place: Place, work: Work, execution: str) -> tuple[Cells, float]:
    """Cells, and how many seconds they take; laying out, which the first cell of a place waits for, is left out."""
    if bench.knows(place) or len(work.sets) == 1:
        begun = time.perf_counter()
        return bench.run(place, work, execution), time.perf_counter() - begun
    first = bench.run(place, work.part(0, 1), execution)
    begun = time.perf_counter()
    rest = bench.run(place, work.part(1, len(work.sets)), execution)
    taken = time.perf_counter() - begun
    return joined([first, rest]), taken * len(work.sets) / (len(work.sets) - 1)


def program_hash() -> str:
    """The hash of everything of ours that a cell's figures depend on."""
    from stratofold.kernel.sources import engine_hash

    return sha256(f"{engine_hash()}\n{own_hash()}".encode()).hexdigest()


def _refuse_other_program(program: str) -> None:
    """Raise Setup SFS65 where this worker has another version: its cells would be another program's."""
    if program != program_hash():
        what = "the workers have another version of stratofold"
        why = f"theirs is {program_hash()[:8]}, yours is {program[:8]}, and cells equal single backtests to the bit"
        raise Setup(
            "SFS65", what, why=why, fix="give them this version: stratofold cloud sweeps, or build their image anew"
        )


def _place(shelf: Shelf, digest: str, parameters: Mapping[str, Any]) -> Place:
    """The place of a parcel, its kernel taken up."""
    if digest not in _opened:
        while len(_opened) >= _OPENED_MAX:
            del _opened[next(iter(_opened))]
        found = opened(shelf, digest)
        if found.kernel:
            _take_up(found, parameters)
        _opened[digest] = found
    return _opened[digest].place


def _take_up(found: Opened, parameters: Mapping[str, Any]) -> None:
    """Have the frozen kernel of a place used by every run of it."""
    from stratofold import kernel
    from stratofold.research.sweep.laid import prepare_cell

    place = found.place
    run = prepare_cell(place.strategy, place.market, place.options, parameters)
    kernel.adopt(found.kernel, run.engine, run.strategy, run.feed, out=True)


def work_of(shelf: Shelf, order: Mapping[str, Any]) -> Work:
    """What an order is about: sets of parameters, and the states to go on from, which are a part of a longer list."""
    sets, begun = listed(checked(shelf.get(order["sets"], order["first"], order["bytes"]), order["digest"]))
    return Work(0, tuple(sets), Leg(begun, order["keep"], order["ends"]))


def list_of(work: Work) -> bytes:
    """Sets of parameters and states as bytes."""
    line = {"sets": list(work.sets), "begun": [len(state) for state in work.leg.begun]}
    return json.dumps(line).encode() + b"\n" + b"".join(work.leg.begun)


def listed(body: bytes) -> tuple[list[dict[str, Any]], tuple[bytes, ...]]:
    """Sets of parameters and states out of bytes."""
    end = body.index(b"\n") + 1
    line = json.loads(body[:end])
    return line["sets"], _apart(body, end, line["begun"])


def _apart(body: bytes, at: int, lengths: Sequence[int]) -> tuple[bytes, ...]:
    """What stands one after the other."""
    ends = list(accumulate(lengths, initial=at))
    return tuple(body[one:other] for one, other in pairwise(ends))


def written(answers: Sequence[Answer]) -> bytes:
    """Answers as bytes: of each a line of JSON, then its figures, a column after the other, little-endian, then its states."""
    body = bytearray()
    for each in answers:
        cells = each.cells
        line = each._asdict() | {
            "cells": {"errors": cells.errors, "notice": cells.notice},
            "columns": list(cells.columns), "states": [len(state) for state in cells.states],
        }  # fmt: skip
        body += json.dumps(line).encode() + b"\n"
        for column in cells.columns.values():
            body += np.asarray(column, "<f8").tobytes()
        body += b"".join(cells.states)
    return bytes(body)


def read(body: bytes) -> Iterator[Answer]:
    """Answers out of bytes."""
    at = 0
    while at < len(body):
        end = body.index(b"\n", at)
        line = json.loads(body[at:end])
        cells, states = Cells(**line.pop("cells")), line.pop("states")
        at, count = end + 1, len(cells.errors)
        columns = {}
        for name in line.pop("columns"):
            columns[name] = np.frombuffer(body, "<f8", count, at).astype(np.float64)
            at += 8 * count
        cells.columns, cells.states = columns, list(_apart(body, at, states))
        at += sum(states)
        yield Answer(**line, cells=cells)
