"""What is recorded is what was said, to the byte; played back it is heard as it was; and it is in the catalogue."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import threading
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.catalogue import catalogue
from stratofold.adapters.feeds.recording import Recorder, frames_of, heard_in, replayed
from stratofold.cli.app import app
from stratofold.cli.data_record import venue_of
from stratofold.errors import Setup, Stop
from tests.conversations.streams import ABORT, STAY, Server, streaming
from tests.conversations.test_supervisor import DONE, depth, snapshot, trade
from tests.patience import PATIENCE_SECONDS, until_it
from tests.unit.feeds.itch_encoder import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

WHOLE = 12  # frames of the script: with two openings and two snapshots


class Counting(Recorder):
    """Interrupts the command when everything was recorded."""

    count = 0

    def __call__(self, connection: int, received: int, data: bytes) -> None:
        super().__call__(connection, received, data)
        Counting.count = self.frames
        if self.frames == WHOLE:
            os.kill(os.getpid(), signal.SIGINT)


def recorded_until(count: int) -> Callable[[], Awaitable[bool]]:
    """The venue's waiting until so many frames were recorded."""
    return partial(until_it, lambda: Counting.count >= count)


SCRIPT = (
    [DONE, trade(1), depth(1, 2), recorded_until(5), depth(3, 5), trade(2), recorded_until(7), ABORT],
    [DONE, trade(3), depth(9, 9), STAY],
)
ANSWERS = [snapshot(2), snapshot(8)]


@contextmanager
def beside(*connections: Any) -> Iterator[Server]:
    """The venue on a thread of its own, because a command has the loop of this one."""
    found: list[Server] = []
    ready, over = threading.Event(), threading.Event()
    answers = list(ANSWERS)

    async def serve() -> None:
        async with streaming(*connections, answers=lambda _: answers.pop(0)) as server:
            found.append(server)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield found[0]
    finally:
        over.set()
        thread.join()


def command(*words: Any) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, words)])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Path]:
    """A recording of a venue that breaks off once; what the command said; the catalogue."""
    folder = tmp_path_factory.mktemp("recorded")
    with beside(*SCRIPT) as server, pytest.MonkeyPatch.context() as patched:
        patched.setattr("stratofold.adapters.feeds.recording.Recorder", Counting)
        done = command(
            "record", "binance-spot", "AUSDT", "--folder", folder / "recordings", "--catalogue", folder / "market",
            "--url", f"ws://127.0.0.1:{server.port}/stream", "--rest-url", f"http://127.0.0.1:{server.port}", "--json",
        )  # fmt: skip
    said = json.loads(done.stdout)
    (path,) = (folder / "recordings").glob("*.jsonl.gz")
    return path, said, folder / "market"


def test_each_frame_is_kept_to_the_byte(recorded: tuple[Path, dict[str, Any], Path]) -> None:
    """With the openings, and the snapshots as frames beside the others."""
    frames = [data.decode() for _, data in frames_of(recorded[0])]
    opened = '{"opened":"binance-spot","symbols":["AUSDT"]}'
    shown = [f'{{"stream":"ausdt@snapshot","data":{body.decode()}}}' for _, body in ANSWERS]
    first, second = (
        [line if isinstance(line, str) else json.dumps(line) for line in said[:-1] if not callable(line)]
        for said in SCRIPT
    )
    assert frames == [opened, *first[:3], shown[0], *first[3:], opened, *second, shown[1]]
    assert recorded[1]["frames"] == len(frames)


def test_the_rows_are_in_the_catalogue_once(recorded: tuple[Path, dict[str, Any], Path]) -> None:
    """Reading the recording again adds none."""
    path, said, market = recorded
    assert said["added"] == {"trades": 3, "depth": 2 + 1 + 2 + 1}
    rows = catalogue(market).frame("trades", "AUSDT")
    assert rows.select("price", "size", "aggressor", "id").rows() == [(2.5, 1.0, 1, number) for number in (1, 2, 3)]
    assert set(rows["received_ns"]) < {received for received, _ in frames_of(path)}
    again = command("replay", path, "--rows", "--catalogue", market, "--json")
    assert json.loads(again.stdout)["added"] == {"trades": 0, "depth": 0}


def test_it_is_played_back_at_any_speed(recorded: tuple[Path, dict[str, Any], Path]) -> None:
    """Word for word; at ten times its speed it takes a tenth of its time."""
    lines = [json.loads(line) for line in command("replay", recorded[0]).stdout.splitlines()]
    assert [line["source_sequence"] for line in lines if line["word"] == "trade"] == [1, 2, 3]
    assert [(line["source_sequence"], line["snapshot"]) for line in lines if line["word"] == "depth"] == [
        (2, True), (2, True), (5, False), (8, True), (8, True), (9, False),
    ]  # fmt: skip

    class Stepping(Clock):
        slept = 0.0

        def monotonic(self) -> int:
            return round(self.slept * 1e9)

        async def sleep(self, seconds: float) -> None:
            self.slept += seconds

    async def play() -> float:
        clock = Stepping()
        count = 0
        async for _ in replayed(heard_in(recorded[0], venue_of), clock, 10.0):
            count += 1
        assert count == len(lines)
        return clock.slept

    times = [received for received, _ in frames_of(recorded[0])]
    assert asyncio.run(play()) == pytest.approx((times[-1] - times[1]) / 1e10, abs=0.01)


def test_a_recording_that_breaks_off_is_read_to_there(
    recorded: tuple[Path, dict[str, Any], Path], tmp_path: Path
) -> None:
    """As a killed recorder leaves it."""
    whole = recorded[0].read_bytes()
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(whole[:-20])
    notes: list[str] = []
    found = list(frames_of(torn, notes))
    assert found == list(frames_of(recorded[0]))[: len(found)]
    assert len(found) >= 3
    assert "breaks off" in notes[0]


def test_what_is_written_is_there_a_second_later(tmp_path: Path) -> None:
    """Before anything is closed."""
    recorder = Recorder(tmp_path, "x")
    for second in (1, 3):
        recorder(0, second * 10**9, b'{\n"a":1}')
    assert list(frames_of(recorder.paths[0], [])) == [(1_000_000_000, b'{ "a":1}'), (3_000_000_000, b'{ "a":1}')]
    recorder.close()


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """With its place, and what a recording is."""
    plain = tmp_path / "notes.txt"
    for text in ("hello\n", "1 {}\n", '1 {"opened":3}\n'):
        plain.write_text(text)
        with pytest.raises(Setup, match="SF986"):
            list(heard_in(plain, venue_of))
    broken = tmp_path / "x.jsonl.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(Setup, match="SF986"):
        list(frames_of(broken))
    with pytest.raises(Setup, match="SF986"):
        list(frames_of(tmp_path / "none.gz"))


def test_a_frame_that_is_none_is_left_out_with_a_note(tmp_path: Path) -> None:
    """Its line is said."""
    path = tmp_path / "x.jsonl.gz"
    opened = '1 {"opened":"binance-spot","symbols":["AUSDT"]}'
    path.write_bytes(gzip.compress(f"{opened}\n2 {{nonsense\n3 {trade(7)}\n".encode()))
    notes: list[str] = []
    words = [word for frame in heard_in(path, venue_of, notes=notes) for _, word in frame.words]
    assert [word.source_sequence for word in words] == [7]
    assert "line 2" in notes[0]


def test_a_place_that_takes_no_recording_stops_it(tmp_path: Path) -> None:
    """Before anything is heard."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Stop, match="SF985"):
        Recorder(tmp_path / "file" / "in", "x")


def test_a_venue_that_says_nothing_is_told(tmp_path: Path) -> None:
    """And one that is none, and a symbol that is not there."""
    quick = "--minutes", 0.001, "--folder", tmp_path, "--json"
    wrong = command("record", "binance-spot", "AUSDT", *quick, "--url", "ws://127.0.0.1:1/stream")
    assert "SF988" in wrong.output
    assert "SFC16" in command("record", "nowhere", "AUSDT", *quick).output
    assert "SF987" in command("record", "coinbase", "", *quick).output
    with beside([{"id": 1, "error": {"code": -1121, "msg": "Invalid symbol."}}, STAY]) as server:
        refused = command("record", "binance-spot", "NONE", *quick[2:], "--url", f"ws://127.0.0.1:{server.port}/stream")
    assert "SF982" in refused.output


def test_a_session_of_nasdaq_is_read_with_its_day(tmp_path: Path) -> None:
    """Its times count from New York's midnight, which the file does not say."""
    session = Session(Random(3))
    session.begin()
    for _ in range(40):
        session.step()
    file = tmp_path / "day.itch"
    file.write_bytes(session.data)
    words = "replay", file, "--venue", "itch", "--symbols", "QQQ"
    lines = [json.loads(line) for line in command(*words, "--day", "2024-07-02").stdout.splitlines()]
    assert {line["symbol"] for line in lines} == {"QQQ"}
    assert min(line["time"] for line in lines) // 10**12 == 1_719_927_000 // 1000  # 09:30 in New York, in summer
    added = json.loads(
        command(*words, "--day", "2024-07-02", "--rows", "--catalogue", tmp_path / "m", "--json").stdout
    )["added"]
    assert added["depth"] == sum(line["word"] == "depth" for line in lines)
    assert "SF989" in command(*words, "--json").output
    assert "SF989" in command(*words, "--day", "yesterday", "--json").output


def test_a_recording_is_heard_without_a_key(tmp_path: Path) -> None:
    """But nobody records without one."""
    path = tmp_path / "massive.jsonl"
    path.write_text('1 {"opened":"massive","symbols":["SPY"]}\n2 [{"ev":"T","sym":"SPY","p":2.5,"s":3,"t":1}]\n')
    (line,) = (json.loads(text) for text in command("replay", path).stdout.splitlines())
    assert (line["symbol"], line["price"]) == ("SPY", 2.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stratofold.cli.data_record.settings_folder", lambda: tmp_path / "home")
        assert "SF821" in command("record", "massive", "SPY", "--folder", tmp_path, "--json").output
