"""Tariffs out of the price book.

What comes in: memory and processor of a worker.  What goes out: what its seconds and calls cost.
"""

from __future__ import annotations

from stratofold.adapters.aws.prices import PRICES
from stratofold.research.sweep.executors.money import Tariff

OVERHEAD_SECONDS = 0.6  # of a call: a cold start in the worst case, fetching, putting
_GETS, _PUTS = 3, 1  # of an order: its parameters, its parcel and market where they are new; its answer
_STATES_BYTES = 64 * 1024 * 1024  # memory that an express workflow is billed in
_STATE_SECONDS = 0.1  # and time


def of_lambda(memory_mb: int, architecture: str) -> Tariff:
    """A function of AWS's, called by whoever."""
    second = _usd(f"lambda {architecture}") * memory_mb / 1024
    piece = _usd("lambda requests") + _GETS * _usd("archive gets") + _PUTS * _usd("archive puts")
    return Tariff(second, piece, 2 * _usd("archive puts"), OVERHEAD_SECONDS)


def of_states(memory_mb: int, architecture: str) -> Tariff:
    """The same, called by an express workflow of Step Functions: one a piece, billed for as long as it waits."""
    called = of_lambda(memory_mb, architecture)
    waits = _usd("express time") * _STATES_BYTES / 2**30
    return Tariff(
        called.second_usd + waits, called.piece_usd + _usd("express workflows") + waits * _STATE_SECONDS,
        called.look_usd, called.overhead_seconds,
    )  # fmt: skip


def _usd(name: str) -> float:
    """A price of the book."""
    return float(PRICES[name].usd)
