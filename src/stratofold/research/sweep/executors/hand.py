"""What runs in a process of this machine that works for a sweep: pieces in, cells out, until nobody asks.

What comes in: a line of JSON for each piece, an order.  What goes out: how many bytes an answer has, then the answer,
which is pickled: cells and the seconds that they took, or what was raised.
Why so: orders are short, so a driver that writes one never waits for a worker that writes its answer.
"""

from __future__ import annotations

import json
import pickle
import signal
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stratofold.research.sweep.executors.packed import compute

if TYPE_CHECKING:
    from stratofold.research.sweep.executors.packed import Order

HEAD = struct.Struct("<Q")
IDLE_SECONDS = 60


def serve(orders: int, answers: int) -> None:
    """Do what is asked for, by the numbers of two pipes' ends; end when nobody asks for a while, or nobody is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's processes the driver alone is asked to stop
    with suppress(BrokenPipeError), open(orders, "rb") as asked, open(answers, "wb") as said:
        _say(said, b"")  # it is there
        while line := _next(asked):
            _say(said, _answer(json.loads(line)))


def _next(asked: Any) -> bytes:
    """The next order's line, empty where nobody can send one any more; waiting for it in vain ends the process."""
    signal.alarm(IDLE_SECONDS)
    line: bytes = asked.readline()
    signal.alarm(0)
    return line


def _say(said: Any, body: bytes) -> None:
    """An answer, whole."""
    said.write(HEAD.pack(len(body)))
    said.write(body)
    said.flush()


def _answer(order: Order) -> bytes:
    """What comes of an order."""
    try:
        return pickle.dumps(compute(order), protocol=5)
    except Exception as raised:  # noqa: BLE001  whatever it is, it is the driver's to raise
        return _refusal(raised)


def _refusal(raised: Exception) -> bytes:
    """What was raised, or its text where it does not travel."""
    try:
        body = pickle.dumps(raised)
        pickle.loads(body)  # noqa: S301  our own
    except Exception:  # noqa: BLE001  an exception may refuse in any way
        return pickle.dumps(RuntimeError(f"{type(raised).__name__}: {raised}"))
    return body
