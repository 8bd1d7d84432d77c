import os
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.content import (
    GROUP_SIZE,
    InvalidTree,
    Tree,
    TreeBuilder,
    TreeSlice,
    build_tree_of_file,
    group_count,
    group_range,
    group_span,
    verify_group,
)

pytestmark = pytest.mark.usefixtures("implementation_name")

CHUNK = 1024
NOISE = random.Random(4).randbytes(9 * GROUP_SIZE)
quick = settings(max_examples=25, deadline=None)

PUBLISHED = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    2048: "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
    2049: "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
    31744: "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}
"""Digests of the official test vectors."""

VECTOR_LENGTHS = [
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2048, 2049, 3072, 3073, 4096, 4097),
    *(5120, 5121, 6144, 6145, 7168, 7169, 8192, 8193, 16384, 31744, 102400),
]

# Around the places where the tree changes its shape.
near_boundaries = st.one_of(
    st.integers(0, 3 * CHUNK),
    st.builds(
        lambda groups, offset: max(0, groups * GROUP_SIZE + offset),
        st.integers(1, 8),
        st.sampled_from([-CHUNK - 1, -CHUNK, -1, 0, 1, CHUNK, CHUNK + 1, 70_000]),
    ),
)
several_groups = st.integers(GROUP_SIZE + 1, len(NOISE))


def build(data: bytes) -> Tree:
    builder = TreeBuilder()
    builder.update(data)
    return builder.finish()


@pytest.fixture(scope="module")
def grown(implementation_name: str) -> dict[int, Tree]:
    """Trees of the noise's first bytes, by size: several of every shape."""
    sizes = [0, 1, GROUP_SIZE, GROUP_SIZE + 1, *(n * GROUP_SIZE - 77 for n in range(3, 10))]
    return {size: build(NOISE[:size]) for size in sizes}


@pytest.mark.parametrize("length", VECTOR_LENGTHS)
def test_official_vectors(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    tree = build(data)
    assert tree.root == blake3(data).digest()
    if length in PUBLISHED:
        assert tree.root.hex() == PUBLISHED[length]


@quick
@given(near_boundaries, st.lists(st.integers(0, len(NOISE)), max_size=6))
def test_the_root_is_the_digest_however_the_bytes_come(size: int, cuts: list[int]) -> None:
    data = NOISE[:size]
    builder = TreeBuilder()
    for start, stop in pairwise(sorted({0, size, *(cut % (size + 1) for cut in cuts)})):
        builder.update(memoryview(data)[start:stop])
    tree = builder.finish()
    assert (tree.root, tree.size) == (blake3(data).digest(), size)


def test_small_pieces_make_the_same_tree() -> None:
    data = NOISE[: 3 * GROUP_SIZE + 5]
    builder = TreeBuilder()
    for start in range(0, len(data), 8192):
        builder.update(bytearray(data[start : start + 8192]))
    assert builder.finish() == build(data)


def test_a_builder_can_be_asked_in_between() -> None:
    builder = TreeBuilder()
    for size in (0, 10, GROUP_SIZE, 5 * GROUP_SIZE, 5 * GROUP_SIZE + 1):
        builder.update(NOISE[builder.size : size])
        assert builder.finish().root == blake3(NOISE[:size]).digest()
    assert repr(builder).startswith("<TreeBuilder 1310721 bytes")


@pytest.mark.parametrize("size", [0, 1, GROUP_SIZE])
def test_an_object_of_one_group_has_no_inner_nodes(size: int) -> None:
    tree = build(NOISE[:size])
    assert (tree.group_count, tree.group_cvs, tree.serialise(), tree.prove(0, size)) == (1, tree.root, b"", b"")
    assert Tree.parse(b"", size, tree.root) == tree
    assert verify_group(0, NOISE[:size], tree)
    assert verify_group(0, NOISE[:size], TreeSlice.parse(b"", size, tree.root, 0, size))
    assert not verify_group(0, NOISE[: size + 1], tree)
    assert not verify_group(0, NOISE[:size], replace(tree, root=bytes(32), levels=(bytes(32),)))


def test_the_serialised_form_is_the_nodes_in_pre_order() -> None:
    tree = build(NOISE[: 3 * GROUP_SIZE])
    first, second, third = (tree.group_cv(i) for i in range(3))
    left = tree.levels[1][:32]
    assert tree.serialise() == left + third + first + second
    assert tree.prove(0, 1) == tree.prove(GROUP_SIZE, 1) == tree.serialise()
    assert tree.prove(2 * GROUP_SIZE, 1) == left + third


@quick
@given(several_groups)
def test_trees_survive_serialising(size: int) -> None:
    tree = build(NOISE[:size])
    data = tree.serialise()
    assert len(data) == 64 * (group_count(size) - 1)
    assert Tree.parse(data, size, tree.root) == tree


@quick
@given(st.data())
def test_a_tree_with_any_byte_changed_is_refused(grown: dict[int, Tree], data: st.DataObject) -> None:
    tree = grown[data.draw(st.sampled_from([size for size in grown if size > GROUP_SIZE]))]
    tampered = bytearray(tree.serialise())
    tampered[data.draw(st.integers(0, len(tampered) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidTree):
        Tree.parse(bytes(tampered), tree.size, tree.root)


def test_a_tree_of_another_root_or_length_is_refused(grown: dict[int, Tree]) -> None:
    tree = grown[5 * GROUP_SIZE - 77]
    data = tree.serialise()
    for wrong, size in [
        (data[:-64], tree.size),
        (data + bytes(64), tree.size),
        (data, tree.size + GROUP_SIZE),
        (b"", 2**63),
    ]:
        with pytest.raises(InvalidTree):
            Tree.parse(wrong, size, tree.root)
    with pytest.raises(InvalidTree):
        Tree.parse(data, tree.size, bytes(32))
    with pytest.raises(InvalidTree):
        Tree.of_groups(tree.size, tree.group_cvs[:-32])


@quick
@given(st.data())
def test_a_proof_proves_the_groups_of_its_range(grown: dict[int, Tree], data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(sorted(grown)))
    tree = grown[size]
    offset = data.draw(st.integers(0, size))
    limit = data.draw(st.integers(0, size + 1))
    proof = tree.prove(offset, limit)
    part = TreeSlice.parse(proof, size, tree.root, offset, limit)
    assert part.groups == group_range(offset, limit, size)
    assert part.group_cvs == b"".join(tree.group_cv(index) for index in part.groups)
    for index in list(part.groups)[:2]:
        start, stop = group_span(index, size)
        assert verify_group(index, NOISE[start:stop], part)


@quick
@given(st.data())
def test_a_proof_with_any_byte_changed_is_refused(grown: dict[int, Tree], data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([size for size in grown if size > GROUP_SIZE]))
    tree = grown[size]
    offset = data.draw(st.integers(0, size - 1))
    limit = data.draw(st.integers(1, size))
    tampered = bytearray(tree.prove(offset, limit))
    tampered[data.draw(st.integers(0, len(tampered) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidTree):
        TreeSlice.parse(bytes(tampered), size, tree.root, offset, limit)


def test_a_proof_for_another_range_or_size_is_refused(grown: dict[int, Tree]) -> None:
    tree = grown[5 * GROUP_SIZE - 77]
    proof = tree.prove(0, 1)
    for data, size, offset, limit in [
        (proof, tree.size, 4 * GROUP_SIZE, 1),
        (proof[:-64], tree.size, 0, 1),
        (proof + bytes(64), tree.size, 0, 1),
        (proof, tree.size, 0, 0),
        (proof, 2 * GROUP_SIZE, 0, 1),
    ]:
        with pytest.raises(InvalidTree):
            TreeSlice.parse(data, size, tree.root, offset, limit)


def test_a_proof_is_a_path_not_the_tree() -> None:
    size = 60 * 2**30
    tree = Tree.of_groups(size, bytes(32 * group_count(size)))
    proof = tree.prove(30 * 2**30, 2**20)
    assert len(proof) < 30 * 64
    part = TreeSlice.parse(proof, size, tree.root, 30 * 2**30, 2**20)
    assert len(part.groups) == 4


@quick
@given(st.data())
def test_a_group_with_any_byte_changed_is_refused(grown: dict[int, Tree], data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([size for size in grown if size]))
    tree = grown[size]
    index = data.draw(st.integers(0, tree.group_count - 1))
    start, stop = group_span(index, size)
    group = bytearray(NOISE[start:stop])
    assert verify_group(index, group, tree)
    group[data.draw(st.integers(0, len(group) - 1))] ^= data.draw(st.integers(1, 255))
    assert not verify_group(index, group, tree)


def test_a_group_of_another_place_or_length_is_refused(grown: dict[int, Tree]) -> None:
    tree = grown[5 * GROUP_SIZE - 77]
    group = NOISE[GROUP_SIZE : 2 * GROUP_SIZE]
    assert verify_group(1, memoryview(group), tree)
    assert not verify_group(0, group, tree)
    assert not verify_group(1, group[:-1], tree)
    assert not verify_group(1, NOISE[GROUP_SIZE : 2 * GROUP_SIZE + 1], tree)
    assert not verify_group(4, group, tree)


def test_a_source_knows_only_its_groups(grown: dict[int, Tree]) -> None:
    tree = grown[5 * GROUP_SIZE - 77]
    part = TreeSlice.parse(tree.prove(GROUP_SIZE, 1), tree.size, tree.root, GROUP_SIZE, 1)
    assert part.group_cv(1) == tree.group_cv(1)
    unknown: list[tuple[Tree | TreeSlice, int]] = [(tree, 5), (tree, -1), (part, 0), (part, 2)]
    for source, index in unknown:
        with pytest.raises(IndexError):
            verify_group(index, b"", source)


def test_the_tree_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(NOISE)
    seen: list[int] = []
    assert build_tree_of_file(file, progress=seen.append) == build(NOISE)
    assert seen == [2**20, 2 * 2**20, len(NOISE)]
    assert build_tree_of_file(file, 300_000) == build(NOISE[:300_000])
    assert build_tree_of_file(file, 0) == build(b"")


def test_a_descriptor_is_read_from_the_start_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(NOISE[:300_000])
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.lseek(descriptor, 1000, os.SEEK_SET)
        assert build_tree_of_file(descriptor) == build(NOISE[:300_000])
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 1000
    finally:
        os.close(descriptor)


def test_a_file_that_is_too_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(b"short")
    with pytest.raises(EOFError, match="5 of 6 bytes"):
        build_tree_of_file(file, 6)
