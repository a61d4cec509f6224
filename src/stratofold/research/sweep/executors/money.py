"""What workers elsewhere cost, and how much they may.

What comes in: seconds and pieces.  What goes out: dollars, from the dated price book; or a refusal before they are spent.
Why so: nobody asks what a sweep costs until the bill comes.  What is free in a month is left out: somebody else of the same
account may have used it.  Ignores: storage of a day, and what is sent out of the cloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stratofold.errors import Setup, Stop

_SMALL = 0.0001  # dollars: below that their digits are not those after the point


@dataclass(frozen=True)
class Tariff:
    """Dollars of a second of one worker, of one piece of work whatever it takes, and of each time that somebody looks."""

    second_usd: float = 0.0
    piece_usd: float = 0.0
    look_usd: float = 0.0
    overhead_seconds: float = 0.0  # of a piece, paid as its seconds are: fetching, putting, beginning


def dollars(amount: float) -> str:
    """An amount for people, however small: then its first two digits."""
    if amount >= _SMALL or not amount:
        return f"${amount:,.4f}"
    return f"${float(f'{amount:.2g}'):.9f}".rstrip("0")


@dataclass
class Purse:
    """What may be spent (`budget_usd`, None: anything), and what was."""

    tariff: Tariff | None
    budget_usd: Any = None
    spent_usd: float = 0.0

    def __post_init__(self) -> None:
        """Raise Setup SFS67 for a budget that is none, or of what has no known price; SFS68 where it is spent already."""
        if self.budget_usd is None:
            return
        is_number = isinstance(self.budget_usd, (int, float)) and not isinstance(self.budget_usd, bool)
        if not is_number or not self.budget_usd > 0:  # NaN, too: nothing is more than it
            raise Setup("SFS67", f"budget={self.budget_usd!r} buys nothing", fix="dollars above nothing: budget=0.50")
        if self.tariff is None:
            what = "nobody here knows what this executor costs, so no budget can be kept"
            raise Setup("SFS67", what, fix="leave budget= out, and limit it where the cloud is paid")
        if self.spent_usd >= self.budget_usd:
            what = f"the budget of {dollars(self.budget_usd)} is spent: this study has cost {dollars(self.spent_usd)}"
            raise Setup("SFS68", what, why="its finished cells are kept", fix='give it more, or executor="processes"')

    def price(self, pieces: int, seconds: float) -> float:
        """What so many pieces of so many seconds together cost."""
        if self.tariff is None:
            return 0.0
        paid = seconds + pieces * self.tariff.overhead_seconds
        return pieces * self.tariff.piece_usd + paid * self.tariff.second_usd

    def afford(self, pieces: int, seconds: float) -> None:
        """Raise Stop SFS69 where that would cost more than is left."""
        asked = self.price(pieces, seconds)
        if self.budget_usd is not None and self.spent_usd + asked > self.budget_usd:
            what = f"the rest would cost some {dollars(asked)}, and {dollars(self.budget_usd - self.spent_usd)} of the budget is left"
            why = f"{pieces:,} pieces of work, {seconds:,.0f} s of a worker together; finished cells are kept"
            raise Stop("SFS69", what, why=why, fix='a larger budget=, fewer cells, or executor="processes"')

    def pay(self, pieces: int = 0, seconds: float = 0.0, looks: int = 0) -> None:
        """Note what was spent."""
        self.spent_usd += self.price(pieces, seconds) + (looks * self.tariff.look_usd if self.tariff else 0.0)
