"""`data check` and `data clean` as they are typed."""

import json
from datetime import UTC, datetime, time

import polars as pl
import pytest

from stratofold.adapters.embedded.catalogue import catalogue
from stratofold.cli.app import run
from tests.unit.cleaning.test_rules import DAILY, again, halved, put


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DAILY.write_csv("sound.csv")
    put(again(DAILY, 30, 31), 44, close=0.0).write_csv("bad.csv")
    return tmp_path


def said(capsys, *arguments):
    code = run(list(arguments))
    return code, capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_the_exit_code_says_whether_the_tolerance_is_kept(capsys):
    assert said(capsys, "data", "check", "sound.csv")[0] == 0
    code, out = said(capsys, "data", "check", "sound.csv", "bad.csv")
    assert code == 3
    assert "2 rows in error, 2.4691%, more than the tolerance of 0.0000%" in out
    assert said(capsys, "data", "check", "bad.csv", "--tolerance", "0.03")[0] == 0


def test_json_and_the_page(here, capsys):
    code, out = said(capsys, "data", "check", "bad.csv", "--json", "--page", "q.html")
    found = json.loads(out)["files"][0]
    assert (code, found["rows_in_error"]) == (3, 2)
    assert {row["rule"] for row in found["rules"]} == {"repeated row", "zero price", "outside its range"}
    assert "zero price" in (here / "q.html").read_text()


def test_cleaned_undone_and_the_source_untouched(here, capsys):
    before = (here / "bad.csv").read_bytes()
    code, out = said(capsys, "data", "clean", "bad.csv", "--json")
    assert (code, json.loads(out)["files"][0]["changed"]) == (0, 2)
    assert said(capsys, "data", "check", "bad.clean.parquet")[0] == 0
    assert said(capsys, "data", "clean", "bad.clean.parquet", "bad.changes.parquet", "--undo", "again.parquet")[0] == 0
    clean = (here / "bad.clean.parquet").read_bytes()
    assert run(["data", "clean", "bad.clean.parquet", "bad.changes.parquet", "--undo", "bad.clean.parquet"]) == 2
    assert "SF645" in capsys.readouterr().err
    assert (here / "bad.clean.parquet").read_bytes() == clean
    assert pl.read_parquet("again.parquet").equals(pl.read_csv("bad.csv", try_parse_dates=True))
    assert (here / "bad.csv").read_bytes() == before


def test_a_folder_into_which_files_are_dropped(here, capsys):
    code, out = said(capsys, "data", "clean", str(here), "--watch", "--once", "--json")
    assert (code, [one["changed"] for one in json.loads(out)["files"]]) == (0, [2, 0])
    assert json.loads(said(capsys, "data", "clean", str(here), "--watch", "--once", "--json")[1]) == {
        "files": [],
        "errors": [],
    }


def test_what_a_catalogue_holds_is_examined_with_the_splits_it_knows(here, capsys):
    halved(DAILY, 55).write_parquet("split.parquet")
    assert said(capsys, "data", "import", "split.parquet", "--source", "vendor")[0] == 0
    assert "unadjusted split" in said(capsys, "data", "check")[1]
    opens = datetime.combine(DAILY["date"][55], time(13, 30), UTC)
    split = pl.DataFrame({"symbol": ["AAA"], "time": [opens], "action": ["split"], "value": [2.0]})
    catalogue(here / "catalogue").append("actions", split, "vendor")
    code, out = said(capsys, "data", "check", "--symbols", "AAA")
    assert code == 0
    assert "nothing is wrong with them" in out


def test_a_file_that_is_none_does_not_keep_the_others(here, capsys):
    (here / "a_letter.csv").write_text("dear,sir\n1,2\n")
    assert run(["data", "clean", str(here), "--watch", "--once"]) == 0
    said_both = capsys.readouterr()
    assert "SF640" in said_both.err
    assert (here / "bad.clean.parquet").exists()
    assert (here / "sound.clean.parquet").exists()
    assert not (here / "a_letter.clean.parquet").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "none.csv"], "SF223"),
        (["check", "sound.csv", "--kind", "candles"], "SF642"),
        (["check", "sound.csv", "--names", "sound.csv"], "SF643"),
        (["clean", "nowhere", "--watch"], "SF647"),
        (["clean", "sound.csv", "--undo", "x.parquet"], "SF645"),
        (["check", "sound.csv", "--page", "no/such/folder/q.html"], "SF648"),
        (["check"], "SF9"),
    ],
)
def test_nonsense(capsys, arguments, code):
    assert run(["data", *arguments]) == 2
    assert code in capsys.readouterr().err


def test_what_was_cleaned_into_another_folder_is_not_cleaned_again(here, capsys):
    arguments = ("data", "clean", str(here), "--watch", "--once", "--out", str(here / "made"), "--json")
    assert len(json.loads(said(capsys, *arguments)[1])["files"]) == 2
    assert json.loads(said(capsys, *arguments)[1])["files"] == []
    assert not list(here.glob("*.clean.parquet"))
