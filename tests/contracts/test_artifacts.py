"""What every store of artifacts promises (`ports.Artifacts`), and what a folder of them does beyond that."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from stratofold.adapters import ports
from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.aws.artifacts import Artifacts as Objects
from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.errors import Setup, Stop


@pytest.fixture(params=["folder", "ministack", "moto", "weed"])
def artifacts(request, tmp_path):
    if request.param == "folder":
        return Artifacts(tmp_path / "artifacts")
    server = request.getfixturevalue(request.param)
    return Objects(server.client(), server.bucket(), "kept/")


def test_it_fulfils_the_port(artifacts):
    assert isinstance(artifacts, ports.Artifacts)


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5_000], ids=["none", "one", "a megabyte"])
def test_what_is_put_is_got(artifacts, data):
    assert artifacts.put("segments/B/1", data) == sha256(data).hexdigest()
    assert artifacts.get("segments/B/1") == data


def test_the_same_again_is_nothing_and_something_else_is_refused(artifacts):
    artifacts.put("model", b"one")
    assert artifacts.put("model", b"one") == sha256(b"one").hexdigest()
    with pytest.raises(Stop, match="SF811"):
        artifacts.put("model", b"two")
    assert artifacts.get("model") == b"one"


def test_two_names_may_have_the_same_bytes(artifacts):
    assert artifacts.put("a", b"one") == artifacts.put("b", b"one")
    assert artifacts.get("a") == artifacts.get("b") == b"one"


def test_what_is_not_there_is_said(artifacts):
    artifacts.put("segments/1", b"one")
    for name in ("none", "segments", "segments/2"):
        with pytest.raises(Setup, match=f"SF812: there is no artifact {name}"):
            artifacts.get(name)


def test_names_are_listed_by_their_beginning(artifacts):
    assert artifacts.names() == []
    for name in ("segments/B/2", "segments/B/10", "segments/C/1", "report.html"):
        artifacts.put(name, name.encode())
    assert artifacts.names() == ["report.html", "segments/B/10", "segments/B/2", "segments/C/1"]
    assert artifacts.names("segments/B/") == ["segments/B/10", "segments/B/2"]
    assert artifacts.names("segments/B/1") == ["segments/B/10"]
    assert artifacts.names("none") == []


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "-option", "a b", "ä", "a\0b"]
)
def test_a_name_stays_inside(artifacts, name):
    with pytest.raises(Setup, match="SF818"):
        artifacts.put(name, b"")
    with pytest.raises(Setup, match="SF818"):
        artifacts.get(name)


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        return Artifacts(tmp_path)

    @pytest.mark.parametrize("how", ["changed", "cut", "longer", "gone"])
    def test_bytes_that_are_not_what_was_put_are_refused(self, folder, how):
        digest = folder.put("model", b"content")
        content = folder.folder / "contents" / digest[:2] / digest
        content.chmod(0o600)
        if how == "gone":
            content.unlink()
        else:
            content.write_bytes({"changed": b"cOntent", "cut": b"conten", "longer": b"content!"}[how])
        with pytest.raises(Stop, match="SF813"):
            folder.get("model")

    def test_putting_again_mends_what_was_damaged(self, folder):
        digest = folder.put("model", b"content")
        content = folder.folder / "contents" / digest[:2] / digest
        content.chmod(0o600)
        content.write_bytes(b"damage")
        folder.put("model", b"content")
        assert folder.get("model") == b"content"

    def test_a_person_finds_the_file_by_its_name(self, folder):
        folder.put("reports/june.html", b"<html>")
        assert (folder.folder / "names" / "reports" / "june.html").read_bytes() == b"<html>"

    def test_a_folder_that_cannot_be_written_is_said(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(Stop, match="SF819"):
            Artifacts(tmp_path / "file").put("model", b"content")

    def test_of_several_writers_one_wins(self, tmp_path):
        start = multiprocessing.get_context("spawn")
        with start.Pool(4) as pool:
            results = pool.starmap(put_or_lose, [(tmp_path, number) for number in range(16)])
        won = [number for number, result in enumerate(results) if result == "won"]
        assert len(won) == 1
        assert Artifacts(tmp_path).get("model") == b"bytes of %d" % won[0]


class TestBucket:
    @pytest.fixture(params=["ministack", "moto", "weed"])
    def server(self, request):
        return request.getfixturevalue(request.param)

    @pytest.fixture
    def bucket(self, server):
        return server.bucket(locks=True)

    def test_what_is_held_cannot_be_deleted_not_even_by_its_owner(self, server, bucket):
        objects, aws = Objects(server.client(), bucket, hold_days=1), server.client()
        objects.put("segment", b"one")
        version = aws.s3("GET", bucket, "segment").headers["x-amz-version-id"]
        with pytest.raises(AwsError):
            aws.s3("DELETE", bucket, "segment", query={"versionId": version})
        assert objects.get("segment") == b"one"

    def test_a_newer_version_is_not_what_was_put(self, server, bucket):
        objects, aws = Objects(server.client(), bucket, hold_days=1), server.client()
        objects.put("segment", b"one")
        aws.s3("PUT", bucket, "segment", b"two", {"x-amz-meta-sha256": sha256(b"two").hexdigest()})
        assert objects.get("segment") == b"one"

    def test_what_somebody_hid_is_there(self, server, bucket):
        objects, aws = Objects(server.client(), bucket, hold_days=1), server.client()
        objects.put("segment", b"one")
        aws.s3("DELETE", bucket, "segment")
        assert objects.get("segment") == b"one"

    def test_bytes_that_are_not_what_was_put_are_refused(self, server):
        bucket, aws = server.bucket(), server.client()
        objects = Objects(server.client(), bucket)
        objects.put("model", b"one")
        aws.s3("PUT", bucket, "model", b"two", {"x-amz-meta-sha256": sha256(b"one").hexdigest()})
        with pytest.raises(Stop, match="SF813"):
            objects.get("model")

    def test_of_several_writers_one_wins(self, server):
        bucket = server.bucket()
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda number: put_into(server, bucket, number), range(16)))
        assert sorted(set(results)) == ["SF811", "won"]
        assert results.count("won") == 1

    def test_a_bucket_that_is_not_there_is_said(self, server):
        with pytest.raises(Setup, match="SF764"):
            Objects(server.client(), "bucket-that-is-not-there").put("model", b"one")

    def test_more_names_than_a_page(self, server):
        bucket = server.bucket()
        objects = Objects(server.client(), bucket)
        aws = server.client()
        for number in range(1_001):
            aws.s3("PUT", bucket, f"n/{number:04}", b"")
        assert len(objects.names("n/")) == 1_001


def put_into(server, bucket, number):
    try:
        Objects(server.client(), bucket).put("model", b"bytes of %d" % number)
    except Stop as error:
        return error.code
    return "won"


def put_or_lose(folder, number):
    try:
        Artifacts(folder).put("model", b"bytes of %d" % number)
    except Stop as error:
        return error.code
    return "won"
