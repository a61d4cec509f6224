"""What every keeper of secrets promises (`ports.Secrets`), and what the file and the keyring do beyond that."""

import os
import traceback
from uuid import uuid4

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from stratofold.adapters import ports
from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.secrets import Secrets as CloudSecrets
from stratofold.adapters.embedded.secrets import Secrets
from stratofold.cli.app import run
from stratofold.cloud.local.emulator import KEYS
from stratofold.errors import Setup
from tests.unit.aws.scripted import answer, scripted

VALUE = 'PK-s3cret/+= "quoted" ä'


class Ring(KeyringBackend):
    """A keyring that works, in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


class Locked(Ring):
    """A keyring that is installed and does not answer."""

    def get_password(self, service, username):
        raise RuntimeError("no desktop is here")


CLOUD = [f"{server} {kind}" for server in ("ministack", "moto") for kind in ("ssm", "secretsmanager")]


@pytest.fixture(params=["file", "keyring", *(pytest.param(one, marks=pytest.mark.cloud) for one in CLOUD)])
def secrets(request, tmp_path, monkeypatch):
    if request.param in CLOUD:
        server, _, kind = request.param.partition(" ")
        client = request.getfixturevalue(server).client()
        return CloudSecrets(client, f"{kind}:/{uuid4().hex}/", keep_seconds=0.0)
    ring = fail.Keyring() if request.param == "file" else Ring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    monkeypatch.setattr(keyring, "get_password", ring.get_password)
    monkeypatch.setattr(keyring, "set_password", ring.set_password)
    return Secrets(tmp_path / "settings")


def test_it_fulfils_the_port(secrets):
    assert isinstance(secrets, ports.Secrets)


def test_what_is_put_is_got(secrets):
    secrets.put("alpaca-secret-key", VALUE)
    secrets.put("other", "x")
    assert secrets.get("alpaca-secret-key") == VALUE


def test_the_last_value_counts(secrets):
    secrets.put("key", "old")
    secrets.put("key", VALUE)
    assert secrets.get("key") == VALUE


def test_what_is_not_there_is_said_with_the_command_that_mends_it(secrets):
    with pytest.raises(Setup, match=r"SF821(.|\n)*stratofold (cloud )?secret alpaca-key-id"):
        secrets.get("alpaca-key-id")


def test_a_value_is_in_no_text_about_them(secrets):
    secrets.put("key", VALUE)
    with pytest.raises(Setup) as error:
        secrets.get("none")
    for text in (repr(secrets), str(secrets), str(error.value), repr(error.value), str(error.value.as_dict())):
        assert "s3cret" not in text


class TestFile:
    @pytest.fixture
    def kept(self, tmp_path):
        secrets = Secrets(tmp_path, use_keyring=False)
        secrets.put("key", VALUE)
        return secrets

    def test_it_is_its_owners_alone(self, kept, tmp_path):
        status = (tmp_path / "secrets.json").stat()
        assert status.st_mode & 0o777 == 0o600
        assert status.st_uid == os.getuid()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
    def test_one_that_others_can_read_is_refused(self, kept, tmp_path, mode):
        (tmp_path / "secrets.json").chmod(mode)
        with pytest.raises(Setup, match=r"SF822(.|\n)*chmod 600"):
            kept.get("key")
        with pytest.raises(Setup, match="SF822"):
            kept.put("key", "new")

    @pytest.mark.parametrize("text", ['{"key": "s3cret', '["s3cret"]', '"s3cret"', "s3cret", ""])
    def test_a_damaged_one_is_said_without_what_is_in_it(self, kept, tmp_path, text):
        (tmp_path / "secrets.json").write_text(text)
        with pytest.raises(Setup, match="SF823") as error:
            kept.get("key")
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__
        assert "s3cret" not in "".join(traceback.format_exception(error.value))

    def test_a_folder_that_is_made_is_its_owners_alone(self, tmp_path):
        Secrets(tmp_path / "new", use_keyring=False).put("key", "x")
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


class TestCloud:
    """What the cloud's keepers do beyond that; the server is ministack."""

    @pytest.fixture(params=["ssm", "secretsmanager"])
    def place(self, request):
        return f"{request.param}:/{uuid4().hex}/"

    def test_a_value_is_kept_for_a_while_and_then_asked_for_again(self, ministack, place):
        now = [100.0]
        secrets = CloudSecrets(ministack.client(), place, monotonic=lambda: now[0])
        writer = CloudSecrets(ministack.client(), place)
        writer.put("key", "old")
        assert secrets.get("key") == "old"
        writer.put("key", "new")
        now[0] += 299.0
        assert secrets.get("key") == "old"
        now[0] += 2.0
        assert secrets.get("key") == "new"

    def test_that_there_is_none_is_believed_for_less_long(self, ministack, place):
        now = [100.0]
        client = ministack.client()
        secrets = CloudSecrets(client, place, monotonic=lambda: now[0])
        for _ in range(3):
            with pytest.raises(Setup, match="SF821"):
                secrets.get("key")
        assert sum(client.calls.values()) == 1
        CloudSecrets(ministack.client(), place).put("key", "new")
        now[0] += 31.0
        assert secrets.get("key") == "new"

    def test_a_refused_key_is_asked_for_at_once(self, ministack, place):
        secrets = CloudSecrets(ministack.client(), place)
        CloudSecrets(ministack.client(), place).put("key", "old")
        assert secrets.get("key") == "old"
        CloudSecrets(ministack.client(), place).put("key", "new")
        secrets.forget()
        assert secrets.get("key") == "new"

    def test_stacks_do_not_see_each_other(self, ministack, place):
        CloudSecrets(ministack.client(), place).put("key", "x")
        with pytest.raises(Setup, match="SF821"):
            CloudSecrets(ministack.client(), place + "other/").get("key")

    def test_a_service_that_fails_is_said_without_the_value(self, place):
        with scripted(*[answer(400, {"__type": "AccessDeniedException", "message": "no"})] * 2) as server:
            secrets = CloudSecrets(Client("eu-central-1", server.url, environment=KEYS), place)
            for ask in (lambda: secrets.get("key"), lambda: secrets.put("key", VALUE)):
                with pytest.raises(Setup, match="SF763") as error:
                    ask()
                assert "s3cret" not in "".join(traceback.format_exception(error.value))

    def test_another_kind_of_place_is_said(self):
        with pytest.raises(Setup, match="SF767"):
            CloudSecrets(Client("eu-central-1", environment=KEYS), "vault:/x/")


class TestKeyring:
    def use(self, monkeypatch, ring):
        monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
        monkeypatch.setattr(keyring, "get_password", ring.get_password)
        monkeypatch.setattr(keyring, "set_password", ring.set_password)

    def test_one_that_does_not_answer_is_left_for_the_file(self, tmp_path, monkeypatch):
        self.use(monkeypatch, Locked())
        Secrets(tmp_path).put("key", VALUE)
        assert Secrets(tmp_path, use_keyring=False).get("key") == VALUE

    def test_a_value_is_kept_in_one_place(self, tmp_path, monkeypatch):
        Secrets(tmp_path, use_keyring=False).put("key", "old")
        self.use(monkeypatch, Ring())
        secrets = Secrets(tmp_path)
        secrets.put("key", VALUE)
        assert secrets.get("key") == VALUE
        with pytest.raises(Setup, match="SF821"):
            Secrets(tmp_path, use_keyring=False).get("key")


class TestCommand:
    @pytest.fixture(autouse=True)
    def settings(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        return tmp_path / "stratofold"

    def say(self, monkeypatch, text):
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        monkeypatch.setattr("sys.stdin", os.fdopen(read, encoding="utf-8"))

    def test_it_keeps_what_is_piped_in_and_shows_nothing_of_it(self, settings, monkeypatch, capsys):
        self.say(monkeypatch, VALUE + "\n")
        assert run(["secret", "alpaca-secret-key", "--no-keyring"]) == 0
        assert Secrets(settings, use_keyring=False).get("alpaca-secret-key") == VALUE
        shown = capsys.readouterr()
        assert "s3cret" not in shown.out + shown.err

    def test_nothing_is_no_secret(self, monkeypatch, capsys):
        self.say(monkeypatch, "\n")
        assert run(["secret", "key", "--no-keyring"]) != 0
        assert "SF825" in "".join(capsys.readouterr())
