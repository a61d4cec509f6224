"""The cloud's services as tests have them: one ministack, one moto, one SeaweedFS a session, each started when first asked for.

Each is an `At`: where it is, and the environment of a process that finds it.  What cannot be started fails the test that asked,
with the reason; nothing is skipped.
"""

import json
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import pytest

from stratofold.adapters.aws.client import Client
from stratofold.cloud.local.emulator import KEYS, REGION, Emulator, free_port
from stratofold.cloud.local.environment import python_with
from tests.mortal import mortal
from tests.patience import PATIENCE_SECONDS

ORACLES = Path(__file__).parents[1] / "requirements" / "oracles.txt"


class At(NamedTuple):
    """A server: its address and the environment that names it."""

    name: str
    url: str
    environment: dict[str, str]

    def client(self, **given):
        """A fresh client of ours."""
        return Client(environment=self.environment, **given)

    def bucket(self, *, locks=False):
        """A fresh bucket; with `locks`, one whose objects can be held."""
        name = f"bucket-{uuid4().hex[:12]}"
        where = (
            f"<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        )
        self.client().s3(
            "PUT", name, body=where.encode(), headers={"x-amz-bucket-object-lock-enabled": str(locks).lower()}
        )
        return name


def at(name, url, **more):
    return At(name, url, {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", **more})


@contextmanager
def started(command, url, log, **given):
    """A server's process while it is needed."""
    with (
        log.open("wb") as file,
        subprocess.Popen(mortal(command), stdout=file, stderr=file, **given) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command} did not start: {log.read_text(errors='replace')[-500:]}")
                time.sleep(0.05)
            yield
        finally:
            process.kill()  # nothing is to be kept, and some take long to say goodbye


def answers(url):
    try:
        with urlopen(url, timeout=10.0):  # noqa: S310 -- our own server
            return True
    except (URLError, OSError) as error:
        return getattr(error, "code", None) is not None


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    """The services, without functions."""
    with Emulator(log=tmp_path_factory.mktemp("ministack") / "log") as emulator:
        yield at("ministack", emulator.url)


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The second opinion; its transactions copy the whole table, so tables stay small."""
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "log"
    command = [python_with(ORACLES), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with started(command, f"http://127.0.0.1:{port}/moto-api/", log):
        yield at("moto", f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def weed(tmp_path_factory):
    """A real S3 server, with real locks."""
    folder = tmp_path_factory.mktemp("weed")
    ports = {name: free_port() for name in ("s3", "master", "volume", "filer")}
    flags = {f"{name}.port": port for name, port in ports.items()}
    flags |= {f"{name}.port.grpc": free_port() for name in ports}
    flags |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "s3.config": folder / "s3.json", "s3": "true", "filer": "true"}
    flags |= {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "volume.max": 2000,
        "master.volumeSizeLimitMB": 8,
        "s3.autoCreateBucket": "false",
    }
    identity = {
        "name": "local",
        "credentials": [{"accessKey": "local", "secretKey": "local"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    program = python_with(ORACLES).parent / "weed"
    command = [program, "server", *(f"-{name}={value}" for name, value in flags.items())]
    with started(command, f"http://127.0.0.1:{ports['s3']}/healthz", folder / "log", cwd=folder):
        yield at("weed", f"http://127.0.0.1:{ports['s3']}")
