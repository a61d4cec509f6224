"""Bytes in; words, rows or a typed error out: no door for others' bytes raises anything else, or hangs."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.parsers import PARSERS

ROOT = Path(__file__).parents[2]

# What spoils text: digits and the marks of JSON, numbers and CSV, and what no text has.
MARKS = b'0123456789"{}[],:.-+eEnulINFN<>&;\n\r\t \x00\x7f\x80\xc3\xff'
FILES = {"csv file", "parquet file", "arrow file", "lines of numbers"}  # a trial of these takes milliseconds

# What was found, and must stay mended: the door, and bytes that it once raised something else for.
FOUND = [
    ("lines of numbers", b"1,2.5,buy,x,true\0"),
    ("lines of numbers", b"1,2.5,buy,\xff,true\n"),
    ("packets", b"\0\x1fA" + b"SESSION001" + b"\x1f1".rjust(20)),
    ("recording", b'1 {"opened":"binance","symbols":["BTC\x82"]}\n'),
    ("manifest", b'{"\xfa":1}'),
    ("csv file", b"time,price,size\n99999999999999999999,1.0,1.0\n"),
    ("csv file", b"time,open,high,low,close,volume\n99999999999999999999,1,1,1,1,1\n"),
    ("csv file", b"time,price,size\n1e300,1.0,1.0\n2e300,1.0,1.0\n"),
    ("csv file", b"time,price,size\n1709294400,1.0,\xff\xfe\n"),
    ("csv file", b"time,open,high,low,close,volume\n20000000000.0,1,1,1,1,1\n"),
    ("csv file", b"time,price,size\n1709294400,1.0\r0,1.0"),
    ("csv file", b"time,open,high,low,close,volume\n1709294520000000000,0,12.0,13.0,11.02.0,12.0\n"),  # a date
]


def spoilt(seed, random):
    """Good bytes with up to four places exchanged, lost or added, or cut short."""
    data = bytearray(seed)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        new = bytes(
            random.choice(MARKS) if random.random() < 0.7 else random.randrange(256)
            for _ in range(random.randint(0, 5))
        )
        data[place : place + random.randint(0, 6)] = new
    return bytes(data[: random.randrange(len(data) + 1)] if random.random() < 0.1 else data)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PARSERS)
def test_what_is_spoilt_by_chance(name):
    parser, random = PARSERS[name], Random(name)
    for seed in parser.seeds:
        parser.hear(seed)
    for _ in range(25 if name in FILES else 150):
        parser.hear(spoilt(random.choice(parser.seeds), random))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_stays_mended(name, data):
    PARSERS[name].hear(data)


# Guided by which branches are reached: nightly, in an environment that has atheris.


def guided(name, folder, seconds):
    """A run of atheris at a parser; its exit code, and what it said last."""
    from stratofold.cloud.local.environment import python_with

    python = python_with(ROOT / "requirements" / "nightly.txt")
    command = [str(python), "-m", "tests.fuzz.guided", name, str(folder / "corpus"), f"-max_total_time={seconds}",
               "-max_len=2000", "-timeout=10", "-rss_limit_mb=3000", f"-artifact_prefix={folder}/"]  # fmt: skip
    path = os.pathsep.join((str(ROOT), str(ROOT / "src"), *sys.path))
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        timeout=seconds + 300,
        check=False,
    )
    return done.returncode, done.stderr[-3000:].decode(errors="replace") + done.stdout[-1000:].decode(errors="replace")


@pytest.mark.nightly
@pytest.mark.parametrize("name", PARSERS)
def test_what_atheris_thinks_of(name, tmp_path):
    code, said = guided(name, tmp_path, 20)
    assert code == 0, said
    assert "Done" in said


@pytest.mark.nightly
def test_atheris_finds_what_is_hidden(tmp_path):
    code, said = guided("trap", tmp_path, 60)
    assert code != 0
    assert "LookupError" in said or list(tmp_path.glob("crash-*"))
