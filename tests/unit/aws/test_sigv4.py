"""The signature, beside the one that Amazon's own library makes of the same request at the same moment."""

from datetime import datetime
from types import SimpleNamespace

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.aws.sigv4 import Keys, Request, query_text, signed

MOMENT = datetime(2026, 11, 21, 9, 30)  # noqa: DTZ001 -- as botocore has it
TEXT = "20261121T093000Z"
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.sampled_from(["dynamodb.eu-central-1.amazonaws.com", "127.0.0.1:4566"]),
    st.from_regex(r"/|/([a-zA-Z0-9_~-]|%[0-9A-F]{2}|:){1,8}(/[a-z0-9.]{0,2}[a-z%]){0,2}", fullmatch=True),
    st.lists(
        st.tuples(st.text(min_size=1, max_size=3), st.text(max_size=3)), unique_by=lambda pair: pair[0], max_size=4
    ),
    st.dictionaries(
        st.sampled_from(["Content-Type", "X-Amz-Target", "If-None-Match", "x-amz-meta-a", "Range"]),
        st.from_regex(r"[!-~]( {0,3}[!-~]){0,9}", fullmatch=True),
    ),
    st.binary(max_size=40),
)
KEYS = st.builds(Keys, st.just("AKIDEXAMPLE"), st.text("abcXYZ+/0189", min_size=1), st.sampled_from(["", "token/+="]))


@pytest.fixture(scope="module", autouse=True)
def _stopped():
    """botocore, at one moment."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(botocore.auth, "get_current_datetime"):
            patch.setattr(botocore.auth, "get_current_datetime", lambda **_: MOMENT)
        else:  # before boto3 1.40
            stopped = SimpleNamespace(utcnow=lambda: MOMENT, strptime=datetime.strptime)
            patch.setattr(botocore.auth, "datetime", SimpleNamespace(datetime=stopped))
        yield


def theirs(request, keys, service):
    """What botocore makes of it."""
    query = query_text(request.query)
    url = f"https://{request.host}{request.path}" + (f"?{query}" if query else "")
    asked = AWSRequest(request.method, url, headers=dict(request.headers), data=request.body)
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    kind(Credentials(keys.access, keys.secret, keys.token or None), service, "eu-central-1").add_auth(asked)
    return asked.headers["Authorization"]


@pytest.mark.parametrize("service", ["dynamodb", "s3"])
@given(request_=REQUESTS, keys=KEYS)
def test_it_is_botocores(service, request_, keys):
    ours = signed(request_, keys, service, "eu-central-1", TEXT)
    assert ours["Authorization"] == theirs(request_, keys, service)


def test_the_query_is_ordered_by_names_as_they_are_sent():
    assert query_text([("a-b", "1"), ("a", "2"), ("{", "3"), ("0", "")]) == "%7B=3&0=&a=2&a-b=1"


def test_keys_do_not_show():
    assert repr(Keys("AKIDEXAMPLE", "verysecret", "token")) == "Keys(AKID…)"
    assert "verysecret" not in str(Keys("AKIDEXAMPLE", "verysecret", "token"))
