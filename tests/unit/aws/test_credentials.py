"""Keys from each place that Amazon puts them, from real files and servers on loopback."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from stratofold.adapters.aws.credentials import Credentials
from stratofold.adapters.aws.sigv4 import Keys
from stratofold.errors import Setup
from tests.unit.aws.scripted import answer, scripted

OFF = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}


def given(access, seconds):
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return answer(body={"AccessKeyId": access, "SecretAccessKey": "s", "Token": "t", "Expiration": expires.isoformat()})


def test_the_environment_comes_first(tmp_path):
    environment = {**OFF, "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert Credentials(environment).keys() == Keys("A", "s", "t")


@pytest.mark.parametrize(("profile", "access"), [({}, "A"), ({"AWS_PROFILE": "other"}, "B")])
def test_a_profile_in_the_users_file(tmp_path, profile, access):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = s%1\n"
        "[other]\naws_access_key_id = B\naws_secret_access_key = s\naws_session_token = t\n"
    )
    assert Credentials({**OFF, "HOME": str(tmp_path), **profile}).keys().access == access


def test_a_container_gives_keys_and_they_are_fetched_anew_before_they_expire():
    with scripted(given("A", 200), given("B", 3600)) as server:
        keys = Credentials(
            {
                **OFF,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url + "/keys",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "word",
            }
        )
        assert [keys.keys().access for _ in range(4)] == ["A", "B", "B", "B"]
    assert [request[:2] for request in server.requests] == [("GET", "/keys")] * 2
    assert server.requests[0][2]["authorization"] == "word"


def test_keys_that_are_good_still_are_used_while_no_others_come():
    with scripted(given("A", 200), answer(500), answer(500)) as server:
        keys = Credentials({**OFF, "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url})
        assert [keys.keys().access for _ in range(3)] == ["A", "A", "A"]


def test_a_machine_gives_keys_for_a_token():
    with scripted(answer(body=b"word"), answer(body=b"role"), given("A", 3600)) as server:
        keys = Credentials({"HOME": "/nonexistent", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url})
        assert keys.keys().access == "A"
        assert keys.keys().expires > time.time()
    assert [request[:2] for request in server.requests] == [
        ("PUT", "/latest/api/token"),
        ("GET", "/latest/meta-data/iam/security-credentials/"),
        ("GET", "/latest/meta-data/iam/security-credentials/role"),
    ]
    assert server.requests[2][2]["x-aws-ec2-metadata-token"] == "word"


@pytest.mark.parametrize(
    "environment",
    [
        OFF,
        {**OFF, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/keys"},  # in the clear, and elsewhere
        {**OFF, "AWS_PROFILE": "none"},
    ],
)
def test_none_is_said(environment):
    with pytest.raises(Setup, match="SF760"):
        Credentials(environment).keys()


def test_a_container_that_answers_nonsense_gives_none():
    for nonsense in (b"", b"[]", json.dumps({"AccessKeyId": "A"}).encode(), b"<html>"):
        with scripted(answer(body=nonsense)) as server, pytest.raises(Setup, match="SF760"):
            Credentials({**OFF, "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url}).keys()
