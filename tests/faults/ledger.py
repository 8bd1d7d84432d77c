"""What was promised to uploaders, and what was seen: the measure of a storage node that is killed."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

from joygrpc.content import multihash_of_bytes
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb

BAG = "dynamic:channel:1"
_SIZES = ((0.25, 1, 1 << 10), (0.7, 1 << 10, 200 << 10), (0.92, 256 << 10, 1 << 20), (1.0, 1 << 20, 4 << 20))
"""Sizes in bytes, from and to, by rising probability: objects of one group, of a few, of several messages."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An object that exists on chain; its bytes are made again whenever they are needed."""

    id: int
    seed: int
    size: int
    multihash: str

    @property
    def data(self) -> bytes:
        """The bytes."""
        return noise(self.size, self.seed)

    def start(self, bucket: int, offset: int = 0) -> pb.UploadStart:
        """The first message of an upload."""
        return pb.UploadStart(object_id=self.id, storage_bucket_id=bucket, bag_id=BAG, offset=offset)


@dataclass(frozen=True, slots=True)
class Draft:
    """An object that nobody has put on chain yet."""

    seed: int
    size: int
    multihash: str

    @property
    def entry(self) -> dict[str, object]:
        """What the devnet wants to know."""
        return {"size": self.size, "ipfs_content_id": self.multihash}


def noise(size: int, seed: int) -> bytes:
    """Bytes that nobody sends by chance."""
    return random.Random(seed).randbytes(size)


def draft(rng: random.Random, size: int | None = None) -> Draft:
    """A new object of some size."""
    if size is None:
        chance = rng.random()
        low, high = next((low, high) for limit, low, high in _SIZES if chance <= limit)
        size = rng.randint(low, high)
    seed = rng.getrandbits(48)
    return Draft(seed, size, multihash_of_bytes(noise(size, seed)))


@dataclass
class Ledger:
    """Objects by id, and what each node (by worker) has said of them."""

    pieces: dict[int, Piece] = field(default_factory=dict)
    acknowledged: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Objects that the node answered 201 for, oldest first."""
    stored: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Objects that the node called stored when somebody looked."""
    imported: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Objects that lay in the folders of a reference node whose data the node took over: they must be there in the end."""
    released: set[int] = field(default_factory=set)
    """Objects that their owners have deleted, or are about to."""
    violations: list[str] = field(default_factory=list)

    def acknowledge(self, worker: int, object_id: int) -> None:
        """The node has said that it keeps the object."""
        if object_id not in self.promised(worker):
            self.acknowledged[worker].append(object_id)

    def promised(self, worker: int) -> set[int]:
        """All that the node must have now."""
        return (set(self.acknowledged[worker]) | self.stored[worker]) - self.released

    def accepted_in_the_end(self, worker: int) -> set[int]:
        """All that the node must have had accepted when it was left alone for a while."""
        return {*self.acknowledged[worker], *self.imported[worker]} - self.released

    def violate(self, worker: int, what: str) -> None:
        """The invariant is broken."""
        self.violations.append(f"node {worker}: {what}")
