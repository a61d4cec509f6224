"""What a venue's stream is to the supervisor: a conversation without any I/O.

What comes in: frames, each with the time at which it came.
What goes out: words; messages to send; questions to ask over HTTP, whose answers come in as frames too.
Why it is shaped so: what is recorded is frames, so a recording is played back through this very door, and needs no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.adapters.feeds.spoken import Named


class Question(NamedTuple):
    """What must be asked over HTTP: a path and its query, for the sake of a symbol."""

    symbol: str
    path: str
    query: Mapping[str, str | int]


class Session(Protocol):
    """One connection's conversation, from its opening on."""

    outgoing: list[str]  # messages to send; who sends them takes them out
    questions: list[Question]  # the same, over HTTP

    def hear(self, data: bytes, received: int) -> list[Named]:
        """The words in a frame; raises Retry for a frame that is none (open anew), Stop for a refusal."""

    def frame_of(self, question: Question, body: bytes) -> bytes:
        """An answer over HTTP as a frame, to be heard as the others are."""

    def again(self, symbol: str) -> list[str]:
        """What to say so that a symbol that has fallen silent is sent anew; the others of the connection go on."""


class Venue(Protocol):
    """Where a stream is, and how one talks to it."""

    name: str
    stream_url: str
    rest_url: str
    symbols_max: int  # on one connection
    requests_per_minute: int

    def session(self, symbols: Sequence[str]) -> Session:
        """A conversation about some symbols, at its beginning."""
