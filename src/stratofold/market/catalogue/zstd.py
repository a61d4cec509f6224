"""Zstandard out of polars, which has it and gives it to nobody but its own files.

What comes in: bytes.
What goes out: one Zstandard frame that holds them.
Why it is shaped so: an Arrow file of one column of bytes holds just that frame, after their number; a library for this alone
would be one more to install, and Python has its own from 3.14 on.

Sources: Apache Arrow, "Columnar format", IPC files; RFC 8878, Zstandard's frames and blocks.
"""

from __future__ import annotations

import io

import numpy as np
import polars as pl

_HEAD_BYTES = 4_096  # of such a file, before its only buffer
_SAMPLE_BYTES = 32_768
_WORTH_IT = 0.9  # what is not this much shorter is not searched for repetitions: that costs more than all the rest
_ONE_VALUE = 1  # a block that holds one byte, to be repeated
_CONTENT_SIZES = (0, 2, 4, 8)
_MAGIC = 0xFD2FB528.to_bytes(4, "little")
_BLOCK_BYTES_MAX = 131_072


def compressed(data: bytes) -> bytes:
    """The frame of some bytes, at least one; as they are, where a sample of them would not become much shorter."""
    sample = data[:_SAMPLE_BYTES]
    frame = _frame(sample)
    if len(frame) > _WORTH_IT * len(sample):
        return _stored(data)
    return frame if len(sample) == len(data) else _frame(data)


def _frame(data: bytes) -> bytes:
    """What polars makes of them."""
    column = pl.Series("", np.frombuffer(data, np.uint8))
    file = io.BytesIO()
    column.to_frame().write_ipc(file, compression="zstd", record_batch_size=len(data))
    before = len(data).to_bytes(8, "little")  # how an Arrow file introduces a buffer that is compressed
    with file.getbuffer() as view:
        found = bytes(view[:_HEAD_BYTES]).find(before + _MAGIC)
        begin = found + len(before)
        return _stored(data) if found < 0 else bytes(view[begin : _end(view, begin)])


def _stored(data: bytes) -> bytes:
    """A frame whose blocks are the bytes themselves."""
    out = bytearray(_MAGIC + b"\xe0" + len(data).to_bytes(8, "little"))
    for begin in range(0, len(data), _BLOCK_BYTES_MAX):
        block = data[begin : begin + _BLOCK_BYTES_MAX]
        is_last = begin + len(block) == len(data)
        out += (len(block) << 3 | is_last).to_bytes(3, "little")
        out += block
    return bytes(out)


def _end(view: memoryview, begin: int) -> int:
    """Where the frame that begins there ends: block after block, until one says that it is the last."""
    descriptor = view[begin + 4]
    is_single, has_checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    content = _CONTENT_SIZES[descriptor >> 6] or is_single
    at = begin + 5 + (1 - is_single) + content
    is_last = False
    while not is_last:
        head = int.from_bytes(view[at : at + 3], "little")
        is_last = bool(head & 1)
        at += 3 + (1 if head >> 1 & 3 == _ONE_VALUE else head >> 3)
    return at + 4 * has_checksum
