"""ITCH 5.0 as an exchange writes it, and a session of random orders with the naive book beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

OPEN_NS = 34_200 * 10**9


def message(kind: str, locate: int, time: int, rest: bytes) -> bytes:
    """A message with its length before it; `time` is ns since midnight."""
    whole = kind.encode() + pack(">HH", locate, 0) + time.to_bytes(6, "big") + rest
    return len(whole).to_bytes(2, "big") + whole


def directory(locate: int, name: str, time: int = 1) -> bytes:
    return message(
        "R", locate, time, name.ljust(8).encode() + b"QN" + pack(">I", 100) + b"NCZ PNN1N" + pack(">I", 0) + b"N"
    )


def event(code: str, time: int = 1) -> bytes:
    return message("S", 0, time, code.encode())


def added(locate: int, time: int, number: int, side: str, shares: int, name: str, price: int, by: bytes = b"") -> bytes:
    return message(
        "F" if by else "A",
        locate,
        time,
        pack(">QcI8sI", number, side.encode(), shares, name.ljust(8).encode(), price) + by,
    )


@dataclass
class Session:
    """A session in the making: its bytes, and what rests by order."""

    random: Random
    names: tuple[str, ...] = ("SPY", "QQQ")
    data: bytearray = field(default_factory=bytearray)
    resting: dict[int, tuple[int, str, int, int]] = field(default_factory=dict)  # number: locate, side, price, shares
    traded: Counter[str] = field(default_factory=Counter)
    number: int = 0
    time: int = OPEN_NS

    def begin(self) -> None:
        self.data += event("O")
        for locate, name in enumerate(self.names, 1):
            self.data += directory(locate, name)

    def step(self) -> None:
        """Something happens to an order."""
        self.time += self.random.randrange(1, 10**6)
        if not self.resting or self.random.random() < 0.4:
            self.add()
            return
        number = self.random.choice(list(self.resting))
        getattr(self, self.random.choice(["execute", "execute_at", "cancel", "delete", "replace"]))(number)

    def add(self) -> None:
        locate = self.random.randrange(1, len(self.names) + 1)
        side, shares, price = (
            self.random.choice("BS"),
            self.random.randrange(1, 500),
            self.random.randrange(1, 40) * 100,
        )
        self.number += 1
        by = self.random.choice([b"", b"NSDQ"])
        self.data += added(locate, self.time, self.number, side, shares, self.names[locate - 1], price, by)
        self.resting[self.number] = locate, side, price, shares

    def less(self, number: int, shares: int) -> None:
        locate, side, price, there = self.resting.pop(number)
        if there > shares:
            self.resting[number] = locate, side, price, there - shares

    def execute(self, number: int) -> None:
        locate, _, _, there = self.resting[number]
        shares = self.random.randrange(1, there + 1)
        self.data += message("E", locate, self.time, pack(">QIQ", number, shares, self.time))
        self.traded[self.names[locate - 1]] += shares
        self.less(number, shares)

    def execute_at(self, number: int) -> None:
        locate, _, price, there = self.resting[number]
        shares, printed = self.random.randrange(1, there + 1), self.random.choice("YN")
        self.data += message(
            "C", locate, self.time, pack(">QIQcI", number, shares, self.time, printed.encode(), price + 1)
        )
        self.traded[self.names[locate - 1]] += shares * (printed == "Y")
        self.less(number, shares)

    def cancel(self, number: int) -> None:
        locate, _, _, there = self.resting[number]
        shares = self.random.randrange(1, there + 1)
        self.data += message("X", locate, self.time, pack(">QI", number, shares))
        self.less(number, shares)

    def delete(self, number: int) -> None:
        locate = self.resting.pop(number)[0]
        self.data += message("D", locate, self.time, pack(">Q", number))

    def replace(self, number: int) -> None:
        locate, side, _, _ = self.resting.pop(number)
        shares, price = self.random.randrange(1, 500), self.random.randrange(1, 40) * 100
        self.number += 1
        self.data += message("U", locate, self.time, pack(">QQII", number, self.number, shares, price))
        self.resting[self.number] = locate, side, price, shares

    def levels(self) -> dict[tuple[str, int, float], float]:
        """What rests, by symbol, side and price."""
        found: Counter[tuple[str, int, float]] = Counter()
        for locate, side, price, shares in self.resting.values():
            found[self.names[locate - 1], 1 if side == "B" else -1, price / 10_000] += shares
        return {place: float(size) for place, size in found.items()}
