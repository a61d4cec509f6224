"""A request signed as Amazon wants it: Signature Version 4, in the header, on the standard library alone.

What comes in: a request as it will be sent, keys, service, region and time.
What goes out: its headers with the signature among them.
Why it is shaped so: it is a pure function of its arguments, so botocore's signer can be held beside it byte for byte; the
key derived for a day, a region and a service is kept, since it costs four of the five digests.

Source: AWS, "Create a signed AWS API request" (Signature Version 4), the steps in their order.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """What signs: `token` goes with keys that expire, at `expires` (seconds since 1970; 0: never)."""

    access: str
    secret: str
    token: str = ""
    expires: float = 0.0

    def __repr__(self) -> str:
        """Which keys, without what they hold."""
        return f"Keys({self.access[:4]}…)"


class Request(NamedTuple):
    """What is signed: `path` as it stands in the request line, `query` as pairs that are not encoded yet."""

    method: str
    host: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


def signed(request: Request, keys: Keys, service: str, region: str, moment: str) -> dict[str, str]:
    """The headers of `request` with those that sign it; `moment` is UTC as `20261121T093000Z`.

    Every header given is signed, so none may be changed on the way.
    """
    digest = sha256(request.body).hexdigest()
    headers = {**request.headers, "X-Amz-Date": moment}
    if service == "s3":
        headers["X-Amz-Content-SHA256"] = digest
    if keys.token:
        headers["X-Amz-Security-Token"] = keys.token
    ordered, names = _order((*headers, "Host"))
    given = {**headers, "Host": request.host}
    path = request.path if service == "s3" or request.path == "/" else quote(request.path, safe="/~")
    lines = [request.method, path, query_text(request.query)]
    lines += [_line(name, given[name]) for name in ordered]
    lines += ["", names, digest]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    message = "\n".join((ALGORITHM, moment, scope, sha256("\n".join(lines).encode()).hexdigest()))
    signature = hmac.digest(_signing_key(keys.secret, moment[:8], region, service), message.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def query_text(pairs: Sequence[tuple[str, str]]) -> str:
    """Pairs as they stand after the question mark, encoded and ordered the one way that signatures know."""
    if not pairs:
        return ""
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


@lru_cache(maxsize=64)
def _order(names: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Header names in the order of signing, and as they are listed; a process asks with few sets of them."""
    ordered = sorted(names, key=str.lower)
    return tuple(ordered), ";".join(name.lower() for name in ordered)


@lru_cache(maxsize=256)
def _line(name: str, value: str) -> str:
    """A header as it is signed; all but the date are the same from one request to the next."""
    return f"{name.lower()}:{' '.join(value.split())}"


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of a day for one service in one region."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
