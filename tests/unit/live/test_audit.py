"""`audit verify` finds any change, removal, insertion or reorder, in the rows and in the segments, and says where."""

import random

import pytest
from msgspec import structs

from stratofold.chain import GENESIS, link
from stratofold.live import archive
from stratofold.live.audit import FINDINGS_MAX, audit_verify
from tests.unit.live.conftest import entries


class Rows:
    """A journal as somebody left it who could write anywhere: its records and its head are as given."""

    def __init__(self, records, head):
        self.rows = list(records)
        self.last = head

    def books(self):
        return [self.last]

    def head(self, book):
        return self.last

    def records(self, book):
        return iter(self.rows)


class Files:
    """Artifacts as somebody left them."""

    def __init__(self, files):
        self.files = dict(files)

    def names(self, prefix=""):
        return sorted(self.files)

    def get(self, name):
        return self.files[name]


@pytest.fixture
def history(journal, artifacts, book):
    """Thirty records in five segments, and the notes that sealed them: rows, files and the head."""
    archive.seal(journal, artifacts, book, records_max=7, rest=True)
    files = {name: artifacts.get(name) for name in artifacts.names("archive/")}
    return list(journal.records(book)), files, journal.head(book)


def verify(rows, files, head, **options):
    return audit_verify(Rows(rows, head), Files(files) if files is not None else None, **options)


def test_what_nobody_touched_is_as_it_was_written(journal, artifacts, book, history):
    audit = audit_verify(journal, artifacts)
    assert audit.ok
    (one,) = audit.books
    assert (one.records, one.segments, one.sequence) == (len(history[0]), 5, journal.head(book).sequence)
    assert one.chain == journal.head(book).chain
    assert one.sealed == 34  # all but the note of the last seal


def test_a_book_that_has_just_begun_is_whole(journal, artifacts):
    journal.create("new", "paper", "g1", entries(1))
    assert audit_verify(journal, artifacts, ["new"]).ok
    assert audit_verify(journal).ok


def test_every_record_once(history):
    rows, _, head = history
    for k, row in enumerate(rows):
        for changed in changes(row):
            audit = verify([*rows[:k], changed, *rows[k + 1 :]], None, head)
            places = {finding.place for finding in audit.findings}
            # The record itself, or (when only its chain was changed) it and the one after it.
            assert f"record {row.sequence}" in places
            assert places <= {f"record {row.sequence}", f"record {row.sequence + 1}", "head"}


def changes(row):
    """A record with one thing about it changed, in every way."""
    return [
        row._replace(kind=row.kind + "s"),
        row._replace(kind=""),
        row._replace(body=flipped(row.body, 0)),
        row._replace(body=row.body[:-1]),
        row._replace(body=row.body + b"\x00"),
        row._replace(envelope=flipped(row.envelope, 0)),
        row._replace(envelope=row.body, body=row.envelope),
        row._replace(chain=flipped(row.chain, 5)),
    ]


def flipped(data, place):
    """The bytes with one bit of them turned."""
    if not data:
        return b"\x01"
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# One way of tampering each; each takes the rows, the files and chance, and changes something.


def remove(rows, files, chance):
    del rows[chance.randrange(len(rows))]


def cut(rows, files, chance):
    del rows[chance.randrange(len(rows)) :]


def insert_copy(rows, files, chance):
    rows.insert(chance.randrange(len(rows) + 1), chance.choice(rows))


def insert_new(rows, files, chance):
    place = chance.randrange(len(rows))
    before = rows[place]
    rows.insert(place + 1, made(before.chain, before.sequence + 1, before, b"inserted"))


def swap(rows, files, chance):
    one, other = chance.sample(range(len(rows)), 2)
    rows[one], rows[other] = rows[other], rows[one]


def renumber_swap(rows, files, chance):
    one, other = chance.sample(range(len(rows)), 2)
    rows[one], rows[other] = (
        rows[other]._replace(sequence=rows[one].sequence),
        rows[one]._replace(sequence=rows[other].sequence),
    )


def change(rows, files, chance):
    place = chance.randrange(len(rows))
    rows[place] = chance.choice(changes(rows[place]))


def rewrite(rows, files, chance):
    """Change a record and make every chain after it fit, as somebody would who knows the rule."""
    place = chance.randrange(len(rows) - 1)  # the last one is the note of the last seal: only an anchor knows it
    chain = rows[place - 1].chain if place else GENESIS
    rows[place] = rows[place]._replace(body=flipped(rows[place].body, chance.randrange(99)))
    for k in range(place, len(rows)):
        rows[k] = made(chain, rows[k].sequence, rows[k], rows[k].body)
        chain = rows[k].chain


def renumber_removed(rows, files, chance):
    """Remove a record and close the gap, chains and all."""
    place = chance.randrange(len(rows) - 1)
    del rows[place]
    chain = rows[place - 1].chain if place else GENESIS
    for k in range(place, len(rows)):
        rows[k] = made(chain, k + 1, rows[k], rows[k].body)
        chain = rows[k].chain


def made(chain, sequence, row, body):
    """A record with a chain that fits."""
    return row._replace(sequence=sequence, body=body, chain=link(chain, sequence, row.kind, body, row.envelope))


def flip_file(rows, files, chance):
    name = chance.choice(sorted(files))
    files[name] = flipped(files[name], chance.randrange(len(files[name])))


def cut_file(rows, files, chance):
    name = chance.choice(sorted(files))
    files[name] = files[name][: chance.randrange(len(files[name]))]


def remove_file(rows, files, chance):
    del files[chance.choice(sorted(files))]


def swap_files(rows, files, chance):
    one, other = chance.sample(sorted(files), 2)
    files[one], files[other] = files[other], files[one]


def add_file(rows, files, chance):
    files["archive/momo/00000006"] = files[chance.choice(sorted(files))]


TAMPERING = [
    remove, cut, insert_copy, insert_new, swap, renumber_swap, change, rewrite, renumber_removed,
    flip_file, cut_file, remove_file, swap_files, add_file,
]  # fmt: skip


def tampered(history, seed, how):
    """What was found after one act of tampering."""
    rows, files, head = list(history[0]), dict(history[1]), history[2]
    how(rows, files, random.Random(seed))
    if (rows, files) == (history[0], history[1]):
        return None  # two equal things were swapped
    if rows and how in (rewrite, renumber_removed):
        head = structs.replace(head, sequence=rows[-1].sequence, chain=rows[-1].chain)
    return verify(rows, files, head)


@pytest.mark.parametrize("how", TAMPERING, ids=lambda how: how.__name__)
def test_every_way_of_tampering_is_found(history, how):
    audits = [tampered(history, seed, how) for seed in range(60)]
    assert [seed for seed, audit in enumerate(audits) if audit is not None and audit.ok] == []
    assert any(audit is not None for audit in audits)


@pytest.mark.nightly
def test_a_hundred_thousand_acts_of_tampering_are_found(history):
    missed = []
    for seed in range(100_000):
        audit = tampered(history, seed, TAMPERING[seed % len(TAMPERING)])
        if audit is not None and audit.ok:
            missed.append(seed)
    assert missed == []


def test_a_journal_without_archive_still_finds_all_but_what_was_made_to_fit(history):
    rows, _, head = history
    for how in (remove, insert_copy, insert_new, swap, change, cut):
        for seed in range(30):
            left = list(rows)
            how(left, {}, random.Random(seed))
            assert left == rows or not verify(left, None, head).ok, (how.__name__, seed)


def test_what_was_rewritten_from_end_to_end_is_found_by_an_anchor(history):
    rows, _, head = history
    anchor = {"momo": (rows[19].sequence, rows[19].chain)}
    left = list(rows)
    rewrite_from = random.Random(3)
    rewrite(left[:15], {}, rewrite_from)
    changed = [left[4]._replace(body=b"another"), *left[5:]]
    chain = left[3].chain
    for k, row in enumerate(changed):
        changed[k] = made(chain, row.sequence, row, row.body)
        chain = changed[k].chain
    left = [*left[:4], *changed]
    new_head = structs.replace(head, chain=left[-1].chain)
    assert verify(left, None, new_head).ok  # nothing left of the old history to hold against it
    audit = verify(left, None, new_head, anchors=anchor)
    assert [(finding.place, finding.what) for finding in audit.findings] == [
        ("record 20", "its chain is not the anchor's")
    ]


def test_a_tail_cut_off_with_its_head_and_segments_is_found_by_an_anchor(history):
    rows, _, head = history
    anchor = {"momo": (rows[-1].sequence, rows[-1].chain)}
    left = rows[:10]
    new_head = structs.replace(head, sequence=10, chain=left[-1].chain)
    assert verify(left, None, new_head).ok
    audit = verify(left, None, new_head, anchors=anchor)
    assert [finding.place for finding in audit.findings] == ["anchor"]


def test_findings_say_where(history):
    rows, files, head = history
    left = list(rows)
    del left[9:11]
    left[20] = left[20]._replace(body=b"other")
    found = {(finding.place, finding.what) for finding in verify(left, files, head).findings}
    assert ("records 10 to 11", "they are not there") in found
    assert ("record 23", "it is not what was written, or not what was written here") in found
    assert ("record 10", "the archive has it, and the journal does not") in found
    assert ("record 23", "the journal and the archive have different records of this number") in found


def test_a_changed_segment_is_told_from_a_changed_journal(history):
    rows, files, head = history
    name = "archive/momo/00000002"
    whole = archive.read(files[name], "momo", 2)
    assert whole.rows[3][1] in files[name]
    changed = files[name].replace(whole.rows[3][1], flipped(whole.rows[3][1], 0), 1)
    found = {(finding.place, finding.what) for finding in verify(rows, {**files, name: changed}, head).findings}
    assert ("segment 2, record 11", "it is not what was written") in found
    assert any(place == "segment 2" and "is not the one that record" in what for place, what in found)


def test_a_journal_that_is_all_wrong_does_not_fill_the_screen(history):
    rows, _, head = history
    wrong = [row._replace(sequence=row.sequence * 3, body=b"") for row in rows * 10]
    assert len(verify(wrong, None, head).findings) == FINDINGS_MAX + 1


def test_the_answer_is_plain_for_programs(journal, artifacts, book):
    answer = audit_verify(journal, artifacts).as_dict()
    assert answer["ok"] is True
    assert answer["books"][0]["chain"] == journal.head(book).chain.hex()
