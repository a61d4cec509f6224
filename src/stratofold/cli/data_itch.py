"""`stratofold data record itch`: a session of NASDAQ off the wire into a file of ITCH 5.0, as NASDAQ itself has it."""

from __future__ import annotations

import gzip
from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from stratofold.adapters.feeds.itch_stream import Login, mold_messages, soup_messages
from stratofold.adapters.network.wires import ANY, connect, listen
from stratofold.cli.until import go_on
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from stratofold.adapters.network.wires import Where

FORMS = "soup://USER@HOST:PORT, or mold://GROUP:PORT?answers=HOST:PORT&interface=ADDRESS"


class Wire(NamedTuple):
    """Where a session is said: over SoupBinTCP with a user, or in MoldUDP64's datagrams, with who sends them again."""

    scheme: str
    where: Where
    user: str = ""
    answers: Where | None = None
    interface: str = ANY


def wire_of(url: str) -> Wire:
    """The wire that an address names; raises Setup SF984 for one that names none."""
    try:
        return _wire(url)
    except ValueError:
        what = f"{url!r} is no address of an ITCH session" if url else "an ITCH session has no address of its own"
        raise Setup("SF984", what, place="the command line", fix=f"--url {FORMS}") from None


def _wire(url: str) -> Wire:
    """The same; raises ValueError."""
    parts = urlsplit(url)
    said = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
    answers = _where(said.pop("answers")) if "answers" in said else None
    interface = said.pop("interface", ANY)
    if said or parts.scheme not in ("soup", "mold") or (parts.scheme == "soup" and not parts.username):
        raise ValueError(url)
    return Wire(parts.scheme, _where(parts.netloc.rpartition("@")[2]), parts.username or "", answers, interface)


def _where(text: str) -> Where:
    """HOST:PORT; raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not 0 < int(port) < 65_536:
        raise ValueError(text)
    return host, int(port)


async def record_itch(wire: Wire, password: str, path: Path, minutes: float | None, say: Callable[[str], None]) -> int:
    """Write messages to a file until the session ends, the time is over or somebody interrupts; how many bytes.

    Raises Stop SF983, Retry SF980, NoAnswer, OSError.
    """
    taken = 0
    with gzip.open(path, "xb", compresslevel=6) as file:

        async def hear() -> None:
            nonlocal taken
            async with aclosing(_messages(wire, password)) as stream:
                async for messages in stream:
                    file.write(messages)
                    taken += len(messages)

        await go_on(hear(), minutes, lambda: say(f"{taken / 1e6:,.1f} MB of messages"))
    return taken


async def _messages(wire: Wire, password: str) -> AsyncGenerator[bytes]:
    """The messages of a wire."""
    from stratofold.adapters.clock import Clock

    if wire.scheme == "soup":
        stream = soup_messages(lambda: connect(wire.where), Login(wire.user, password), Clock(), Random())  # noqa: S311 - waiting times
        async for messages in stream:
            yield messages
        return
    heard = await listen(wire.where, answers=wire.answers, interface=wire.interface)
    try:
        async for messages in mold_messages(heard, Clock()):
            yield messages
    finally:
        await heard.close()
