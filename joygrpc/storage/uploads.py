"""Taking uploads in: checks without a body, bytes to disk while they are hashed, commit."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from joygrpc.chain import Chain, ChainDataObject
from joygrpc.content import BagId
from joygrpc.mesh import reason_of
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import UPLOAD_BYTES, UPLOADS
from joygrpc.storage.objects import KeptObject, ObjectState, present
from joygrpc.storage.parallel import despite_cancellation
from joygrpc.storage.store import ObjectStore, ObjectWriter
from joygrpc.storage.tokens import TokenService
from joygrpc.storage.upload_checks import (
    MultihashMismatch,
    SizeMismatch,
    UploadFacts,
    UploadRefused,
    UploadRequest,
    bag_of_upload,
    check_bucket_served,
    check_facts,
    check_size,
    host_of,
)

log = structlog.get_logger(__name__)

MAX_PARTS = 64
"""Interrupted uploads that are kept for going on; beyond, the oldest are forgotten."""


class TooManyUploads(UploadRefused):
    """The node takes as many uploads as it can."""

    reason = "TOO_MANY_UPLOADS"


class OffsetMismatch(UploadRefused):
    """The upload does not go on where the node's bytes end."""

    reason = "OFFSET_MISMATCH"


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bounds of uploads. `max_object_size` in bytes; None means the chain's own bound."""

    max_concurrent: int = 64
    max_per_client: int = 32
    max_pending: int = 100_000
    max_object_size: int | None = None
    part_lifetime: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """How far an upload is; `committed_size` in bytes."""

    committed_size: int
    complete: bool


@dataclass(slots=True)
class _Part:
    """Bytes of an interrupted upload."""

    writer: ObjectWriter
    multihash: str
    expires_at: float


@dataclass(slots=True)
class Upload:
    """One upload that passed all checks without a body."""

    request: UploadRequest
    bag_id: BagId
    expected: ChainDataObject
    offset: int
    """Byte at which the body goes on."""
    _writer: ObjectWriter
    _save: Callable[["Upload", ObjectWriter], Coroutine[object, object, KeptObject]]
    _bandwidth: Bandwidth
    spoiled: bool = field(default=False, init=False)
    """Whether the bytes are known to be wrong, so that nobody goes on with them."""
    committed: bool = field(default=False, init=False)

    def __repr__(self) -> str:
        return f"<Upload {self.request.object_id} {self._writer.size}/{self.expected.size}>"

    async def write(self, data: bytes) -> None:
        """Takes the next bytes. Raises `SizeMismatch` as soon as they are more than the chain says, `DiskFull`, `StoreFailed`."""
        if self._writer.size + len(data) > self.expected.size:
            self.spoiled = True
            raise SizeMismatch(self.request.object_id)
        await self._writer.write(data)
        UPLOAD_BYTES.inc(len(data))
        self._bandwidth.used(len(data))

    async def commit(self) -> KeptObject:
        """Verifies size and hash and stores the object for good. Raises `SizeMismatch` and `MultihashMismatch`.

        Once the bytes are verified, cancellation waits for the commit: what is stored is in the index too.
        """
        if self._writer.size != self.expected.size:
            raise SizeMismatch(self.request.object_id)
        kept = await despite_cancellation(self._save(self, self._writer))
        self.committed = True
        return kept


class UploadService:
    """Takes objects in from uploaders. `added` is called with the id of each object that waits for its acceptance from then on."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        index: ObjectIndex,
        chain: Chain,
        buckets: OwnBuckets,
        claims: Claims,
        tokens: TokenService,
        worker_id: int,
        limits: UploadLimits,
        added: Callable[[int], None],
        bandwidth: Bandwidth | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._index, self._chain = store, index, chain
        self._buckets, self._claims, self._tokens = buckets, claims, tokens
        self._worker_id = worker_id
        self._limits = limits
        self._added = added
        self._bandwidth = bandwidth or Bandwidth()
        self._now = now
        self._running = 0
        self._running_of: Counter[str] = Counter()
        self._parts: dict[int, _Part] = {}
        self._writers: dict[int, ObjectWriter] = {}
        self._max_size = limits.max_object_size

    def __repr__(self) -> str:
        return f"<UploadService running={self._running} parts={len(self._parts)}>"

    @property
    def known_max_object_size(self) -> int:
        """Most bytes that an upload may have; 0 as long as the chain was not asked."""
        return self._max_size or 0

    async def max_object_size(self) -> int:
        """Most bytes that an upload may have. Raises `ChainUnavailable` as long as nobody told."""
        if self._max_size is None:
            self._max_size = await self._chain.max_data_object_size()
        return self._max_size

    @contextlib.asynccontextmanager
    async def begin(self, request: UploadRequest, *, keep_part: bool = False) -> AsyncIterator[Upload]:
        """All checks that need no body, then the upload; leaving the block without `commit` is an abort.

        With `keep_part` the bytes of an aborted upload are kept for a while, so that another one can go on with them. Raises `UploadRefused` and
        what tokens, chain, index and store raise.
        """
        try:
            async with self._begin(request, keep_part=keep_part) as upload:
                yield upload
        except BaseException as error:
            reason = "CANCELLED" if isinstance(error, asyncio.CancelledError | GeneratorExit) else reason_of(error)
            UPLOADS.labels(reason).inc()
            log.info(
                "upload refused",
                object_id=request.object_id,
                bucket=request.bucket_id,
                client=request.client,
                reason=reason,
            )
            raise
        if upload.committed:
            UPLOADS.labels("OK").inc()
            log.info("object uploaded", object_id=request.object_id, bag=str(upload.bag_id), size=upload.expected.size)
        else:
            UPLOADS.labels("CANCELLED").inc()

    @contextlib.asynccontextmanager
    async def _begin(self, request: UploadRequest, *, keep_part: bool) -> AsyncIterator[Upload]:
        self._tokens.check(request.token, request.object_id, request.bucket_id, request.bag)
        check_bucket_served(request.bucket_id, self._buckets.writable)
        bag_id = bag_of_upload(request.bag)
        with self._claims.hold(request.object_id), self._slot(host_of(request.client)):
            expected = await self._checked(request, bag_id)
            writer = await self._writer(request, expected)
            upload = Upload(request, bag_id, expected, writer.size, writer, self._save, self._bandwidth)
            self._writers[request.object_id] = writer
            try:
                yield upload
            finally:
                del self._writers[request.object_id]
                await despite_cancellation(self._end(upload, writer, keep_part=keep_part))

    @contextlib.contextmanager
    def _slot(self, host: str) -> Iterator[None]:
        if self._running >= self._limits.max_concurrent:
            raise TooManyUploads("Too many uploads are running")
        if host and self._running_of[host] >= self._limits.max_per_client:
            raise TooManyUploads("Too many uploads of this client are running")
        self._running += 1
        self._running_of[host] += 1
        try:
            yield
        finally:
            self._running -= 1
            self._running_of[host] -= 1
            if not self._running_of[host]:
                del self._running_of[host]

    async def _checked(self, request: UploadRequest, bag_id: BagId) -> ChainDataObject:
        facts = await self._facts(request, bag_id)
        expected = check_facts(request, bag_id, facts, self._worker_id)
        check_size(request, expected.size, await self.max_object_size())
        counts = await self._index.counts()
        if counts[ObjectState.PENDING].objects >= self._limits.max_pending:
            raise TooManyUploads("Too many objects wait for their acceptance")
        return expected

    async def _facts(self, request: UploadRequest, bag_id: BagId) -> UploadFacts:
        data_object, bag, bucket, kept = await asyncio.gather(
            self._chain.data_object(bag_id, request.object_id),
            self._chain.bag(bag_id),
            self._chain.storage_bucket(request.bucket_id),
            self._index.get(request.object_id),
        )
        return UploadFacts(data_object, bag, bucket, kept)

    async def _writer(self, request: UploadRequest, expected: ChainDataObject) -> ObjectWriter:
        part = self._parts.pop(request.object_id, None)
        if part is not None and (request.offset == 0 or part.multihash != expected.multihash):
            await part.writer.discard()
            part = None
        if part is None:
            if request.offset:
                raise OffsetMismatch("The upload cannot go on: its first bytes are not here")
            return await self._store.create(request.object_id, expected.size)
        if part.writer.committed_size != request.offset:
            self._parts[request.object_id] = part
            raise OffsetMismatch(f"The upload goes on at byte {part.writer.committed_size}")
        return part.writer

    async def _save(self, upload: Upload, writer: ObjectWriter) -> KeptObject:
        object_id = upload.request.object_id
        content = await writer.finish()
        if content.size != upload.expected.size:
            raise SizeMismatch(object_id)
        if content.multihash != upload.expected.multihash:
            upload.spoiled = True
            raise MultihashMismatch(object_id)
        await writer.commit()
        now = present()
        kept = KeptObject(
            object_id, content.size, content.multihash, ObjectState.PENDING, str(upload.bag_id), upload.request.bucket_id,
            content.media_type, has_tree=True, stored_at=now, verified_at=now,
        )  # fmt: skip
        await self._index.put(kept)
        self._added(object_id)
        return kept

    async def _end(self, upload: Upload, writer: ObjectWriter, *, keep_part: bool) -> None:
        if keep_part and not upload.committed and not upload.spoiled:
            with contextlib.suppress(Exception):
                await writer.flush()
                if writer.committed_size:
                    await self._keep(upload, writer)
                    return
        await writer.discard()

    async def _keep(self, upload: Upload, writer: ObjectWriter) -> None:
        expires_at = self._now() + self._limits.part_lifetime.total_seconds()
        self._parts[upload.request.object_id] = _Part(writer, upload.expected.multihash, expires_at)
        while len(self._parts) > MAX_PARTS:
            await self._parts.pop(next(iter(self._parts))).writer.discard()

    async def query(self, object_id: int) -> WriteStatus:
        """How far the upload of an object is."""
        kept = await self._index.get(object_id)
        if kept is not None and kept.served:
            return WriteStatus(kept.size, complete=True)
        part = self._parts.get(object_id)
        writer = part.writer if part is not None else self._writers.get(object_id)
        return WriteStatus(writer.committed_size if writer is not None else 0, complete=False)

    async def expire_parts(self) -> None:
        """Forgets interrupted uploads that nobody went on with."""
        now = self._now()
        for object_id in [object_id for object_id, part in self._parts.items() if part.expires_at <= now]:
            part = self._parts.pop(object_id, None)
            if part is not None:
                await part.writer.discard()
