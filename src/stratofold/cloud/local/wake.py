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
        self._found_nothing: dict[int, int] = {}
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

    def reads(self) -> None:
        """The thread that says this reads from now on, and has not found nothing yet."""
        with self._changed:
            self._found_nothing[threading.get_ident()] = -1

    def reads_no_more(self) -> None:
        """The thread that says this has come to an end of what it reads."""
        with self._changed:
            self._found_nothing.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def found_nothing(self, seen: int) -> None:
        """The thread that says this looked, after `seen` times something was written, and there was nothing."""
        with self._changed:
            self._found_nothing[threading.get_ident()] = seen
            self._changed.notify_all()

    def quiet(self, seconds: float) -> bool:
        """Wait until everybody has looked after now and found nothing; False when the time is over before that."""
        asked, end = self._count, time.monotonic() + seconds
        with self._changed:
            while not self._found_nothing or min(self._found_nothing.values()) < asked:
                if self.ended or (left := end - time.monotonic()) <= 0:
                    return self.ended
                self._changed.wait(left)
        return True

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
