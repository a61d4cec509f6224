"""Cleaning as a job: four files beside the one that came, none in its place, and the source out of two of them."""

import json

import polars as pl
import pytest

from stratofold.errors import Setup, Stop
from stratofold.market.cleaning import check, job
from stratofold.market.cleaning.page import page
from tests.unit.cleaning.test_rules import DAILY, again, put


@pytest.fixture
def dropped(tmp_path):
    path = tmp_path / "prices.csv"
    put(again(DAILY, 30, 31), 44, close=0.0).write_csv(path)
    return path


def test_what_is_written_beside_a_file(dropped):
    before = dropped.read_bytes()
    done = job.clean_file(dropped, dropped.parent, check(dropped))
    assert dropped.read_bytes() == before
    assert sorted(path.name for path in dropped.parent.iterdir()) == [
        "prices.changes.parquet", "prices.clean.parquet", "prices.csv", "prices.report.html", "prices.report.json",
    ]  # fmt: skip
    assert done.changed == 2
    assert pl.read_parquet(done.changes).select("rule", "source_row").rows() == [
        ("repeated row", 31),
        ("zero price", 44),
    ]
    assert json.loads((dropped.parent / "prices.report.json").read_text())["rows_in_error"] == 2


def test_again_gives_the_same_bytes(dropped, tmp_path):
    done = [job.clean_file(dropped, tmp_path / name, check(dropped)) for name in ("a", "b")]
    assert done[0].clean.read_bytes() == done[1].clean.read_bytes()
    assert done[0].changes.read_bytes() == done[1].changes.read_bytes()


def test_the_source_out_of_the_two_files(dropped, tmp_path):
    done = job.clean_file(dropped, tmp_path, check(dropped))
    target = tmp_path / "again.parquet"
    assert job.undo_file(done.clean, done.changes, target) == len(DAILY) + 1
    assert pl.read_parquet(target).equals(pl.read_csv(dropped, try_parse_dates=True))
    with pytest.raises(Setup, match="SF645"):
        job.undo_file(target, done.changes, tmp_path / "no.parquet")
    with pytest.raises(Setup, match="SF645"):
        job.undo_file(dropped, done.changes, tmp_path / "no.parquet")


def test_a_full_disk_leaves_nothing_that_looks_finished(dropped, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(Stop, match="SF646"):
        job.clean_file(dropped, tmp_path, check(dropped))
    assert not list(tmp_path.glob("*.clean.parquet"))
    assert not list(tmp_path.glob(".*"))


def test_a_file_is_taken_when_it_no_longer_grows_and_once(tmp_path):
    sizes = {}
    path = tmp_path / "a.csv"
    path.write_text("time,price,size\n")
    assert list(job.dropped(tmp_path, sizes)) == []  # seen for the first time
    path.write_text("time,price,size\n2024-01-02T15:00:00Z,1,1\n")
    assert list(job.dropped(tmp_path, sizes)) == []  # still growing
    assert list(job.dropped(tmp_path, sizes)) == [path]
    job.clean_file(path, tmp_path, check(path))
    assert list(job.dropped(tmp_path, sizes)) == []  # done, and what was written is not taken for more


def test_the_page_runs_nothing_and_shows_the_defects(dropped):
    table = put(again(DAILY, 30, 31), 44, close=0.0).with_columns(symbol=pl.lit("<script>alert(1)</script>"))
    text = page(check(table))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "zero price" in text
    assert text.count("<svg") == 3
    assert text.count("<circle") == 3
    assert len(text) < 30_000
