"""A shelf that is a bucket of S3's, or of something that speaks as it does.

Source: S3 User Guide, "Conditional writes"; S3 API Reference, ListObjectsV2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from stratofold.adapters.aws.answers import AwsError, explained, field, fields
from stratofold.research.sweep.executors.shelf import absent

if TYPE_CHECKING:
    from stratofold.adapters.aws.client import Client


class Bucket:
    """See `shelf.Shelf`; what S3 refuses is raised as `answers.explained` says it."""

    def __init__(self, aws: Client, bucket: str) -> None:
        """Nothing is asked yet."""
        self._aws = aws
        self._bucket = bucket

    def put(self, name: str, body: bytes) -> bool:
        """See `Shelf`; S3 puts an object only where there is none."""
        try:
            self._aws.s3("PUT", self._bucket, name, body, {"If-None-Match": "*"})
        except AwsError as error:
            if error.status != 412:
                raise explained(error, f"{name} was not written") from error
            return False
        return True

    def get(self, name: str, first: int = 0, count: int = 0) -> bytes:
        """See `Shelf`."""
        part = {"Range": f"bytes={first}-{first + count - 1}"} if count else {}
        try:
            return bytes(self._aws.s3("GET", self._bucket, name, headers=part).body)
        except AwsError as error:
            if error.code == "NoSuchKey":
                raise absent(name, self._bucket) from error
            raise explained(error, f"{name} could not be read") from error

    def names(self, prefix: str) -> list[str]:
        """See `Shelf`; a thousand a page."""
        found: list[str] = []
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            try:
                text = self._aws.s3("GET", self._bucket, query=query).body.decode()
            except AwsError as error:
                raise explained(error, "what is finished could not be listed") from error
            found += map(unquote, fields(text, "Key"))
            if field(text, "IsTruncated") != "true":
                return sorted(found)
            query["continuation-token"] = field(text, "NextContinuationToken")
