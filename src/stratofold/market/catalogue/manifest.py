"""The manifest: which files a catalogue consists of, each with the hash of its bytes.

What comes in: a manifest and a change.
What goes out: the next manifest; its own hash names the state of the whole catalogue.
Why it is shaped so: a catalogue changes by exchanging this one text, at once.  A file's name begins with the hash of its
bytes and is never written again, so who holds a manifest holds every byte it names; and each change is kept with what it
took away, so that any earlier state can be named and read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING

import msgspec

from stratofold.errors import Stop
from stratofold.market.catalogue.layout import Series, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FORMAT = 1


class File(msgspec.Struct, frozen=True):
    """One file: hash and size of its bytes, its rows, the times (ns UTC) of its first and last row, its calendar."""

    sha256: str
    bytes: int
    rows: int
    first: int
    last: int
    calendar: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """Files by path, and the hash of the manifest that this one followed."""

    files: Mapping[str, File] = msgspec.field(default_factory=dict)
    parent: str = ""
    format: int = FORMAT

    @property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(encode(self)).hexdigest()

    def partitions(self) -> dict[str, tuple[str, ...]]:
        """The files of each partition's folder: looked for one by one, a catalogue of thousands would be gone through as often."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(path.rpartition("/")[0], []).append(path)
        return {folder: tuple(paths) for folder, paths in found.items()}

    def by_series(self) -> dict[Series, dict[str, File]]:
        """Every series in order, each with its files in order of time."""
        found: dict[str, list[str]] = {}
        for folder, some in self.partitions().items():
            found.setdefault(folder.rpartition("/")[0], []).extend(some)
        whole = {}
        for paths in found.values():
            files = sorted(((path, self.files[path]) for path in paths), key=lambda one: (one[1].first, one[0]))
            whole[parse(paths[0])[0]] = dict(files)
        return dict(sorted(whole.items()))

    def changed(self, added: Mapping[str, File], removed: Iterable[str]) -> Manifest:
        """The manifest after a change."""
        gone = set(removed)
        kept = {path: file for path, file in self.files.items() if path not in gone}
        return Manifest(dict(sorted((kept | dict(added)).items())), self.hash)


class Change(msgspec.Struct, frozen=True):
    """What one commit did, by the manifest it followed: enough to undo it."""

    parent: str
    added: tuple[str, ...]
    removed: Mapping[str, File]
    parent_of_parent: str


def change_between(before: Manifest, after: Manifest) -> Change:
    """The change that led from one manifest to the next."""
    added = tuple(path for path in after.files if path not in before.files)
    removed = {path: file for path, file in before.files.items() if path not in after.files}
    return Change(after.parent, added, removed, before.parent)


def earlier(manifest: Manifest, wanted: str, change_of: Callable[[str], bytes | None]) -> Manifest | None:
    """The manifest whose hash begins with `wanted`, by undoing changes one by one; None when it was never one."""
    current: Manifest | None = manifest
    while current is not None:
        name = current.hash
        if name.startswith(wanted):
            return current
        text = change_of(name)
        current = None if text is None else _undone(current, msgspec.json.decode(text, type=Change))
    return None


def _undone(manifest: Manifest, change: Change) -> Manifest:
    files = {path: file for path, file in manifest.files.items() if path not in change.added}
    return Manifest(dict(sorted((files | dict(change.removed)).items())), change.parent_of_parent)


def encode(manifest: Manifest | Change) -> bytes:
    """The text: JSON, its keys in order, so that equal manifests are equal bytes."""
    return msgspec.json.encode(manifest, order="deterministic")


def decode(text: bytes, place: str) -> Manifest:
    """A manifest from its text; raises Stop SFC04 for what is none, or is of a later version."""
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Stop(
            "SFC04", "the catalogue's manifest cannot be read", place=place, why=str(error),
            fix="bring _manifest.json back from a copy; the files it named are untouched",
        ) from None  # fmt: skip
    if found.format != FORMAT:
        raise Stop(
            "SFC04", f"the catalogue is of format {found.format}", place=place,
            why=f"this version of stratofold knows format {FORMAT}", fix="use the version that wrote it, or a later one",
        )  # fmt: skip
    return found


def damaged(place: str, error: Exception) -> Stop:
    """The error for a file that the manifest names and that cannot be read."""
    return Stop(
        "SFC27", "a file of the catalogue is damaged", place=place, why=" ".join(str(error).split())[:300],
        fix="stratofold data ls --verify names it: bring it back from a copy, or import its data again",
    )  # fmt: skip
