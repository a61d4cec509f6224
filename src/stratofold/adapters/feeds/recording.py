"""What feeds say, kept to the byte: frames with the time at which each came, and the same played back.

What comes in: frames as they arrive; or a recording.
What goes out: a file for each connection, `received frame` a line, compressed; or words, through the venue's own session.
Why it is shaped so: a parser that was wrong is mended and the recording read again, which normalised rows do not allow; and
a recorder that is killed leaves everything but its last second.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stratofold.adapters.feeds.spoken import garbled
from stratofold.adapters.network.moments import SECOND_NS
from stratofold.errors import Retry, Setup, Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from stratofold.adapters.feeds.session import Session, Venue
    from stratofold.adapters.feeds.spoken import Named
    from stratofold.adapters.ports import Clock

FLUSH_NS = SECOND_NS
_OPENED = b'{"opened":'


class Opened(msgspec.Struct):
    """The line with which a connection begins."""

    opened: str
    symbols: list[str]


_opened = msgspec.json.Decoder(Opened).decode


def opening(venue: str, symbols: Sequence[str]) -> bytes:
    """A connection's first frame, which is ours: whom it asked for what."""
    return msgspec.json.encode(Opened(venue, list(symbols)))


class Recorder:
    """A supervisor's tap that writes `folder/name_<connection>.jsonl.gz`, each flushed once a second."""

    def __init__(self, folder: Path, name: str) -> None:
        """Makes the folder; raises Stop SF985 where that cannot be."""
        self.folder = folder
        self.name = name
        self.frames = 0
        self.bytes = 0
        self.paths: list[Path] = []
        self._files: dict[int, gzip.GzipFile] = {}
        self._flushed: dict[int, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritten(folder, error) from error

    def __call__(self, connection: int, received: int, data: bytes) -> None:
        """One frame; a line break in it, which JSON has only between its words, becomes a space."""
        try:
            file = self._files.get(connection) or self._begun(connection)
            file.write(b"%d %s\n" % (received, data.replace(b"\n", b" ")))
            if not 0 <= received - self._flushed.get(connection, 0) < FLUSH_NS:
                self._flushed[connection] = received
                file.flush()
        except OSError as error:
            raise unwritten(self.folder, error) from error
        self.frames += 1
        self.bytes += len(data)

    def _begun(self, connection: int) -> gzip.GzipFile:
        """A fresh file; one that is there is not touched."""
        path = self.folder / f"{self.name}_{connection}.jsonl.gz"
        file = gzip.GzipFile(path, "xb", compresslevel=6)
        self.paths.append(path)
        self._files[connection] = file
        return file

    def close(self) -> list[Path]:
        """End every file; their paths."""
        try:
            for file in self._files.values():
                file.close()
        except OSError as error:
            raise unwritten(self.folder, error) from error
        finally:
            self._files.clear()
        return self.paths


def frames_of(path: Path, notes: list[str] | None = None) -> Iterator[tuple[int, bytes]]:
    """The frames of a recording with the time at which each came; one that breaks off ends there, with a note.

    Raises Setup SF986 for a file that is no recording.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                received, space, data = line.partition(b" ")
                if not space or not received.isdigit() or len(received) > 19:
                    raise _no_recording(
                        path, number, "a line begins with the nanoseconds at which it came, and a space"
                    )
                if not data.endswith(b"\n"):
                    break  # the last line of a recorder that was killed
                yield int(received), data[:-1]
    except (EOFError, zlib.error) as error:
        if notes is not None:
            notes.append(f"{path.name} breaks off after {number:,} frames: {error}")
    except OSError as error:
        raise _no_recording(path, number, str(error)) from error


class Heard(NamedTuple):
    """A frame of a recording: when it came, and its words."""

    received: int
    words: list[Named]


def heard_in(
    path: Path, venues: Callable[[str], Venue], session: Session | None = None, notes: list[str] | None = None
) -> Iterator[Heard]:
    """The words of a recording, frame by frame; each opening begins a new session, as it did when it was recorded.

    `session` hears what comes before the first opening: the frames of a recorder that is not ours.  A frame that is none is
    left out with a note, as a supervisor would have opened anew.  Raises Setup SF986 where nobody says what was asked.
    """
    for number, (received, data) in enumerate(frames_of(path, notes), 1):
        if data.startswith(_OPENED):
            session = _session(path, number, data, venues)
            continue
        if session is None:
            raise _no_recording(path, number, "it does not say whose it is: give the venue and the symbols")
        try:
            yield Heard(received, session.hear(data, received))
        except Retry as error:
            if notes is not None:
                notes.append(f"{path.name}, line {number}: {error.what}")


def _session(path: Path, number: int, data: bytes, venues: Callable[[str], Venue]) -> Session:
    """The session of an opening."""
    try:
        opened = _opened(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _no_recording(path, number, str(garbled("a recorder", error).why)) from None
    return venues(opened.opened).session(opened.symbols)


async def replayed(frames: Iterator[Heard], clock: Clock, speed: float = 0.0) -> AsyncIterator[Named]:
    """The words of a recording `speed` times as fast as they came; 0 waits for nothing."""
    began = clock.monotonic()
    first: int | None = None
    for frame in frames:
        if speed > 0.0:
            first = frame.received if first is None else first
            due = began + int((frame.received - first) / speed)
            if (wait := due - clock.monotonic()) > 0:
                await clock.sleep(wait / SECOND_NS)
        for named in frame.words:
            yield named


def unwritten(folder: Path, error: OSError) -> Stop:
    """The error for a disk that does not take what was heard."""
    return Stop(
        "SF985", "the recording cannot be written", place=str(folder), why=str(error),
        fix="free some space, or record elsewhere: --folder",
    )  # fmt: skip


def _no_recording(path: Path, line: int, why: str) -> Setup:
    return Setup(
        "SF986", "this is no recording", place=f"{path}:{line}", why=why,
        fix="give a file of stratofold data record, or lines of nanoseconds, a space and the frame",
    )  # fmt: skip
