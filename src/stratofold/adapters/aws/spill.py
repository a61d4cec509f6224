"""Bytes that are too many for an item lie in S3 under their own hash, and the item says which.

What comes in: bytes.  What goes out: attributes for an item, and the bytes again.
Why it is shaped so: the object is written before the item that names it, so an item never names what is not there; and it
is named by its content, so writing it twice is writing it once, and what a lost race leaves behind is nobody's.
An item costs by the kilobyte: 64 of them in one transaction cost as much as sixteen objects.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from stratofold.adapters.aws.answers import AwsError, explained
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.aws.table import Item

# A partition of records has 65,536 numbers and, because of the local index, may have 10 GB: so an item has at most this.
INLINE_BYTES_MAX = 65_536
PREFIX = "journal/"


def checked(digest: str) -> dict[str, str]:
    """The headers of a put that say its SHA-256 (hexadecimal); a bucket that holds for a time takes no put without."""
    encoded = b64encode(bytes.fromhex(digest)).decode()
    return {"x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": encoded}


class Spill:
    """The objects of one bucket that belong to the items of one table."""

    def __init__(self, aws: Client, bucket: str) -> None:
        """Nothing is asked yet; a journal that never writes much needs no bucket."""
        self._aws = aws
        self.bucket = bucket

    def keep(self, data: bytes) -> Item:
        """The attributes that stand for some bytes: themselves, or the hash they lie under; raises Setup SF862."""
        if len(data) <= INLINE_BYTES_MAX:
            return {"data": data}
        if not self.bucket:
            raise Setup(
                "SF862",
                f"{len(data):,} bytes are too many for one item, and no bucket was named for them",
                fix="name the stack's bucket (STRATOFOLD_BUCKET)",
            )
        digest = sha256(data).hexdigest()
        try:
            self._aws.s3("PUT", self.bucket, PREFIX + digest, data, {"If-None-Match": "*"} | checked(digest))
        except AwsError as error:
            if error.code == "PreconditionFailed":
                return {"object": digest}  # it is there: its name is its content
            raise explained(error, f"bucket {self.bucket}") from error
        return {"object": digest}

    def read(self, item: Item) -> bytes:
        """The bytes that an item's attributes stand for; raises Stop SF807 when they are not what was kept."""
        if "data" in item:
            data: bytes = item["data"]
            return data
        digest = item["object"]
        try:
            data = self._aws.s3("GET", self.bucket, PREFIX + digest).body
        except AwsError as error:
            raise explained(error, f"object {PREFIX}{digest} of bucket {self.bucket}") from error
        if sha256(data).hexdigest() != digest:
            raise Stop(
                "SF807",
                "the journal is damaged",
                place=f"s3://{self.bucket}/{PREFIX}{digest}",
                why="the object's bytes have another hash than the one it lies under",
                fix="restore that object from its earlier version or from the archive",
            )
        return data
