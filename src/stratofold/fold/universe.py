"""Liquid names as of the simulated day: who belongs to the universe is worked out from sessions that are over.

What comes in: every bar.  What goes out: whether a symbol belongs, and its rank.  Nothing of today is used today.
"""

from array import array

from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.fold.indicators.ranks import Median
from stratofold.fold.ledger import integers, zeros

BY = {"median dollar volume": True, "median volume": False}


class Universe:
    """The `top` symbols by the median of their dollar (or unit) volume over the last `days` sessions."""

    __slots__ = (
        "counted",
        "in_money",
        "medians",
        "members",
        "rank",
        "seen",
        "session",
        "symbol_count",
        "top",
        "volume",
    )

    def __init__(self, symbol_count: int, top: int, by: str, days: int) -> None:
        """Nobody belongs until `days` sessions are over; raises Setup for a measure or a size that is none."""
        if by not in BY:
            raise Setup(
                "SF121", f"a universe by {by!r} is unknown", fix="use " + " or ".join(repr(name) for name in BY)
            )
        if top < 1 or days < 1:
            raise Setup("SF122", f"a universe of top={top} over days={days} is empty", fix="use whole numbers from 1")
        self.symbol_count: int = symbol_count
        self.top: int = top
        self.in_money: bool = BY[by]
        self.session: int = -1
        self.medians: list[Median] = [Median(days) for _ in range(symbol_count)]
        self.volume = zeros(symbol_count)
        self.counted = zeros(symbol_count)
        self.seen = integers(symbol_count)
        self.members = integers(symbol_count)
        self.rank: array[int] = array("q", [-1]) * symbol_count

    def update(self, bar: Bar) -> None:
        """Take a bar; at the first of a new session the universe is picked anew from the sessions before."""
        if bar.session != self.session:
            if self.session >= 0:
                self._turn()
            self.session = bar.session
        symbol = bar.symbol
        self.seen[symbol] = 1
        self.volume[symbol] += bar.volume * bar.close if self.in_money else bar.volume

    def has(self, symbol: int) -> bool:
        """Whether `symbol` belongs today."""
        return self.members[symbol] != 0

    def _turn(self) -> None:
        """A session is over: count it, and rank."""
        for symbol in range(self.symbol_count):
            if self.seen[symbol] != 0:
                self.counted[symbol] = self.medians[symbol].update(self.volume[symbol])
                self.volume[symbol] = 0.0
        for symbol in range(self.symbol_count):
            self.rank[symbol] = self._rank(symbol)
            self.members[symbol] = 1 if 0 <= self.rank[symbol] < self.top else 0

    def _rank(self, symbol: int) -> int:
        """How many symbols are more liquid (the lower handle first among equals), -1 without a full window."""
        mine = self.counted[symbol]
        if not mine > 0.0:
            return -1
        above = 0
        for other in range(self.symbol_count):
            if self.counted[other] > mine or (self.counted[other] == mine and other < symbol):
                above += 1
        return above
