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

GENESIS = bytes(32)
_sequence_and_kind = Struct(">QH").pack
_length = Struct(">Q").pack


@lru_cache(maxsize=4)
def _digest(envelope: bytes) -> bytes:
    """The digest of an envelope, which the records of one step share."""
    return sha256(envelope).digest()


def link(previous: bytes, sequence: int, kind: str, body: bytes, envelope: bytes) -> bytes:
    """The chain value (32 bytes) of a record after `previous`; `GENESIS` stands before the first."""
    name = kind.encode()
    return sha256(
        b"".join(
            (
                previous,
                _sequence_and_kind(sequence, len(name)),
                name,
                _length(len(body)),
                body,
                _digest(envelope),
            )
        )
    ).digest()
