"""Files dropped into a bucket are cleaned as those dropped into a folder are, with the same report; on two servers."""

import json
import time

import polars as pl
import pytest

from stratofold.adapters.aws.drop import Drop
from stratofold.cli.app import run
from stratofold.cli.cleaning_places import Bucket
from stratofold.errors import Setup
from stratofold.market.cleaning.job import clean_name, is_source
from tests.unit.cleaning.test_rules import DAILY, again, put

DIRTY = put(again(DAILY, 30, 31), 44, close=0.0)


@pytest.fixture(params=["ministack", "weed"])
def server(request):
    return request.getfixturevalue(request.param)


def test_what_waits_is_fetched_and_what_is_made_is_put(server, tmp_path):
    client, bucket = server.client(), server.bucket()
    drop = Drop(client, bucket, "in/", (bucket, "out"))
    assert drop.waiting(is_source, clean_name) == []
    for name in ("b.csv", "sub/a b.parquet", "x.clean.parquet", "readme.md"):
        client.s3("PUT", bucket, f"in/{name}", b"1")
    assert drop.waiting(is_source, clean_name) == ["b.csv", "sub/a b.parquet"]
    path = drop.fetch("sub/a b.parquet", tmp_path)
    assert (path.name, path.read_bytes()) == ("a b.parquet", b"1")
    made = tmp_path / "a b.clean.parquet"
    made.write_bytes(b"2")
    assert drop.put("sub/a b.parquet", [made]) == [f"s3://{bucket}/out/sub/a b.clean.parquet"]
    assert drop.waiting(is_source, clean_name) == ["b.csv"]
    time.sleep(1.1)  # a bucket's clock has whole seconds
    client.s3("PUT", bucket, "in/sub/a b.parquet", b"3")
    assert drop.waiting(is_source, clean_name) == ["b.csv", "sub/a b.parquet"]  # it came again, with other bytes
    with pytest.raises(Setup, match="SF659"):
        drop.fetch("none.csv", tmp_path)


@pytest.fixture
def bucket(ministack, monkeypatch):
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    return ministack.bucket()


def said(capsys, *arguments):
    """Exit code, and the JSON on standard output."""
    return run(["data", "clean", *arguments, "--json"]), json.loads(capsys.readouterr().out)


def test_the_job_writes_into_a_bucket_what_it_writes_into_a_folder(ministack, bucket, tmp_path, capsys):
    client = ministack.client()
    here = tmp_path / "prices.csv"
    DIRTY.write_csv(here)
    client.s3("PUT", bucket, "in/prices.csv", here.read_bytes())
    client.s3("PUT", bucket, "in/letter.csv", b"dear,sir\n1,2\n")
    code, told = said(capsys, f"s3://{bucket}/in", "--watch", "--once")
    assert (code, len(told["files"]), told["files"][0]["changed"]) == (0, 1, 2)
    assert [error["code"] for error in told["errors"]] == ["SF640"]
    assert said(capsys, f"s3://{bucket}/in", "--watch", "--once")[1]["files"] == []
    assert said(capsys, str(here))[0] == 0
    for ending in (".clean.parquet", ".changes.parquet"):
        theirs = client.s3("GET", bucket, f"in/prices{ending}").body
        assert theirs == (tmp_path / f"prices{ending}").read_bytes()
    reports = [json.loads(text) for text in (client.s3("GET", bucket, "in/prices.report.json").body, (tmp_path / "prices.report.json").read_bytes())]  # fmt: skip
    assert [report["rows_in_error"] for report in reports] == [2, 2]
    assert client.s3("GET", bucket, "in/prices.report.html").body.startswith(b"<!doctype html")


def test_one_object_and_elsewhere(ministack, bucket, tmp_path, capsys):
    client = ministack.client()
    DIRTY.write_parquet(tmp_path / "p.parquet")
    client.s3("PUT", bucket, "in/p.parquet", (tmp_path / "p.parquet").read_bytes())
    code, told = said(capsys, f"s3://{bucket}/in/p.parquet", "--out", f"s3://{bucket}/clean")
    assert (code, told["files"][0]["clean"]) == (0, f"s3://{bucket}/clean/p.clean.parquet")
    (tmp_path / "back.parquet").write_bytes(client.s3("GET", bucket, "clean/p.clean.parquet").body)
    assert len(pl.read_parquet(tmp_path / "back.parquet")) == len(DIRTY) - 2


@pytest.mark.parametrize(("arguments", "code"), [
    (["s3://"], "SFC25"), (["s3://{bucket}"], "SF659"), (["s3://{bucket}/none.csv"], "SF659"),
    (["s3://{bucket}/x.csv", "--out", "here"], "SF660"), (["x.csv", "--out", "s3://{bucket}"], "SF660"),
    (["s3://no-such-bucket-here/in", "--watch", "--once"], "SF76"),
])  # fmt: skip
def test_nonsense(bucket, capsys, arguments, code):
    assert run(["data", "clean", *(text.format(bucket=bucket) for text in arguments)]) != 0
    assert code in capsys.readouterr().err


def test_what_a_month_of_looking_costs():
    """As the page on data quality says it: two listings a look, at 0.005 USD a thousand."""
    assert 2 * 30.4 * 86_400 / Bucket.look_seconds * 0.005 / 1000 == pytest.approx(0.90, abs=0.03)
