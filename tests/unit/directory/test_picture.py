"""The directory's tables against a model of the chain."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joygrpc.chain import ChainHead
from joygrpc.directory import DirectoryScope
from joygrpc.directory.database import DirectoryDatabase
from joygrpc.directory.picture import Picture
from joygrpc.directory.snapshot import Staging

from .model_chain import ModelChain, ModelQueryNode, State

SCOPES = [
    DirectoryScope(everything=True),
    DirectoryScope(storage_worker=0),
    DirectoryScope(storage_buckets=frozenset({0, 2})),
    DirectoryScope(distribution_worker=1),
    DirectoryScope(distribution_buckets=frozenset({"0:0", "0:1"})),
    DirectoryScope(storage_worker=0, distribution_worker=0),
    DirectoryScope(),
]
EXAMPLES = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32)


@asynccontextmanager
async def opened(scope: DirectoryScope) -> AsyncIterator[tuple[DirectoryDatabase, Picture]]:
    with tempfile.TemporaryDirectory() as directory:
        database = DirectoryDatabase(Path(directory) / "directory.sqlite")
        await database.open()
        try:
            yield database, Picture(database, scope)
        finally:
            await database.close()


def tables(connection: sqlite3.Connection) -> dict[str, object]:
    """The picture in the model's terms, the mark of loaded bags apart."""

    def rows(statement: str) -> list[tuple]:
        return connection.execute(statement).fetchall()

    bags: dict[str, tuple[set[int], set[str]]] = {bag: (set(), set()) for (bag,) in rows("SELECT bag_id FROM bags")}
    for bag, bucket in rows("SELECT bag_id, bucket_id FROM bag_storage"):
        bags[bag][0].add(bucket)
    for bag, there in rows("SELECT bag_id, bucket_id FROM bag_distribution"):
        bags[bag][1].add(there)
    return {
        "storage": {row[0]: (*row[1:6], bool(row[6])) for row in rows("SELECT * FROM storage_buckets")},
        "distribution": {row[0]: (bool(row[1]), bool(row[2])) for row in rows("SELECT * FROM distribution_buckets")},
        "operators": {(row[0], row[1]): row[2] for row in rows("SELECT * FROM distribution_operators")},
        "bags": bags,
        "objects": {row[0]: (row[1], row[2], row[3], bool(row[4])) for row in rows("SELECT * FROM objects")},
        "loaded": {bag for (bag,) in rows("SELECT bag_id FROM bags WHERE loaded = 1")},
    }


def expected(state: State, scope: DirectoryScope) -> dict[str, object]:
    bags = state.in_scope(scope)
    return {
        "storage": state.storage,
        "distribution": state.distribution,
        "operators": state.operators,
        "bags": state.bags,
        "objects": {i: row for i, row in state.objects.items() if row[0] in bags},
        "loaded": bags,
    }


def head(height: int) -> ChainHead:
    return ChainHead(height, f"0x{height:064x}")


async def load_all(picture: Picture, chain: ModelChain, query_node: ModelQueryNode, height: int) -> None:
    """Fetch what came into scope, from a query node that may be behind or ahead of `height`."""
    while bag_ids := await picture.bags_to_load(2):
        began = query_node.height
        objects = await query_node.objects(bag_ids)
        await picture.load_bags(bag_ids, objects, chain.facts_since(began, height))


@pytest.mark.parametrize("scope", SCOPES, ids=repr)
@EXAMPLES
@given(seeds)
def test_following_blocks(scope: DirectoryScope, seed: int) -> None:
    """Block by block the picture is the model's, with fetches in between from a query node that lags."""

    async def run() -> None:
        random = Random(seed)
        chain = ModelChain(random)
        chain.grow(40)
        async with opened(scope) as (database, picture):
            query_node = ModelQueryNode(chain, random, 0)
            for height in range(1, chain.height + 1):
                await picture.apply_block(head(height), chain.blocks[height])
                if random.random() < 0.4:
                    query_node.height = random.randint(max(0, height - 5), height)
                    await load_all(picture, chain, query_node, height)
            query_node.height = chain.height
            await load_all(picture, chain, query_node, chain.height)
            assert await database.read(tables) == expected(chain.states[-1], scope)
            assert not picture.state.missing_bags
            assert picture.state.height == chain.height

    asyncio.run(run())


@pytest.mark.parametrize("scope", SCOPES, ids=repr)
@EXAMPLES
@given(seeds)
def test_snapshots_of_a_query_node_that_moves(scope: DirectoryScope, seed: int) -> None:
    """Pages of different heights, and what blocks changed since the first, are the picture of one height."""

    async def run() -> None:
        random = Random(seed)
        chain = ModelChain(random)
        chain.grow(60)
        async with opened(scope) as (database, picture):
            for _ in range(2):
                began = random.randint(picture.state.height, max(picture.state.height, 20))
                query_node = ModelQueryNode(chain, random, began)
                path = database.path.with_name("next")
                async with Staging(path, scope) as staging:
                    await staging.fill(query_node, page_size=2)
                    height = random.randint(query_node.height, chain.height)
                    facts = chain.facts_since(began, height)
                    await staging.apply(facts)
                    await picture.replace(path, head(height), "0x00", facts, 0)
                assert not path.exists()
                found = await database.read(tables)
                model = expected(chain.states[height], scope)
                for part in ("storage", "distribution", "operators", "bags"):
                    assert found[part] == model[part]
                loaded = found["loaded"]
                assert isinstance(loaded, set)
                assert loaded <= chain.states[height].in_scope(scope)
                assert found["objects"] == {
                    i: row for i, row in chain.states[height].objects.items() if row[0] in loaded
                }
                await load_all(picture, chain, ModelQueryNode(chain, Random(0), height, last=height), height)
                assert await database.read(tables) == model

    asyncio.run(run())


async def test_the_picture_survives_a_restart_and_takes_another_scope() -> None:
    chain = ModelChain(Random(5))
    chain.grow(40)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "directory.sqlite"
        first = DirectoryDatabase(path)
        await first.open()
        picture = Picture(first, DirectoryScope(everything=True))
        await picture.load()
        assert not picture.state.exists
        for height in range(1, chain.height + 1):
            await picture.apply_block(head(height), chain.blocks[height])
        await load_all(picture, chain, ModelQueryNode(chain, Random(0), chain.height), chain.height)
        await first.close()

        scope = DirectoryScope(storage_buckets=frozenset({0, 1}))
        second = DirectoryDatabase(path)
        await second.open()
        again = Picture(second, scope)
        await again.load()
        assert (again.state.exists, again.state.height) == (True, chain.height)
        assert again.state.block_hash == head(chain.height).block_hash
        assert await second.read(tables) == expected(chain.states[-1], scope)
        await again.clear()
        assert not again.state.exists
        assert (await second.read(tables))["bags"] == {}
        await second.close()
