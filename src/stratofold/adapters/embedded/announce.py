"""Tells one alert to some channels through apprise; runs as a process of its own (`python -m`), for `notifier`.

What comes in: on standard input, JSON with `channels` (address by name), `title`, `body`, `level`, and `send`.
What goes out: on standard output, one line of JSON a channel as soon as it is known: its `name` and whether it was `told`
(null for an address that nobody understands).
Why it is shaped so: apprise and what it brings take 40 MB and half a second of processor time, and a channel may hang; none
of that belongs in the process that trades.  Addresses hold keys, so they come by a pipe, and apprise's own log is off.
"""

from __future__ import annotations

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

LEVELS = {"info": "info", "warning": "warning", "critical": "failure"}


def tell(address: str, request: dict[str, Any]) -> bool | None:
    """Tell one channel; None when the address is none."""
    import apprise

    channel = apprise.Apprise()
    if not channel.add(address):
        return None
    if not request["send"]:
        return True
    told = channel.notify(title=request["title"], body=request["body"], notify_type=LEVELS[request["level"]])
    return bool(told)


def main() -> None:
    """Tell every channel at once."""
    logging.disable(logging.CRITICAL)
    request = json.load(sys.stdin)
    channels = request["channels"]
    with ThreadPoolExecutor(max(len(channels), 1)) as threads:
        telling = {threads.submit(tell, address, request): name for name, address in channels.items()}
        for done in as_completed(telling):
            told = False if done.exception() else done.result()
            print(json.dumps({"name": telling[done], "told": told}), flush=True)  # noqa: T201 -- the answer


if __name__ == "__main__":
    main()
