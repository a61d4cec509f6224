"""Where `stratofold data clean` finds files and puts what it makes of them: a folder of this machine, or a prefix of a bucket.

What comes in: `PATH` or `s3://BUCKET/KEY`.
What goes out: the names of files that wait, and each cleaned where it came from.
Why it is shaped so: the same job cleans what is dropped on a laptop and what is dropped into a bucket, and writes the same
report; polars, which does it, is too large for a function, so in the cloud it is a container that does it.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from stratofold.cli.catalogues import S3, bucket_of, s3_client
from stratofold.errors import Setup
from stratofold.market.cleaning.job import Done, clean_name, dropped, is_source

Clean = Callable[[Path, Path], Done]


class Place(Protocol):
    """Where files come; `only` is the one that was named."""

    only: str
    look_seconds: float

    def waiting(self) -> Iterable[str]:
        """The names of the files that are not clean yet."""

    def clean(self, name: str, clean: Clean) -> Done:
        """Clean a file, and put what is made of it where it belongs."""


class Folder:
    """A folder of this machine."""

    look_seconds = 2.0

    def __init__(self, folder: Path, out: Path | None, only: str) -> None:
        """Files come into `folder`; what is made of them goes into `out`, or beside them."""
        self.only = only
        self._folder = folder
        self._out = out or folder
        self._sizes: dict[Path, int] = {}

    def waiting(self) -> Iterable[str]:
        """See `Place`."""
        return [path.name for path in dropped(self._folder, self._sizes, self._out)]

    def clean(self, name: str, clean: Clean) -> Done:
        """See `Place`."""
        return clean(self._folder / name, self._out)


class Bucket:
    """A prefix of a bucket; each look is two listings, of which 1,000 cost half a cent."""

    look_seconds = 30.0

    def __init__(self, prefix: str, out: str | None, only: str) -> None:
        """Files come under `prefix`; what is made of them goes under `out`, or beside them."""
        from stratofold.adapters.aws.drop import Drop

        self.only = only
        self._drop = Drop(s3_client(), *bucket_of(prefix), None if out is None else bucket_of(out))

    def waiting(self) -> Iterable[str]:
        """See `Place`."""
        return self._drop.waiting(is_source, clean_name)

    def clean(self, name: str, clean: Clean) -> Done:
        """See `Place`."""
        with tempfile.TemporaryDirectory() as folder:
            source = self._drop.fetch(name, Path(folder))
            made = Path(folder) / "made"
            done = clean(source, made)
            last = Path(done.clean)
            put = self._drop.put(name, [*sorted(set(made.iterdir()) - {last}), last])
        changes = next(address for address in put if address.endswith(Path(done.changes).name))
        return done._replace(source=f"{self._drop.place}/{name}", clean=put[-1], changes=changes)


def place_of(text: str, out: str | None, *, watch: bool) -> Place:
    """The place of a file, or that is watched; raises Setup SF647 for a folder that is not there, SF659, SF660."""
    in_bucket = text.startswith(S3)
    if out is not None and out.startswith(S3) != in_bucket:
        raise Setup(
            "SF660", "what is made of a file stays where files are", place=f"{text}, --out {out}",
            fix="give a folder for files of this machine, s3://BUCKET/PREFIX for those of a bucket",
        )  # fmt: skip
    if in_bucket:
        bucket, key = bucket_of(text)
        prefix, _, name = (key, "", "") if watch else key.rpartition("/")
        if not watch and not name:
            raise Setup(
                "SF659", "no object is named", place=text, fix="name a file, or add --watch for all that come there"
            )
        return Bucket(f"{S3}{bucket}/{prefix}", out, name)
    path, into = Path(text), None if out is None else Path(out)
    if not watch:
        return Folder(path.parent, into, path.name)
    if not path.is_dir():
        raise Setup("SF647", "there is no such folder to watch", place=text, fix="make it, or leave out --watch")
    return Folder(path, into, "")
