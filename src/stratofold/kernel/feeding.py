"""A program that hears another feed: the engine stays where it is packed, and the feed's record is written anew.

What comes in: a program, and the feed of another market for which its engine would have been built the same.  What goes
out: the program as if it had been made of both.
Why so: the next symbol of a sweep has other bars and nothing else, and to lay an engine out takes as long as hundreds of
its cells beside their bars.
"""
# ruff: noqa: SLF001 - of what a program and its block are made

from typing import TYPE_CHECKING

from stratofold.kernel.packing import MISFITS
from stratofold.kernel.refused import Changed

if TYPE_CHECKING:
    from stratofold.fold.engine import Feed
    from stratofold.kernel.program import Program

_FEED = 2  # the root that is packed last of those that stay


def hear(program: "Program", feed: "Feed") -> None:
    """Have the program hear `feed`, its strategy dismissed; raises Changed, and nothing else has changed, where it does not fit."""
    program.vacate()
    block, packer = program._block, program._packer
    count = len(block.kept)
    try:
        packer._writers[id(packer.roots[_FEED])](block, program._addresses[_FEED] - block.shift, (feed,))
    except (Changed, *MISFITS) as wrong:
        del block.kept[count:], block.groups[count:]
        raise Changed(str(wrong)) from wrong
    columns = len(block.kept) - count  # as many as the other feed had: the layout is the same
    del block.kept[count - columns : count], block.groups[count - columns : count]
    block._arrays = set(map(id, block.kept))
    block._seated = bytes(memoryview(block.memory)[block.start : block.hosts_end])
    program.objects[_FEED] = feed
