"""What pollers wait for: that something was written somewhere, or that it is time to end.

What comes in: the emulator's word that a queue or a stream has something.  What goes out: everybody who waits goes to look.
Why it is shaped so: asking a hundred times a second would take the processor from what is measured, and asking once a second
would be the greater part of every latency; being told costs neither.
"""

from __future__ import annotations

import threading
import time


class Wake:
    """Something may be there."""

    def __init__(self) -> None:
        """Nothing was written yet."""
        self._changed = threading.Condition()
        self._count = 0
        self.ended = False

    @property
    def count(self) -> int:
        """How often something was written; remembered before looking, so that nothing is missed."""
        return self._count

    def set(self) -> None:
        """Something was written."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def end(self) -> None:
        """It is time to end."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> bool:
        """Wait until more was written than `seen`, or for so long; False when it is time to end."""
        with self._changed:
            if self._count == seen and not self.ended:
                self._changed.wait(seconds)
            return not self.ended

    def sleep(self, seconds: float) -> bool:
        """Wait for so long, whatever is written; False when it is time to end."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self.ended and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self.ended
