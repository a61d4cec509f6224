"""A prefix of a bucket into which files are dropped, and where what cleaning makes of them is put.

What comes in: a prefix of a bucket, and what makes four files of one.
What goes out: the files that wait, fetched one by one; their clean tables, changes and reports as objects.
Why it is shaped so: an object is there whole or not at all, so nothing has to come to rest first; the clean table is put last,
and a file waits as long as there is none that is younger than it, so a job that was killed is done again.

Source: S3 API reference, ListObjectsV2.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from stratofold.adapters.aws.answers import AwsError, explained, field, parts
from stratofold.adapters.aws.spill import checked
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from stratofold.adapters.aws.client import Client


class Drop:
    """Objects under a prefix, those made of them under another (or the same)."""

    def __init__(self, aws: Client, bucket: str, prefix: str, out: tuple[str, str] | None = None) -> None:
        """Files come under `prefix` of a bucket; `out` is the bucket and prefix of what is made of them."""
        self._aws = aws
        self._bucket = bucket
        self._prefix = _folder(prefix)
        self._out_bucket, out_prefix = out or (bucket, prefix)
        self._out = _folder(out_prefix)

    @property
    def place(self) -> str:
        """Where files come."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def waiting(self, is_source: Callable[[str], bool], clean_name: Callable[[str], str]) -> list[str]:
        """The names of the files that are not clean yet, in order; raises what AWS says as ours."""
        came = {name: put for name, put in self._listed(self._bucket, self._prefix) if is_source(name)}
        made = dict(self._listed(self._out_bucket, self._out)) if came else {}
        return sorted(name for name, put in came.items() if made.get(clean_name(name), "") < put)

    def fetch(self, name: str, folder: Path) -> Path:
        """A file as one of this machine; raises Setup SF659 for one that is not there."""
        try:
            body = self._aws.s3("GET", self._bucket, self._prefix + name).body
        except AwsError as error:
            if error.code == "NoSuchKey":
                place = f"{self.place}/{name}"
                raise Setup("SF659", "there is no such object", place=place, fix="check its key") from error
            raise explained(error, f"{self.place}/{name} could not be read") from error
        path = folder / name.rpartition("/")[2]
        path.write_bytes(body)
        return path

    def put(self, name: str, paths: Sequence[Path]) -> list[str]:
        """Files beside where `name` would be, one after the other; their addresses."""
        beside = name[: len(name) - len(name.rpartition("/")[2])]
        put = []
        for path in paths:
            key, data = f"{self._out}{beside}{path.name}", path.read_bytes()
            try:
                self._aws.s3("PUT", self._out_bucket, key, data, checked(hashlib.sha256(data).hexdigest()))
            except AwsError as error:
                raise explained(error, f"s3://{self._out_bucket}/{key} could not be written") from error
            put.append(f"s3://{self._out_bucket}/{key}")
        return put

    def _listed(self, bucket: str, prefix: str) -> Iterable[tuple[str, str]]:
        """The names under a prefix, each with when it was put, as ISO 8601."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            try:
                text = self._aws.s3("GET", bucket, query=query).body.decode()
            except AwsError as error:
                raise explained(error, f"s3://{bucket}/{prefix} could not be listed") from error
            for part in parts(text, "Contents"):
                yield unquote_plus(field(part, "Key"))[len(prefix) :], field(part, "LastModified")
            if field(text, "IsTruncated") != "true":
                return
            query["continuation-token"] = field(text, "NextContinuationToken")


def _folder(prefix: str) -> str:
    """A prefix that ends where a folder would."""
    return prefix.strip("/") + "/" if prefix.strip("/") else ""
