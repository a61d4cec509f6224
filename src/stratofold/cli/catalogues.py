"""Which catalogue a command means: a folder of this machine, or a prefix of a bucket.

What comes in: `FOLDER` or `s3://BUCKET/PREFIX`, or nothing.  What goes out: the catalogue, opened.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.cli.folders import state_folder
from stratofold.errors import Setup

if TYPE_CHECKING:
    from stratofold.adapters.aws.client import Client
    from stratofold.market.catalogue.catalogue import Catalogue

S3 = "s3://"


def default_catalogue() -> str:
    """The catalogue that serves when none is named: `STRATOFOLD_CATALOGUE`, else `catalogue` here."""
    return os.environ.get("STRATOFOLD_CATALOGUE") or "catalogue"


def is_catalogue(text: str) -> bool:
    """Whether data are named by a catalogue, with or without what to choose of it."""
    from stratofold.adapters.embedded.catalogue import MANIFEST

    return "#" in text or text.startswith(S3) or (Path(text) / MANIFEST).is_file()


def chosen_catalogue(text: str) -> "Catalogue":
    """`PLACE#SOURCE/SPAN`, `PLACE#SOURCE` or `PLACE` as a catalogue; raises errors.Setup when there is none."""
    place, _, choice = text.partition("#")
    source, _, span = choice.partition("/")
    return opened(place or None, source=source or None, span=span or None)


def opened(place: str | None, *, make: bool = False, **choice: Any) -> "Catalogue":
    """The catalogue at a place; raises errors.Setup SFC10 when there is none and none should be made."""
    text = place or default_catalogue()
    if not text.startswith(S3):
        from stratofold.adapters.embedded.catalogue import catalogue

        return catalogue(text, make=make, **choice)
    from stratofold.adapters.aws.catalogue import catalogue as in_bucket

    bucket, prefix = bucket_of(text)
    kept = state_folder() / "catalogues" / hashlib.sha256(text.encode()).hexdigest()[:16]
    return in_bucket(s3_client(), bucket, prefix, kept, make=make, **choice)


def bucket_of(text: str) -> tuple[str, str]:
    """Bucket and key of `s3://BUCKET/KEY`; raises errors.Setup SFC25 where it names no bucket."""
    bucket, _, key = text.removeprefix(S3).partition("/")
    if not bucket:
        raise Setup("SFC25", f"{text!r} names no bucket", place="the command line", fix="write s3://BUCKET/PREFIX")
    return bucket, key


def s3_client() -> "Client":
    """Our own client: with the keys in the environment, or those that the SDK finds."""
    from stratofold.adapters.aws.client import Client
    from stratofold.cli.cloud_settings import client_of, stack_of

    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return Client()
    return client_of(stack_of(None, None))
