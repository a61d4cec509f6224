"""The hash chain over a book's records: one value that changes with any byte of any record before it.

What comes in: the chain so far and one record's parts.  What goes out: the chain with that record in it.
Why it is shaped so: whoever writes a record and whoever checks one must mean the same bytes, so the rule stands once,
needs the standard library alone, and reads as the sentence in docs/live.md does.  Every part is preceded by its
length, so that no byte can move from one part to the next unseen; the envelope goes in as its own digest, so that a
decision part can be shown to somebody, and proved, without what is around it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GENESIS = bytes(32)


@lru_cache(maxsize=4)
def _digest(envelope: bytes) -> bytes:
    """The digest of an envelope, which the records of one step share."""
    return sha256(envelope).digest()


@lru_cache(maxsize=64)
def _head(kind: str) -> tuple[bytes, Callable[..., bytes]]:
    """A kind's name, and what packs sequence, length of the name, name and length of the body one after another."""
    name = kind.encode()
    return name, Struct(f">QH{len(name)}sQ").pack


def link(previous: bytes, sequence: int, kind: str, body: bytes, envelope: bytes) -> bytes:
    """The chain value (32 bytes) of a record after `previous`; `GENESIS` stands before the first."""
    name, pack = _head(kind)
    head = pack(sequence, len(name), name, len(body))
    return sha256(previous + head + body + _digest(envelope)).digest()
