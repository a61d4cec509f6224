"""A catalogue's files in a bucket, with the ones that were read kept on this machine.

What comes in: drafts of files, and the manifest that names them.
What goes out: all of a change or nothing, and files of this machine with the bytes that the manifest names.
Why it is shaped so: S3 exchanges one object only if it still is what we saw (`If-Match`), and that is the moment at which a
change is there.  Its files are put before, under names that begin with the hash of their bytes, so putting one twice is
nothing, and one that was read once is never asked for again.  What a lost race or a killed writer has left in a folder is
removed by a later change there, once it is old enough to be nobody's.

Source: S3 User Guide, "Conditional writes"; S3 API reference, CopyObject and ListObjectsV2.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

from stratofold.adapters.aws.answers import AwsError, explained, field, parts
from stratofold.adapters.aws.spill import checked
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stratofold.adapters.aws.client import Client
    from stratofold.market.catalogue.catalogue import Catalogue

MANIFEST = "_manifest.json"
AT_ONCE = 8
ABANDONED_SECONDS = 3_600.0  # longer than any change takes between putting a file and naming it


def catalogue(aws: Client, bucket: str, prefix: str, folder: Path, *, make: bool = False, **choice: Any) -> Catalogue:
    """Open the catalogue under a prefix of a bucket; `folder` keeps what was read.  See `embedded.catalogue.catalogue`."""
    from stratofold.market.catalogue.catalogue import Catalogue

    shelf = Shelf(aws, bucket, prefix, folder)
    if not make and shelf.read() is None:
        raise Setup(
            "SFC10", f"there is no catalogue at {shelf.place}", place=shelf.place,
            fix="put data there: stratofold data import FILE --catalogue s3://BUCKET/PREFIX",
        )  # fmt: skip
    return Catalogue(shelf, **choice)


class Shelf:
    """See `ports.Shelf`."""

    def __init__(self, aws: Client, bucket: str, prefix: str, folder: str | Path) -> None:
        """Files lie under `prefix` of a bucket; `folder` of this machine keeps those that were read, and is made."""
        self._aws = aws
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.folder = Path(folder)
        self._tag = ""

    def __repr__(self) -> str:
        """Where it is."""
        return f"Shelf({self.place!r})"

    @property
    def place(self) -> str:
        """See `ports.Shelf`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self) -> bytes | None:
        """See `ports.Shelf`; remembers which version it saw."""
        found = self._got(MANIFEST)
        self._tag = "" if found is None else found[1]
        return None if found is None else found[0]

    @contextmanager
    def draft(self) -> Iterator[str]:
        """See `ports.Shelf`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = tempfile.mkdtemp(dir=self.folder, prefix="draft-")
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def swap(self, expected: bytes | None, text: bytes, name: str, change: bytes, draft: Path | None) -> bool:
        """See `ports.Shelf`."""
        if self.read() != expected:
            return False
        told = json.loads(change)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            if draft is not None:
                list(pool.map(lambda path: self._put(path, (draft / path).read_bytes()), told["added"]))
            self._put(f"_changes/{name}.json", change)
            condition = {"If-Match": self._tag} if expected is not None else {"If-None-Match": "*"}
            if not self._put(MANIFEST, text, condition) and self.read() != text:
                return False
            list(pool.map(self._aside, told["removed"]))
            list(
                pool.map(lambda folder: self._swept(folder, text), {path.rpartition("/")[0] for path in told["added"]})
            )
        return True

    def change(self, name: str) -> bytes | None:
        """See `ports.Shelf`."""
        found = self._got(f"_changes/{name}.json")
        return None if found is None else found[0]

    def path(self, name: str) -> str:
        """See `ports.Shelf`; fetched once, and only taken when its bytes are those that its name says."""
        kept = self.folder / "files" / name
        if kept.is_file():
            return str(kept)
        found = self._got(name) or self._got(f"_old/{name}")
        if found is None or not kept.name.startswith(hashlib.sha256(found[0]).hexdigest()[:16]):
            raise Stop(
                "SFC09", "a file of the catalogue is not there any more", place=f"{self.place}/{name}",
                why="the manifest names it, and there is none with those bytes",
                fix="bring it back from a copy, or import the data again",
            )  # fmt: skip
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(dir=self.folder, prefix="draft-")) / kept.name
            new.write_bytes(found[0])
            new.rename(kept)
            new.parent.rmdir()
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return str(kept)

    def cache(self) -> Path | None:
        """See `ports.Shelf`."""
        folder = self.folder / "cache"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return folder

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _got(self, name: str) -> tuple[bytes, str] | None:
        """An object and its tag; None where there is none."""
        try:
            found = self._aws.s3("GET", self._bucket, self._key(name))
        except AwsError as error:
            if error.code == "NoSuchKey":
                return None
            raise explained(error, f"{self.place}/{name} could not be read") from error
        return found.body, found.headers.get("etag", "")

    def _put(self, name: str, data: bytes, condition: dict[str, str] | None = None) -> bool:
        """Put an object; False where the condition does not hold."""
        headers = checked(hashlib.sha256(data).hexdigest()) | (condition or {})
        try:
            self._aws.s3("PUT", self._bucket, self._key(name), data, headers)
        except AwsError as error:
            if condition and error.status in {409, 412}:
                return False
            raise explained(error, f"{self.place}/{name} was not written; the catalogue is as it was") from error
        return True

    def _aside(self, name: str) -> None:
        """Where earlier states find a file, and queries of today do not."""
        source = quote(f"/{self._bucket}/{self._key(name)}", safe="/")
        try:
            self._aws.s3("PUT", self._bucket, self._key(f"_old/{name}"), b"", {"x-amz-copy-source": source})
            self._aws.s3("DELETE", self._bucket, self._key(name))
        except AwsError as error:
            if error.code != "NoSuchKey":
                raise explained(error, f"{self.place}/{name} could not be put aside") from error

    def _swept(self, folder: str, text: bytes) -> None:
        """Remove from a folder what no manifest names and nobody is about to name."""
        named = json.loads(text)["files"]
        for name, age in self._listed(folder):
            if name not in named and age > ABANDONED_SECONDS:
                self._aside(name)

    def _listed(self, folder: str) -> Iterable[tuple[str, float]]:
        """The files of a folder, each with its age in seconds."""
        query = {"list-type": "2", "prefix": self._key(folder) + "/", "encoding-type": "url"}
        while True:
            try:
                text = self._aws.s3("GET", self._bucket, query=query).body.decode()
            except AwsError as error:
                raise explained(error, f"{self.place}/{folder} could not be listed") from error
            for part in parts(text, "Contents"):
                put_at = datetime.fromisoformat(field(part, "LastModified"))
                yield unquote_plus(field(part, "Key"))[len(self._prefix) :], time.time() - put_at.timestamp()
            if field(text, "IsTruncated") != "true":
                return
            query["continuation-token"] = field(text, "NextContinuationToken")


def _unwritable(folder: Path, error: OSError) -> Stop:
    return Stop(
        "SFC05", "the catalogue's folder on this machine cannot be written", place=str(folder),
        why=f"{error.strerror or error}; the catalogue is as it was", fix="make room, or name another folder",
    )  # fmt: skip
