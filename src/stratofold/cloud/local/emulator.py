"""The services of Amazon's that the stack uses, on loopback: ministack, in its own environment.

What comes in: a port, and where functions are run.  What goes out: the address of the services, while it is entered.
Why it is shaped so: nothing in this process knows the emulator but its address, so what is tested against it is what speaks to
Amazon.  It binds loopback only, keeps nothing on the disk, and ends with whoever started it, however that ended: it leads a
group of processes, which the functions' join, and one that is frozen ends as well when the group is killed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from stratofold.cloud.local.environment import python_with
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_SECONDS = 60.0
HOST = "127.0.0.1"
LAUNCH = Path(__file__).parent / "launch.py"
REGION = "eu-central-1"
ARCHITECTURE = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
# What a client on this machine shows; the emulator looks at neither.
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}


# A proxy that the user's shell names is for what is elsewhere.
open_here = build_opener(ProxyHandler({})).open


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


class Emulator:
    """The services, while it is entered: `url` is where they all are."""

    def __init__(
        self, port: int = 0, *, functions_url: str = "", log: Path | None = None, folders: Sequence[str] = ()
    ) -> None:
        """On a port (0: any), with functions run at `functions_url` (nowhere: by nobody); what it says goes to `log`.

        It takes `folders` away when whoever started it is gone and did not do so.
        """
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._functions_url = functions_url
        self._log = log
        self._folders = folders
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def group(self) -> int | None:
        """The group of processes that ends with it; None while it does not run."""
        return self._process.pid if self._process is not None else None

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to find the services."""
        elsewhere = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        near = ",".join(dict.fromkeys([*filter(None, elsewhere.split(",")), HOST]))
        return {**KEYS, "AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": near}

    def __enter__(self) -> Self:
        """Start it and wait until it answers; raises Setup SF771 when it does not."""
        python = python_with()
        try:
            socket.create_server((HOST, self.port)).close()
        except OSError as error:
            raise self._silent(str(error)) from error
        self._scratch = tempfile.TemporaryDirectory(prefix="stratofold-cloud-")
        log = (self._log or Path(self._scratch.name) / "log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and script
                [str(python), str(LAUNCH)], env=self._settings(), stdout=log, stderr=log, stdin=subprocess.PIPE,
                process_group=0,
            )  # fmt: skip
        try:
            self._wait(log.name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End it and its group, and take away what it wrote."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # before it is waited for: nobody else can have its number
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _settings(self) -> dict[str, str]:
        """Its environment: loopback, no other listeners, nothing kept, and no keys of the user's."""
        scratch = self._scratch.name if self._scratch else tempfile.gettempdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "S3_DATA_DIR": scratch,
            "STATE_DIR": scratch,
            "TMPDIR": scratch,
            "STRATOFOLD_FUNCTIONS_URL": self._functions_url,
            "STRATOFOLD_FOLDERS": os.pathsep.join([scratch, *self._folders] if self._scratch else self._folders),
        }

    def _wait(self, log: str) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(URLError, OSError), open_here(f"{self.url}/_ministack/health", timeout=1.0):
                return
            time.sleep(0.05)
        said = Path(log).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise self._silent(" / ".join(said) or "it said nothing")

    def _silent(self, why: str) -> Setup:
        """It did not start."""
        return Setup(
            "SF771",
            "the emulator of the cloud did not start",
            place=self.url,
            why=why,
            fix="look at why; if the port is taken, give another one (--port)",
        )
