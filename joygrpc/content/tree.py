"""The BLAKE3 tree of an object, cut off above 256 KiB groups: any group can be proven against the multihash on chain.

An object's digest is the root of a binary tree whose leaves are chunks of 1 KiB. Here the leaves are *groups*, subtrees of 256 chunks (the
last one may be shorter), each with its *chaining value* (CV, 32 bytes). Above them are the *inner nodes*: 64 bytes, the CVs of the left and
the right child. The left child holds the largest power of two of groups that is less than the node's number of groups, which is
BLAKE3's own rule since a group has a power of two of chunks.

Serialised, a tree is its inner nodes in pre-order (node, left subtree, right subtree) and nothing else: 64 bytes for every group but one.
The *proof* of a byte range is the part of that sequence that lies on the paths to the range's groups, in the same order. Size and root are
not in it: whoever checks a tree has them from the chain. An object of one group has no inner node, so its tree is empty; that holds for
the object of 0 bytes too, which has one group of 0 bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from joygrpc.content.chaining import Bytes, chaining
from joygrpc.content.groups import GROUP_CHUNKS, GROUP_SIZE, group_count, group_range, group_span

CV_BYTES = 32
NODE_BYTES = 2 * CV_BYTES
_READ_BYTES = 1 << 20


class InvalidTree(ValueError):
    """Tree or proof does not lead to the root: it was damaged, or belongs to another object, or the peer lies."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The whole tree of one object: `size` in bytes, and `root`, the 32-byte digest that the multihash holds.

    `levels[0]` holds the CVs of the groups; every further level those of the parents of neighbours, an odd last one carried up. The last
    level holds the root's children (or, of an object of one group, the root itself).
    """

    size: int
    root: bytes
    levels: tuple[bytes, ...]

    @classmethod
    def of_groups(cls, size: int, group_cvs: bytes) -> Self:
        """The tree above the CVs of an object's groups (of its only group, the root)."""
        if len(group_cvs) != CV_BYTES * group_count(size):
            raise InvalidTree(f"{len(group_cvs)} bytes of chaining values do not fit an object of {size} bytes")
        if len(group_cvs) == CV_BYTES:
            return cls(size, group_cvs, (group_cvs,))
        hashing = chaining()
        levels = [group_cvs]
        while len(level := levels[-1]) > NODE_BYTES:
            paired = len(level) // NODE_BYTES * NODE_BYTES
            levels.append(hashing.parent_cvs(level[:paired]) + level[paired:])
        return cls(size, hashing.parent_cv(level[:CV_BYTES], level[CV_BYTES:], True), tuple(levels))

    @classmethod
    def parse(cls, data: bytes, size: int, root: bytes) -> Self:
        """The serialised tree of the object that has this size and root; `InvalidTree` if it is not exactly that."""
        groups = group_count(size)
        if len(data) != NODE_BYTES * (groups - 1):
            raise InvalidTree(f"a tree of {groups} groups has {NODE_BYTES * (groups - 1)} bytes, not {len(data)}")
        if groups == 1:
            return cls(size, root, (root,))
        leaf_slots = _route(groups, range(groups)).leaf_slots
        tree = cls.of_groups(size, _values_at(data, leaf_slots))
        if tree.root != root or tree.serialise() != data:
            raise InvalidTree("the tree does not lead to the root")
        return tree

    @property
    def group_count(self) -> int:
        """The number of groups."""
        return group_count(self.size)

    @property
    def group_cvs(self) -> bytes:
        """The CVs of all groups, 32 bytes each."""
        return self.levels[0]

    def group_cv(self, index: int) -> bytes:
        """The CV of one group (of the only group, the root); IndexError if there is no such group."""
        if not 0 <= index < self.group_count:
            raise IndexError(f"no group {index} in an object of {self.group_count}")
        return self.group_cvs[index * CV_BYTES : (index + 1) * CV_BYTES]

    def serialise(self) -> bytes:
        """All inner nodes in pre-order."""
        return self._nodes(range(self.group_count))

    def prove(self, offset: int, limit: int) -> bytes:
        """The inner nodes, in pre-order, that lead to the groups of a byte range (as `group_range` reads it)."""
        return self._nodes(group_range(offset, limit, self.size))

    def _nodes(self, wanted: range) -> bytes:
        nodes = []
        for first, count in _route(self.group_count, wanted).nodes:
            height = (count - 1).bit_length() - 1
            start = (first >> height) * CV_BYTES
            nodes.append(self.levels[height][start : start + NODE_BYTES])
        return b"".join(nodes)


@dataclass(frozen=True, slots=True)
class TreeSlice:
    """Verified CVs of some neighbouring groups of an object; `groups` are their indices."""

    size: int
    root: bytes
    groups: range
    group_cvs: bytes

    @classmethod
    def parse(cls, data: bytes, size: int, root: bytes, offset: int, limit: int) -> Self:
        """What the proof of a byte range shows (see `Tree.prove`); `InvalidTree` if a node is wrong, missing or too much."""
        groups = group_range(offset, limit, size)
        route = _route(group_count(size), groups)
        if len(data) != NODE_BYTES * len(route.nodes):
            raise InvalidTree(f"the proof has {NODE_BYTES * len(route.nodes)} bytes, not {len(data)}")
        if not route.nodes:
            return cls(size, root, groups, root if groups else b"")
        hashing = chaining()
        # Each node must hash to the value that its parent, which came before it, holds for it.
        proven = hashing.parent_cv(data[:CV_BYTES], data[CV_BYTES:NODE_BYTES], True) == root
        if not proven or hashing.parent_cvs(data[NODE_BYTES:]) != _values_at(data, route.node_slots):
            raise InvalidTree("the proof does not lead to the root")
        return cls(size, root, groups, _values_at(data, route.leaf_slots))

    def group_cv(self, index: int) -> bytes:
        """The CV of one group (of the only group, the root); IndexError if it is outside the slice."""
        if index not in self.groups:
            raise IndexError(f"no group {index} in a slice of {self.groups}")
        start = (index - self.groups.start) * CV_BYTES
        return self.group_cvs[start : start + CV_BYTES]


class TreeBuilder:
    """Hashes an object's bytes as they come and builds its tree; holds less than one batch of groups (512 KiB; 4 MiB with NumPy).

    For one thread at a time. Updates of 512 KiB and more are hashed without the interpreter's lock and, as far as aligned to groups, without a copy.
    """

    def __init__(self) -> None:
        self._hashing = chaining()
        # Two groups at least: what is hashed before the end is then never an object's only group, which would be hashed as the root.
        self._batch_bytes = self._hashing.batch_groups * GROUP_SIZE
        self._pending = bytearray()
        self._cvs = bytearray()
        self._size = 0

    def __repr__(self) -> str:
        return f"<TreeBuilder {self._size} bytes, {len(self._cvs) // CV_BYTES} groups hashed>"

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._size

    def update(self, data: Bytes) -> None:
        """Takes the object's next bytes, any number of them."""
        view = memoryview(data).cast("B")
        self._size += len(view)
        if self._pending:
            room = self._batch_bytes - len(self._pending)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) < self._batch_bytes:
                return
            self._hash_groups(self._pending)
            self._pending.clear()
        if len(view) >= self._batch_bytes:
            whole = len(view) // GROUP_SIZE * GROUP_SIZE
            self._hash_groups(view[:whole])
            view = view[whole:]
        self._pending += view

    def finish(self) -> Tree:
        """The tree of the bytes taken so far. Changes nothing, so more may follow."""
        if self._size <= GROUP_SIZE:
            return Tree.of_groups(self._size, self._hashing.subtree_cv(self._pending, 0, True))
        cvs = bytes(self._cvs)
        with memoryview(self._pending) as pending:
            whole = len(pending) // GROUP_SIZE * GROUP_SIZE
            if whole:
                cvs += self._hashing.group_cvs(pending[:whole], _first_chunk_after(cvs))
            if whole < len(pending):
                cvs += self._hashing.subtree_cv(pending[whole:], _first_chunk_after(cvs), False)
        return Tree.of_groups(self._size, cvs)

    def _hash_groups(self, data: Bytes) -> None:
        self._cvs += self._hashing.group_cvs(data, _first_chunk_after(self._cvs))


def build_tree_of_file(
    path_or_fd: str | os.PathLike[str] | int, size: int | None = None, progress: Callable[[int], None] | None = None
) -> Tree:
    """The tree of a file, or of its first `size` bytes. Blocks; raises OSError, and EOFError for a file shorter than `size`.

    A descriptor is read from offset 0, stays open and keeps its position. `progress` is told the number of bytes hashed so far.
    """
    if isinstance(path_or_fd, int):
        return _build(path_or_fd, size, progress)
    with Path(path_or_fd).open("rb", buffering=0) as file:
        return _build(file.fileno(), size, progress)


def _build(fd: int, size: int | None, progress: Callable[[int], None] | None) -> Tree:
    builder = TreeBuilder()
    buffer = memoryview(bytearray(_READ_BYTES))
    while size is None or builder.size < size:
        wanted = _READ_BYTES if size is None else min(_READ_BYTES, size - builder.size)
        count = os.preadv(fd, [buffer[:wanted]], builder.size)
        if count == 0:
            if size is None:
                break
            raise EOFError(f"the file ends after {builder.size} of {size} bytes")
        builder.update(buffer[:count])
        if progress is not None:
            progress(builder.size)
    return builder.finish()


def verify_group(index: int, data: Bytes, cv_source: Tree | TreeSlice) -> bool:
    """Whether `data` is exactly group `index` of the object; IndexError if the source does not know that group."""
    cv = cv_source.group_cv(index)
    start, stop = group_span(index, cv_source.size)
    if len(data) != stop - start:
        return False
    only_group = group_count(cv_source.size) == 1
    return chaining().subtree_cv(data, index * GROUP_CHUNKS, only_group) == cv


@dataclass(frozen=True, slots=True)
class _Route:
    """The inner nodes on the paths to some groups.

    `nodes`: (first group, number of groups) of each, in pre-order. A slot is where in these nodes' bytes a CV lies: `node_slots` for each
    node but the root, `leaf_slots` for each wanted group.
    """

    nodes: list[tuple[int, int]]
    node_slots: list[int]
    leaf_slots: list[int]


def _route(groups: int, wanted: range) -> _Route:
    route = _Route([], [], [])
    if groups == 1 or not wanted:
        return route
    todo = [(0, groups, -1)]
    while todo:
        first, count, slot = todo.pop()
        if count == 1:
            route.leaf_slots.append(slot)
            continue
        slot_of_left = len(route.nodes) * NODE_BYTES
        route.nodes.append((first, count))
        if slot >= 0:
            route.node_slots.append(slot)
        left_count = 1 << ((count - 1).bit_length() - 1)
        middle = first + left_count
        if wanted.stop > middle:
            todo.append((middle, count - left_count, slot_of_left + CV_BYTES))
        if wanted.start < middle:
            todo.append((first, left_count, slot_of_left))
    return route


def _first_chunk_after(cvs: Bytes) -> int:
    return len(cvs) // CV_BYTES * GROUP_CHUNKS


def _values_at(data: bytes, slots: list[int]) -> bytes:
    return b"".join([data[slot : slot + CV_BYTES] for slot in slots])
