"""When it is final that the chain has accepted an object."""

from collections.abc import Collection, Iterable, Sequence

from joygrpc.chain import Chain, ChainDataObject, ChainHead
from joygrpc.content import BagId

_TRIES = 3


async def entries_at_a_block(
    chain: Chain, keys: Sequence[tuple[BagId, int]]
) -> tuple[Sequence[ChainDataObject | None], ChainHead | None]:
    """Entries in the best block, and which block that was; None when blocks came faster than answers."""
    before = await chain.best_head()
    for _ in range(_TRIES):
        entries = await chain.data_objects(keys)
        after = await chain.best_head()
        if after == before:
            return entries, after
        before = after
    return entries, None


class FinalityWatch:
    """Remembers the block in which each object was seen accepted, until that block is final, or is found to be of a fork that was given up."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._seen: dict[int, ChainHead] = {}

    def __repr__(self) -> str:
        return f"<FinalityWatch {len(self._seen)}>"

    def saw(self, object_ids: Iterable[int], head: ChainHead) -> None:
        """Objects are accepted as of a block; an earlier one that is remembered stays."""
        for object_id in object_ids:
            self._seen.setdefault(object_id, head)

    def forget(self, object_ids: Iterable[int]) -> None:
        """They are not accepted (any more), or nobody asks."""
        for object_id in object_ids:
            self._seen.pop(object_id, None)

    async def final(self, object_ids: Collection[int]) -> list[int]:
        """Those of the objects whose acceptance is final. Raises `ChainUnavailable`."""
        heads = {head for object_id in object_ids if (head := self._seen.get(object_id)) is not None}
        if not heads:
            return []
        height = (await self._chain.finalized_head()).number
        settled: dict[ChainHead, bool] = {
            head: await self._chain.block_hash(head.number) == head.block_hash
            for head in heads
            if head.number <= height
        }
        final = []
        for object_id in object_ids:
            head = self._seen.get(object_id)
            if head is None or head not in settled:
                continue
            del self._seen[object_id]
            if settled[head]:
                final.append(object_id)
        return final
