"""Named bytes in a bucket, written once.

What comes in: names and bytes.  What goes out: the same bytes, or an error when they are not the same any more.
Why it is shaped so: S3 puts an object only where there is none (`If-None-Match`), so of two writers one wins; it checks the
SHA-256 on the way in, and the object carries it, so reading checks it again.  Where the bucket keeps versions, the first one
is the artifact: whoever holds keys can add a newer version or hide it, and cannot change what was there before; with Object
Lock nobody can delete it either, until its time is over.

Source: S3 User Guide, "Conditional writes", "Checking object integrity", "Using S3 Object Lock".
"""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stratofold.adapters.artifact_names import check
from stratofold.adapters.aws.answers import AwsError, explained, field, fields, parts
from stratofold.adapters.aws.spill import checked
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.nouns import Response

DIGEST = "x-amz-meta-sha256"
_DAY_SECONDS = 86_400


class Artifacts:
    """See `ports.Artifacts`."""

    def __init__(self, aws: Client, bucket: str, prefix: str = "", *, hold_days: int = 0) -> None:
        """Keep them in a bucket, under names that begin with `prefix`.

        With `hold_days` nobody can delete what is put for so long (compliance mode); the bucket must have been made for that.
        """
        self._aws = aws
        self._bucket = bucket
        self._prefix = prefix
        self._hold_days = hold_days

    def put(self, name: str, data: bytes) -> str:
        """See `ports.Artifacts`; raises Setup SF818 for a name that is none."""
        key = self._prefix + check(name)
        digest = sha256(data)
        headers = {"If-None-Match": "*", DIGEST: digest.hexdigest()} | checked(digest.hexdigest())
        if self._hold_days:
            until = time.gmtime(time.time() + self._hold_days * _DAY_SECONDS)
            headers["x-amz-object-lock-mode"] = "COMPLIANCE"
            headers["x-amz-object-lock-retain-until-date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", until)
        try:
            self._aws.s3("PUT", self._bucket, key, data, headers)
        except AwsError as error:
            if error.status != 412:
                raise explained(error, f"artifact {name} was not written") from error
            self._compare(name, digest.hexdigest())
        return digest.hexdigest()

    def _compare(self, name: str, digest: str) -> None:
        """Putting the same again is nothing."""
        if sha256(self.get(name)).hexdigest() == digest:
            return
        raise Stop(
            "SF811",
            f"artifact {name} was written before, with other bytes",
            place=self._bucket,
            why="what has a name is never changed, since records refer to it",
            fix="put it under a new name",
        )

    def get(self, name: str) -> bytes:
        """See `ports.Artifacts`; raises Setup SF818 for a name that is none."""
        key = self._prefix + check(name)
        found = self._find(name, key)
        if found.headers.get("x-amz-version-id", "null") != "null":
            found = self._first(name, key, found)
        if sha256(found.body).hexdigest() != found.headers.get(DIGEST):
            raise Stop(
                "SF813",
                f"artifact {name} is not what was put there",
                place=f"s3://{self._bucket}/{key}",
                why="its bytes have another hash than they were put with",
                fix="restore the object from a copy",
            )
        return found.body

    def _find(self, name: str, key: str, version: str = "") -> Response:
        """The object, or a version of it."""
        try:
            return self._aws.s3("GET", self._bucket, key, query={"versionId": version} if version else None)
        except AwsError as error:
            if error.code == "NoSuchKey" and not version:
                hidden = self._versions(key)
                if hidden:
                    return self._find(name, key, hidden[-1])
                what = f"there is no artifact {name}"
                raise Setup("SF812", what, place=self._bucket, fix="put it there first") from error
            raise explained(error, f"artifact {name} could not be read") from error

    def _first(self, name: str, key: str, found: Response) -> Response:
        """What was put first; a version that came later was put by somebody else."""
        versions = self._versions(key)
        if not versions or found.headers["x-amz-version-id"] == versions[-1]:
            return found
        return self._find(name, key, versions[-1])

    def _versions(self, key: str) -> list[str]:
        """The versions of an object that hold something, newest first."""
        found: list[str] = []
        query = {"versions": "", "prefix": key}
        while True:
            try:
                text = self._aws.s3("GET", self._bucket, query=query).body.decode()
            except AwsError as error:
                raise explained(error, f"the versions of {key} could not be listed") from error
            found += [field(part, "VersionId") for part in parts(text, "Version") if field(part, "Key") == key]
            if field(text, "IsTruncated") != "true":
                return found
            query |= {
                "key-marker": field(text, "NextKeyMarker"),
                "version-id-marker": field(text, "NextVersionIdMarker"),
            }

    def names(self, prefix: str = "") -> list[str]:
        """See `ports.Artifacts`."""
        found: list[str] = []
        query = {"list-type": "2", "prefix": self._prefix + prefix, "encoding-type": "url"}
        while True:
            try:
                text = self._aws.s3("GET", self._bucket, query=query).body.decode()
            except AwsError as error:
                raise explained(error, "the artifacts could not be listed") from error
            found += [unquote(key)[len(self._prefix) :] for key in fields(text, "Key")]
            if field(text, "IsTruncated") != "true":
                return sorted(found)
            query["continuation-token"] = field(text, "NextContinuationToken")
