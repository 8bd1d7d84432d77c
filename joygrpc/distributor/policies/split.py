"""Two pools: small objects have a share of the cache to themselves, and S3-FIFO rules in each."""

from joygrpc.distributor.policies.policy import Pinned, Standing
from joygrpc.distributor.policies.s3_fifo import S3Fifo, read_queues
from joygrpc.distributor.policies.saved import read_state, write_state

NAME = "split"


class Split:
    """Keeps a few large objects from pushing out many small ones, and the reverse.

    Objects of at most `small_size` bytes make up one pool, larger ones the other. While the small ones take no more than `small_share` (0 to 1) of the held
    bytes, a large one leaves; otherwise a small one.
    """

    def __init__(self, small_size: int = 1 << 20, small_share: float = 0.1) -> None:
        self._small_size = small_size
        self._small_share = small_share
        self._small = S3Fifo()
        self._large = S3Fifo()

    def __repr__(self) -> str:
        return f"<Split small={self._small!r} large={self._large!r}>"

    def __len__(self) -> int:
        return len(self._small) + len(self._large)

    def admit(self, object_id: int, size: int, now_ms: int, standing: Standing | None = None) -> None:
        """Take in an object of `size` bytes."""
        pool = self._pool_for(size)
        (self._large if pool is self._small else self._small).withdraw(object_id)
        pool.admit(object_id, size, now_ms, standing)

    def resize(self, object_id: int, size: int) -> None:
        """The object takes another number of bytes now; it may change the pool."""
        pool = self._pool_of(object_id)
        if pool is None:
            return
        if pool is self._pool_for(size):
            pool.resize(object_id, size)
            return
        standing = pool.withdraw(object_id)
        assert standing is not None
        self._pool_for(size).admit(object_id, size, standing.last_access_ms, standing)

    def use(self, object_id: int, now_ms: int, uses: int = 1) -> None:
        """The object was read, which counts as `uses` uses; 0 renews its recency alone. Unknown objects are ignored."""
        pool = self._pool_of(object_id)
        if pool is not None:
            pool.use(object_id, now_ms, uses)

    def forget(self, object_id: int) -> None:
        """The object left the cache; unknown objects are ignored."""
        pool = self._pool_of(object_id)
        if pool is not None:
            pool.forget(object_id)

    def victim(self, now_ms: int, pinned: Pinned) -> int | None:
        """The object that shall leave next, of those that are not pinned; None when there is none."""
        first, second = self._large, self._small
        if self._small.bytes > self._small_share * (self._small.bytes + self._large.bytes):
            first, second = second, first
        found = first.victim(now_ms, pinned)
        return second.victim(now_ms, pinned) if found is None else found

    def standing(self, object_id: int) -> Standing | None:
        """How the object stands; None when it is unknown."""
        pool = self._pool_of(object_id)
        return None if pool is None else pool.standing(object_id)

    def state(self) -> str:
        """The states of both pools."""
        return write_state(NAME, small=self._small.state(), large=self._large.state())

    def restore(self, state: str) -> None:
        """Take up the states of both pools. Raises ValueError."""
        parts = read_state(state, NAME)
        small, large = read_queues(parts.get("small", "")), read_queues(parts.get("large", ""))
        self._small.take_up(small)
        self._large.take_up(large)

    def _pool_for(self, size: int) -> S3Fifo:
        return self._small if size <= self._small_size else self._large

    def _pool_of(self, object_id: int) -> S3Fifo | None:
        if self._small.standing(object_id) is not None:
            return self._small
        return None if self._large.standing(object_id) is None else self._large
