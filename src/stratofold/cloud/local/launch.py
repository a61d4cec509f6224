"""Starts the emulator with our functions: this file runs in the emulator's environment, never in ours.

What comes in: `STRATOFOLD_FUNCTIONS_URL`, where functions are run.  What goes out: the emulator, until its standard input ends.
Why it is shaped so: whatever invokes a function in the emulator (a route, a schedule, a file in a bucket, an event bus, another
program) passes one door, and there the event is handed to the real runtime client instead of to the emulator's own worker; its
own pollers of queues and streams give way to ours, which do as Amazon's do, and are told when something was written.  It is two names of a pinned version that are
replaced, and a version without them refuses to start.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from typing import Any
from urllib.parse import quote, urlsplit

from ministack import app
from ministack.core.concurrency import esm_wake
from ministack.services import lambda_svc

URL = os.environ.get("STRATOFOLD_FUNCTIONS_URL", "")
_held = threading.local()


def run_elsewhere(function: dict[str, Any], event: object) -> dict[str, Any]:
    """Have a function run where functions are run; the answer in the emulator's own words."""
    settings = function.get("config") or function
    name = settings["FunctionName"]
    qualifier = settings["FunctionArn"].split(":")[7:8] or [settings.get("Version", "$LATEST")]
    status, headers, body = ask(f"/functions/{quote(name)}?qualifier={quote(qualifier[0])}", event)
    failed = headers.get("x-amz-function-error", "")
    answer: dict[str, Any] = {"log": ""}
    text = body.decode("utf-8", "replace")
    try:
        answer["body"] = json.loads(text) if text else None
    except ValueError:
        answer |= {"body": text, "raw_payload": True}
    if status == 429:
        answer["throttle"] = True
    if failed or status >= 300:
        answer |= {"error": True, "function_error": failed or "Unhandled"}
    return answer


def ask(path: str, event: object) -> tuple[int, dict[str, str], bytes]:
    """One request over this thread's connection, opened anew when the other side has closed it."""
    body = json.dumps(event).encode()
    for attempt in range(2):
        connection = getattr(_held, "connection", None)
        if connection is None:
            parts = urlsplit(URL)
            _held.connection = connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=960)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            _held.connection = None
            if attempt:
                return 500, {}, json.dumps({"errorType": "Runtime.Gone", "errorMessage": str(error)}).encode()
    raise AssertionError("unreachable")


def pass_on() -> None:
    """In the place of the emulator's poller: when something was written, those who read are told."""
    while True:
        esm_wake.wait()
        esm_wake.clear()
        ask("/wake", None)


def end_with_parent() -> None:
    """End when whoever started this is gone, however it went."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> None:
    """Put ours in the place of theirs, and start."""
    for name in ("_execute_function", "_poll_loop"):
        if not callable(getattr(lambda_svc, name, None)):
            sys.exit(f"this version of ministack has no {name}")
    if URL:
        lambda_svc._execute_function = run_elsewhere  # noqa: SLF001 -- the one door, see above
        lambda_svc._poll_loop = pass_on  # noqa: SLF001
    threading.Thread(target=end_with_parent, daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
