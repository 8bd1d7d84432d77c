"""BLAKE3 chaining values of subtrees with NumPy: what `_blake3tree.c` computes, for machines where it could not be built.

Arrays are (words, lanes): a lane is one chunk or one parent, and all lanes go through the compression function together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = bytes | bytearray | memoryview
Words = NDArray[np.uint32]

BLOCK_BYTES: Final = 64
CHUNK_BYTES: Final = 1024
GROUP_CHUNKS: Final = 256
GROUP_BYTES: Final = GROUP_CHUNKS * CHUNK_BYTES
CHUNK_BLOCKS: Final = CHUNK_BYTES // BLOCK_BYTES
BATCH_CHUNKS: Final = 4096
"""Lanes at a time: enough to hide NumPy's cost per call, few enough for the arrays to stay in a CPU's second-level cache."""

_WORD = np.dtype("<u4")
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_IV: Final[Words] = np.array(
    [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19], np.uint32
)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)


def _schedule() -> list[tuple[list[int], list[int], list[int], list[int]]]:
    """For each round, the message words that its four row operations add."""
    order = list(range(16))
    rounds = []
    for _ in range(7):
        rounds.append((order[0:8:2], order[1:8:2], order[8::2], order[9::2]))
        order = [order[i] for i in _PERMUTATION]
    return rounds


_ROUNDS = _schedule()
_TURN_1, _TURN_2, _TURN_3 = [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]


def group_cvs(data: Bytes, first_chunk: int) -> bytes:
    """Chaining values, 32 bytes each, of whole 256 KiB groups."""
    if len(data) % GROUP_BYTES:
        raise ValueError("data is not a whole number of groups")
    values = []
    view = memoryview(data)
    for start in range(0, len(data), BATCH_CHUNKS * CHUNK_BYTES):
        batch = view[start : start + BATCH_CHUNKS * CHUNK_BYTES]
        cvs = _chunk_cvs(batch, first_chunk + start // CHUNK_BYTES)
        groups = len(batch) // GROUP_BYTES
        while cvs.shape[1] > groups:
            cvs = _parents(_pairs(cvs))
        values.append(_to_bytes(cvs))
    return b"".join(values)


def subtree_cv(data: Bytes, first_chunk: int, is_root: bool) -> bytes:
    """Chaining value, or root digest, of a group of at most 256 KiB."""
    if len(data) > GROUP_BYTES:
        raise ValueError("data is larger than a group")
    root_flag = _ROOT if is_root else 0
    if len(data) <= CHUNK_BYTES:
        return _to_bytes(_chunk_cvs(data, first_chunk, root_flag))
    cvs = _chunk_cvs(data, first_chunk)
    while (count := cvs.shape[1]) > 2:
        parents = _parents(_pairs(cvs[:, : count - count % 2]))
        cvs = np.concatenate((parents, cvs[:, -1:]), axis=1) if count % 2 else parents
    return _to_bytes(_parents(_pairs(cvs), root_flag))


def parent_cvs(pairs: Bytes) -> bytes:
    """Chaining values of parents, each given as its 64 bytes: the left child's value, then the right one's."""
    if len(pairs) % BLOCK_BYTES:
        raise ValueError("pairs is not a whole number of 64-byte pairs")
    words = np.frombuffer(pairs, _WORD).reshape(-1, 16)
    return b"".join(
        _to_bytes(_parents(np.ascontiguousarray(words[start : start + BATCH_CHUNKS].T, np.uint32)))
        for start in range(0, len(words), BATCH_CHUNKS)
    )


def parent_cv(left: Bytes, right: Bytes, is_root: bool) -> bytes:
    """Chaining value, or root digest, of one parent."""
    if len(left) != 32 or len(right) != 32:
        raise ValueError("a chaining value has 32 bytes")
    pair = np.frombuffer(b"".join((left, right)), _WORD).astype(np.uint32).reshape(16, 1)
    return _to_bytes(_parents(pair, _ROOT if is_root else 0))


def _to_bytes(cvs: Words) -> bytes:
    return cvs.T.astype(_WORD).tobytes()


def _pairs(cvs: Words) -> Words:
    """Message words of the parents of neighbouring lanes."""
    return np.concatenate((cvs[:, 0::2], cvs[:, 1::2]))


def _parents(words: Words, extra_flags: int = 0) -> Words:
    lanes = words.shape[1]
    ending = np.zeros((4, lanes), np.uint32)
    ending[2] = BLOCK_BYTES
    ending[3] = _PARENT | extra_flags
    return _compress(np.repeat(_IV[:, None], lanes, axis=1), words, ending)


def _chunk_cvs(data: Bytes, first_chunk: int, extra_flags: int = 0) -> Words:
    """Chaining values of the chunks of `data`, the last of which may be short; `extra_flags` go with that one's last block."""
    lanes = max(1, -(-len(data) // CHUNK_BYTES))
    last_bytes = len(data) - (lanes - 1) * CHUNK_BYTES
    last_block = max(0, -(-last_bytes // BLOCK_BYTES) - 1)
    if last_bytes < CHUNK_BYTES:
        data = bytes(data) + bytes(CHUNK_BYTES - last_bytes)
    blocks = np.frombuffer(data, _WORD).reshape(lanes, CHUNK_BLOCKS, 16)
    counters = np.arange(first_chunk, first_chunk + lanes, dtype=np.uint64)
    ending = np.empty((4, lanes), np.uint32)
    ending[0] = counters & np.uint64(0xFFFFFFFF)
    ending[1] = counters >> np.uint64(32)
    cvs = np.repeat(_IV[:, None], lanes, axis=1)
    last_cv = cvs[:, -1]
    for block in range(CHUNK_BLOCKS):
        ending[2] = BLOCK_BYTES
        ending[3] = (_CHUNK_START if block == 0 else 0) | (_CHUNK_END if block == CHUNK_BLOCKS - 1 else 0)
        if block == last_block:
            ending[2, -1] = last_bytes - block * BLOCK_BYTES
            ending[3, -1] |= _CHUNK_END | extra_flags
        cvs = _compress(cvs, np.ascontiguousarray(blocks[:, block].T, np.uint32), ending)
        if block == last_block:
            # The lane of a short chunk is done here; what the padding makes of it is thrown away.
            last_cv = cvs[:, -1].copy()
    cvs[:, -1] = last_cv
    return cvs


def _compress(cvs: Words, words: Words, ending: Words) -> Words:
    """The compression function; `ending` holds the state's last row: counter low, counter high, block length, flags."""
    a, b = cvs[:4].copy(), cvs[4:].copy()
    c = np.repeat(_IV[:4, None], cvs.shape[1], axis=1)
    d = ending.copy()
    scratch = np.empty_like(a)
    for first, second, third, fourth in _ROUNDS:
        _half_round(a, b, c, d, words[first], 16, 12, scratch)
        _half_round(a, b, c, d, words[second], 8, 7, scratch)
        # The diagonals become columns by turning the rows, and back again.
        b, c, d = b[_TURN_1], c[_TURN_2], d[_TURN_3]
        _half_round(a, b, c, d, words[third], 16, 12, scratch)
        _half_round(a, b, c, d, words[fourth], 8, 7, scratch)
        b, c, d = b[_TURN_3], c[_TURN_2], d[_TURN_1]
    return np.concatenate((a ^ c, b ^ d))


def _half_round(a: Words, b: Words, c: Words, d: Words, words: Words, turn_d: int, turn_b: int, scratch: Words) -> None:
    """One half of the mixing function on all four columns, in place; `scratch` is overwritten."""
    a += b
    a += words
    d ^= a
    _rotate(d, turn_d, scratch)
    c += d
    b ^= c
    _rotate(b, turn_b, scratch)


def _rotate(words: Words, bits: int, scratch: Words) -> None:
    np.left_shift(words, np.uint32(32 - bits), out=scratch)
    np.right_shift(words, np.uint32(bits), out=words)
    words |= scratch
