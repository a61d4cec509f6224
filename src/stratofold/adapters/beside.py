"""Questions that do not depend on one another, asked side by side.

What comes in: questions, and tasks to ask them in.  What goes out: nothing; each question keeps its own answer.
Why it is shaped so: a question that was not answered is simply asked again by who needs the answer, who then also hears why.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from stratofold.adapters.nouns import NoAnswer
from stratofold.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from stratofold.adapters.ports import Tasks

    Question = Callable[[], Coroutine[object, object, object]]

LANES = 4  # questions under way at a time: each takes a connection


async def side_by_side(tasks: Tasks, questions: Sequence[Question]) -> None:
    """Ask a few at a time until all are answered, or are not."""
    waiting, lanes = iter(questions), min(LANES, len(questions))
    done = tasks.signal()

    async def lane() -> None:
        """Ask what nobody has asked yet."""
        nonlocal lanes
        for question in waiting:
            with suppress(NoAnswer, Error):
                await question()
        lanes -= 1
        done.set()

    for number in range(lanes):
        tasks.begin(f"ask {number}", lane())
    while lanes:
        await done.wait()
