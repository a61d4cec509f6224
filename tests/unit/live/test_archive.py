"""Segments: written once, whatever interrupts it, and readable without the journal."""

import msgspec
import pytest

from stratofold.adapters.embedded.artifacts import Artifacts
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Entry
from stratofold.errors import Setup, Stop
from stratofold.live import archive
from stratofold.live.audit import audit_verify
from tests.unit.live.conftest import entries


def test_the_records_come_back_from_the_segments_alone(journal, artifacts, book):
    seals = archive.seal(journal, artifacts, book, records_max=7, rest=True)
    assert len(seals) == 5
    assert list(archive.records(artifacts, book)) == list(journal.records(book, 0, seals[-1].last))


def test_only_whole_segments_are_sealed_while_work_goes_on(journal, artifacts, book):
    seals = archive.seal(journal, artifacts, book, records_max=7)
    # 30 records make four segments; the four notes of sealing come after them, and are a rest of 30 - 28 + 4.
    assert [(seal.number, seal.first, seal.last) for seal in seals] == [(1, 1, 7), (2, 8, 14), (3, 15, 21), (4, 22, 28)]
    assert artifacts.names("archive/momo/") == [f"archive/momo/{number:08d}" for number in (1, 2, 3, 4)]


def test_at_rest_everything_is_sealed_and_sealing_again_is_nothing(journal, artifacts, book):
    seals = archive.seal(journal, artifacts, book, rest=True)
    assert [(seal.first, seal.last) for seal in seals] == [(1, 30)]
    assert archive.seal(journal, artifacts, book, rest=True) == []
    assert journal.head(book).sequence == 31  # one note, and no note of a note


def test_a_seal_that_was_interrupted_is_finished(journal, artifacts, book):
    # The segment was put, and the process died before the note: meanwhile more was written.
    head = journal.head(book)
    data = archive.segment_bytes(head, 1, bytes(32), b"", list(journal.records(book, 0, 30)))
    artifacts.put(archive.name_of(book, 1), data)
    journal.note(book, entries(5, 100))
    seals = archive.seal(journal, artifacts, book, rest=True)
    assert [(seal.first, seal.last) for seal in seals] == [(1, 30), (31, 36)]
    assert audit_verify(journal, artifacts).ok


def test_a_segment_of_something_else_is_not_taken_for_ours(journal, artifacts, book):
    head = journal.head(book)
    rows = [row._replace(body=b"other") for row in journal.records(book, 0, 5)]
    artifacts.put(archive.name_of(book, 1), archive.segment_bytes(head, 1, bytes(32), b"", rows))
    with pytest.raises(Stop, match="not what the journal holds") as caught:
        archive.seal(journal, artifacts, book, rest=True)
    assert caught.value.code == "SF910"


def test_a_book_without_segments_says_so(artifacts):
    with pytest.raises(Setup) as caught:
        list(archive.records(artifacts, "momo"))
    assert caught.value.code == "SF913"


def whole(journal, of, **changes):
    """A segment of all records, with something about it changed."""
    data = archive.segment_bytes(journal.head(of), 1, bytes(32), b"", list(journal.records(of)))
    segment = msgspec.msgpack.decode(data, type=archive.Segment)
    return msgspec.msgpack.encode(msgspec.structs.replace(segment, **changes))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"form": "another form"}, "SF911"),
        ({"book": "other"}, "SF911"),
        ({"number": 2}, "SF911"),
        ({"version": 2}, "SF912"),
        ({"rows": []}, "SF911"),
        ({"last": 29}, "SF911"),
    ],
)
def test_what_is_no_such_segment_is_refused(journal, book, changes, code):
    with pytest.raises(Stop) as caught:
        archive.read(whole(journal, book, **changes), book, 1)
    assert caught.value.code == code


def test_bytes_that_are_no_segment_are_refused(journal, book):
    data = whole(journal, book)
    for wrong in (b"", b"\x00", data[:-1], data + b"\x00", b"\xff" * 40):
        with pytest.raises(Stop) as caught:
            archive.read(wrong, book, 1)
        assert caught.value.code == "SF911"


def test_a_book_with_sealed_records_of_another_kind_of_entry_goes_on(journal, artifacts, book):
    for round_ in range(3):
        journal.note(book, [Entry("event", bytes([round_]), b"")])
        archive.seal(journal, artifacts, book, rest=True)
    records = list(archive.records(artifacts, book))
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    assert audit_verify(journal, artifacts).ok


def test_text_that_is_no_text_is_refused(journal, artifacts, book):
    data = whole(journal, book)
    place = data.index(b"event")
    with pytest.raises(Stop) as caught:
        archive.read(data[:place] + b"\xff" + data[place + 1 :], book, 1)
    assert caught.value.code == "SF911"


class Crash(BaseException):
    """The process dies."""


def crash_at(count):
    """A hook that dies at the call of that number, before or after a commit."""
    left = [count]

    def hook(verb, when):
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    return hook


def test_a_crash_at_any_commit_of_sealing_loses_and_doubles_nothing(tmp_path):
    points = 0
    while True:
        folder = tmp_path / str(points)
        folder.mkdir()
        journal, artifacts = Journal(folder / "journal.db"), Artifacts(folder / "artifacts")
        journal.create("momo", "paper", "g1", entries(20))
        points += 1
        try:
            archive.seal(journal.beside(crash_at(points)), artifacts, "momo", records_max=7, rest=True)
        except Crash:
            journal.note("momo", entries(3, 100))  # the run goes on before anybody seals again
        else:
            break
        archive.seal(journal, artifacts, "momo", records_max=7, rest=True)
        assert audit_verify(journal, artifacts).ok
        kept = list(archive.records(artifacts, "momo"))
        assert kept == list(journal.records("momo", 0, len(kept)))
        assert len(kept) >= 23
        journal.close()
    assert points > 8  # two commits a segment, before and after each


@pytest.mark.parametrize("late", [3, 7])
def test_two_processes_that_seal_at_once_write_one_archive(journal, artifacts, book, late):
    # One has read `late` records and is slow; the other seals them, and more, and is done.
    head, last = journal.head(book), archive.Seal(0, 0, 0, b"")
    rows = list(journal.records(book, 0, late))
    archive.seal(journal, artifacts, book, records_max=7)
    archive._seal_one(journal, artifacts, head, last, rows, b"")
    archive.seal(journal, artifacts, book, records_max=7, rest=True)
    assert audit_verify(journal, artifacts).ok
    kept = list(archive.records(artifacts, book))
    assert kept == list(journal.records(book, 0, len(kept)))
