"""One execution environment of a function: Amazon's own runtime client in a process, and the Runtime API that it asks.

What comes in: a function, and events one at a time.  What goes out: what came of each: an answer, an error as Lambda words it,
or that the time was over.
Why it is shaped so: the handler runs under the very client that runs it on AWS, so imports, time-outs, errors while starting, and
exits are what they are there.  Between two events the process is stopped (SIGSTOP), as an environment is frozen there: what
a handler leaves running in the background does not run here either.  One process is one environment; after an error that
Lambda would end it for, it is never used again.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API" (2018-06-01), "Understanding the Lambda execution environment
lifecycle".
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from stratofold.cloud.local.wire import Answer, Request, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INIT_SECONDS = 10.0  # as on AWS
_MEGABYTE = 1 << 20


class Function(NamedTuple):
    """A version of a function as it was deployed, with its code unpacked in `folder`."""

    name: str
    version: str
    arn: str
    handler: str
    folder: Path
    variables: Mapping[str, str]
    timeout_seconds: float
    memory_mb: int
    revision: str = ""  # what it was deployed with, as a hash: another is another environment
    runtime: str = ""
    reserved: int | None = None  # how many environments at most; None: as many as the account has

    @property
    def log_group(self) -> str:
        """Where its lines go."""
        return f"/aws/lambda/{self.name}"


@dataclass
class Outcome:
    """What came of one event: `error` is Lambda's word for it, empty when the handler answered."""

    body: bytes
    error: str = ""
    request_id: str = ""
    cold: bool = False
    throttled: bool = False
    spent_ms: float = 0.0
    init_ms: float = 0.0
    memory_mb: int = 0
    cpu_ms: float = 0.0  # of the processor, since the process began

    @property
    def ok(self) -> bool:
        """Whether the handler answered."""
        return not self.error


@dataclass
class _Call:
    """An event on its way to the process."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None

    def finish(self, body: bytes, error: str = "") -> None:
        """The first that is said counts."""
        if not self.done.is_set():
            self.outcome = Outcome(body, error, self.request_id)
            self.done.set()


class Sandbox:
    """A process and its Runtime API, for one event at a time."""

    def __init__(
        self,
        function: Function,
        python: Path,
        heard: Callable[[str, str], None],
        *,
        freeze: bool = True,
        group: int | None = None,
    ) -> None:
        """Start the process, in a `group` of processes (None: ours).

        `heard` gets each line it prints, with the id of the request it was printed in.
        """
        self.function = function
        self.used_at = time.monotonic()
        self.started = time.perf_counter()
        self.ready_ms = 0.0
        self._heard = heard
        self._freeze = freeze
        self._lock = threading.Condition()
        self._waiting: _Call | None = None
        self._current: _Call | None = None
        self._frozen = False
        self._init_error = b""
        self._ended = False
        self._server = Server(self._answer)
        self._process = subprocess.Popen(  # noqa: S603 -- the function's own handler, in Amazon's client
            [str(python), "-m", "awslambdaric", function.handler],
            cwd=function.folder,
            env=self._variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            process_group=group,
        )
        threading.Thread(target=self._listen, daemon=True, name=f"sandbox-{function.name}").start()

    @property
    def usable(self) -> bool:
        """Whether it can take another event."""
        return not self._ended

    def run(self, payload: bytes) -> Outcome:
        """Give it an event and wait for what comes of it; one at a time."""
        begin = time.perf_counter()
        first = not self.ready_ms
        limit = self.function.timeout_seconds
        call = _Call(payload)
        self._give(call)
        if first:
            self._wait_for_start(call)
            begin = time.perf_counter()
        if not call.done.wait(max(0.0, limit - (time.perf_counter() - begin))):
            call.finish(_words("Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds"), "Sandbox.Timedout")
            self.close()
        outcome = call.outcome or Outcome(b"", "Runtime.Unknown")
        outcome.spent_ms = (time.perf_counter() - begin) * 1e3
        outcome.cold, outcome.init_ms = first, self.ready_ms if first else 0.0
        outcome.memory_mb = self._memory_mb()
        outcome.cpu_ms = self._cpu_ms()
        self.used_at = time.monotonic()
        if outcome.memory_mb > self.function.memory_mb:
            self.close()
            said = f"Memory Size: {self.function.memory_mb} MB, Max Memory Used: {outcome.memory_mb} MB"
            outcome.body, outcome.error = _words("Runtime.OutOfMemory", said), "Runtime.OutOfMemory"
        return outcome

    def close(self) -> None:
        """End the process, whatever it does."""
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        with self._lock:
            self._lock.notify_all()
        self._server.close()

    def _variables(self) -> dict[str, str]:
        """The process's environment: what AWS sets, and what the function was deployed with."""
        function = self.function
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONDONTWRITEBYTECODE": "1",  # the folder of the code cannot be written there
            **function.variables,
            "AWS_LAMBDA_RUNTIME_API": self._server.authority,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"[{function.version}]local",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(function.folder),
            "PYTHONPATH": str(function.folder),
        }

    def _give(self, call: _Call) -> None:
        """Let the process go on, with an event."""
        with self._lock:
            self._waiting = call
            if self._frozen:
                self._frozen = False
                self._signal(signal.SIGCONT)
            self._lock.notify_all()

    def _wait_for_start(self, call: _Call) -> None:
        """Starting has its own time."""
        end = time.monotonic() + INIT_SECONDS
        with self._lock:
            while not self.ready_ms and not call.done.is_set() and not self._ended and time.monotonic() < end:
                self._lock.wait(0.5)
        if not self.ready_ms and not call.done.is_set():
            said = f"Init phase took longer than {INIT_SECONDS:.0f} seconds"
            call.finish(_words("Sandbox.Timedout", said), "Sandbox.Timedout")
            self.close()

    def _answer(self, request: Request) -> Answer | None:
        """The Runtime API."""
        if request.target.endswith("/invocation/next"):
            return self._next()
        if request.target.endswith("/init/error"):
            self._init_error = request.body
            return Answer(202, b"{}")
        request_id, _, kind = request.target.rpartition("/")
        call = self._current
        if call is not None and request_id.endswith(call.request_id):
            self._current = None
            kinds = request.headers.get("lambda-runtime-function-error-type", "Unhandled") if kind == "error" else ""
            call.finish(request.body, kinds)
        return Answer(202, b"{}")

    def _next(self) -> Answer | None:
        """Wait for an event, frozen meanwhile."""
        with self._lock:
            if not self.ready_ms:
                self.ready_ms = (time.perf_counter() - self.started) * 1e3
                self._lock.notify_all()
            elif self._waiting is None and self._freeze:
                self._frozen = True
                self._signal(signal.SIGSTOP)
            while self._waiting is None:
                if self._ended:
                    return None
                self._lock.wait()
            call, self._waiting = self._waiting, None
            self._current = call
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": call.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.function.timeout_seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.function.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{call.request_id.replace('-', '')[:24]};Sampled=0",
        }
        return Answer(200, call.payload, headers)

    def _listen(self) -> None:
        """Hear what the process prints, and notice its end."""
        stream = self._process.stdout
        if stream is None:
            return
        for line in stream:
            call = self._current
            self._heard(call.request_id if call else "", line.decode("utf-8", "replace").rstrip("\n"))
        code = self._process.wait()
        self._ended = True
        with self._lock:
            call = self._current or self._waiting
            self._current = self._waiting = None
            self._lock.notify_all()
        if call is not None:
            body = self._init_error or _words("Runtime.ExitError", f"Runtime exited with error: exit status {code}")
            call.finish(body, _kind(body))
        self._server.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _cpu_ms(self) -> float:
        """What the process's first thread has had of the processor; 0 where the system does not say."""
        try:
            text = Path(f"/proc/{self._process.pid}/schedstat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return int(text.split()[0]) / 1e6

    def _memory_mb(self) -> int:
        """The most that the process has held; 0 when it is gone, or where the system does not say."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0
        lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
        return next((int(words[1]) * 1024 // _MEGABYTE for words in lines), 0)


def _words(kind: str, message: str) -> bytes:
    """An error as Lambda words it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _kind(body: bytes) -> str:
    """The type of an error."""
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unhandled"
