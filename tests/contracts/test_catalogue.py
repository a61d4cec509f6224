"""What every shelf of a catalogue promises (`ports.Shelf`), in a folder and in buckets of three servers."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from stratofold.adapters import ports
from stratofold.adapters.aws import catalogue as aws
from stratofold.adapters.embedded import catalogue as embedded
from stratofold.cli.app import run
from stratofold.errors import Setup, Stop
from stratofold.market.catalogue.catalogue import Catalogue
from stratofold.market.catalogue.rows import nanoseconds
from tests.unit.catalogue.conftest import DAY, FIRST, bars


@pytest.fixture(params=["folder", "ministack", "moto", "weed"])
def shelf(request, tmp_path):
    """What makes a shelf on the same files, each as another machine would."""
    if request.param == "folder":
        return lambda machine="one": embedded.Shelf(tmp_path / "catalogue", make=True)
    server = request.getfixturevalue(request.param)
    bucket = server.bucket()
    return lambda machine="one": aws.Shelf(server.client(), bucket, "lake", tmp_path / machine)


def test_it_fulfils_the_port(shelf):
    assert isinstance(shelf(), ports.Shelf)


def test_what_one_machine_puts_in_another_reads(shelf):
    place = Catalogue(shelf())
    for symbol in ("A", "B/C"):
        place.append("bars", bars(500), "s", symbol=symbol, span="1d", calendar="24/7")
    other = Catalogue(shelf("two"))
    assert other.hash == place.hash
    assert other.symbols() == ("A", "B/C")
    assert other.bars("B/C").content_hash == place.bars("B/C").content_hash
    assert other.damaged() == []
    assert other.append("bars", bars(500), "s", symbol="A", span="1d").added == 0


def test_an_earlier_state_is_read_after_its_files_were_replaced(shelf):
    place = Catalogue(shelf())
    place.append("bars", bars(5), "s", symbol="A", span="1d")
    before = place.hash
    place.append("bars", bars(9), "s", symbol="A", span="1d")
    assert len(place.manifest.files) == 1
    assert len(Catalogue(shelf("two"), at=before).frame("bars", "A")) == 5
    assert len(Catalogue(shelf("two")).frame("bars", "A")) == 9


def test_who_looked_before_another_wrote_is_refused(shelf):
    one, two = shelf(), shelf("two")
    assert one.read() is None
    assert one.swap(None, b'{"files":{}}', "h1", b'{"added":[],"removed":{}}', None)
    assert not two.swap(None, b'{"files":{ }}', "h2", b'{"added":[],"removed":{}}', None)
    assert two.swap(b'{"files":{}}', b'{"files": {}}', "h3", b'{"added":[],"removed":{}}', None)
    assert one.read() == b'{"files": {}}'
    assert not one.swap(b'{"files":{}}', b"x", "h4", b'{"added":[],"removed":{}}', None)
    assert one.change("h3") == b'{"added":[],"removed":{}}'
    assert one.change("none") is None


def test_writers_at_once_lose_nothing(shelf):
    def write(number):
        own = Catalogue(shelf(f"machine {number}"))
        for day in range(2):
            own.append("bars", bars(1, FIRST + (1 + 2 * number + day) * DAY), "s", symbol="A", span="1d")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    assert nanoseconds(Catalogue(shelf()).frame("bars", "A")).to_list() == bars(6)["time"].to_list()


def test_a_file_that_is_not_there_is_named(shelf):
    with pytest.raises(Stop, match="SFC09"):
        shelf().path("kind=bars/x.parquet")


def test_nothing_there_is_said(tmp_path, ministack):
    with pytest.raises(Setup, match="SFC10: there is no catalogue at s3://"):
        aws.catalogue(ministack.client(), ministack.bucket(), "lake", tmp_path)


def test_what_a_lost_race_has_left_is_swept_when_it_is_old(tmp_path, ministack, monkeypatch):
    client, bucket = ministack.client(), ministack.bucket()
    place = aws.catalogue(client, bucket, "lake", tmp_path, make=True)
    place.append("bars", bars(5), "s", symbol="A", span="1d")
    folder = next(iter(place.manifest.files)).rpartition("/")[0]
    stray = f"lake/{folder}/{hashlib.sha256(b'stray').hexdigest()[:16]}.parquet"
    client.s3("PUT", bucket, stray, b"stray")
    place.append("bars", bars(6), "s", symbol="A", span="1d")
    assert client.s3("GET", bucket, stray).body == b"stray"  # it may be somebody's who is about to name it
    monkeypatch.setattr(aws, "ABANDONED_SECONDS", -1.0)
    place.append("bars", bars(7), "s", symbol="A", span="1d")
    assert sorted(path for path, _ in place.shelf._listed(folder)) == sorted(place.manifest.files)


def test_commands_speak_to_a_bucket(tmp_path, ministack, monkeypatch, capsys):
    bucket = ministack.bucket()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    bars(300).with_columns(pl.from_epoch("time", "ns").dt.date()).write_csv("A.csv")
    place = f"s3://{bucket}/lake"
    assert run(["data", "import", "A.csv", "--catalogue", place]) == 0
    assert run(["data", "sql", "select count(*) as n from bars", "--catalogue", place]) == 0
    assert "300" in capsys.readouterr().out
    (tmp_path / "s.py").write_text("from stratofold.strategies import Crossover\n")
    assert run(["backtest", "s.py", "--data", f"{place}#files/1d", "--symbols", "A"]) == 0
    assert run(["data", "ls", "--catalogue", "s3://"]) == 2
