"""Which code computes BLAKE3 chaining values: the C extension where it was built, NumPy elsewhere.

The environment variable `JOYGRPC_TREE` (`c` or `numpy`) forces one of them. Both give the same results.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Bytes = bytes | bytearray | memoryview
Implementation = Literal["c", "numpy"]

ENVIRONMENT_VARIABLE = "JOYGRPC_TREE"


@dataclass(frozen=True, slots=True)
class Chaining:
    """The functions that hash parts of a tree; a first chunk is counted in KiB from the object's start."""

    implementation: Implementation
    batch_groups: int
    """How many groups a caller should collect for one call to be efficient; at least two."""
    group_cvs: Callable[[Bytes, int], bytes]
    """(whole groups, first chunk) to 32 bytes per group."""
    subtree_cv: Callable[[Bytes, int, bool], bytes]
    """(at most one group, first chunk, is it the root) to 32 bytes."""
    parent_cvs: Callable[[Bytes], bytes]
    """64 bytes (left value, right value) per parent to 32 bytes each; never the root."""
    parent_cv: Callable[[Bytes, Bytes, bool], bytes]
    """(left value, right value, is it the root) to 32 bytes."""


def chaining() -> Chaining:
    """The implementation to use now. Raises ValueError for an unknown name in the environment, ImportError if the forced one is missing."""
    return _load(os.environ.get(ENVIRONMENT_VARIABLE, ""))


def implementation() -> Implementation:
    """The name of the implementation in use, for logs and diagnosis."""
    return chaining().implementation


@cache
def _load(wanted: str) -> Chaining:
    match wanted:
        case "c":
            return _c()
        case "numpy":
            return _numpy()
        case "":
            try:
                return _c()
            except ImportError:
                return _numpy()
    raise ValueError(f"{ENVIRONMENT_VARIABLE} is {wanted!r}; it may be 'c' or 'numpy'")


def _c() -> Chaining:
    from joygrpc.content import _blake3tree as c

    return Chaining("c", 2, c.group_cvs, c.subtree_cv, c.parent_cvs, c.parent_cv)


def _numpy() -> Chaining:
    # Imported here, since NumPy costs every process that does not need it a tenth of a second and 20 MiB.
    from joygrpc.content import _numpy_tree as numpy

    batch_groups = numpy.BATCH_CHUNKS // numpy.GROUP_CHUNKS
    return Chaining("numpy", batch_groups, numpy.group_cvs, numpy.subtree_cv, numpy.parent_cvs, numpy.parent_cv)
