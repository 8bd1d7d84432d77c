"""Bringing index and disk together: after a crash, a restored backup, or an operator's hand."""

import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import structlog

from joygrpc.directory.facts import DirectoryObject, DirectoryStatus
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason, present
from joygrpc.storage.store import Content, ObjectMissing, ObjectStore

log = structlog.get_logger(__name__)

Revoke = Callable[[Collection[int]], Awaitable[None]]
"""Ends the leases of objects that are not served any more."""

_PAGE = 1000


class KnownObjects(Protocol):
    """The part of the directory that describes objects."""

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object, or None when it is not known."""

    async def status(self) -> DirectoryStatus:
        """Whether what is not known does not exist."""


class ReconcileUndecided(JoygrpcError):
    """Some files could not be told yet to be objects or not."""

    reason = "DIRECTORY_NOT_READY"


def state_of_found(content: Content, known: DirectoryObject | None) -> ObjectState:
    """The state of a file that has no entry: served when it is the object that the chain knows under its name."""
    if known is None or (content.size, content.multihash) != (known.size, known.multihash):
        return ObjectState.QUARANTINED
    return ObjectState.STORED if known.accepted else ObjectState.PENDING


class ReconcileService:
    """Drops entries without file, adopts files without entry. Nothing is deleted here."""

    def __init__(
        self, *, store: ObjectStore, index: ObjectIndex, directory: KnownObjects, claims: Claims, revoke: Revoke
    ) -> None:
        self._store, self._index, self._directory, self._claims = store, index, directory, claims
        self._revoke = revoke

    async def run_once(self) -> None:
        """Walks index and disk once. Raises what directory, index and store raise; the next run goes on."""
        await self._check_entries()
        await self._adopt_files()

    async def _check_entries(self) -> None:
        after = -1
        while page := await self._index.page(after=after, limit=_PAGE):
            after = page[-1].object_id
            sizes = await self._store.sizes([kept.object_id for kept in page])
            for kept, size in zip(page, sizes, strict=True):
                if size != kept.size:
                    with contextlib.suppress(UploadInProgress), self._claims.hold(kept.object_id):
                        await self._mend_entry(kept.object_id)

    async def _mend_entry(self, object_id: int) -> None:
        kept = await self._index.get(object_id)
        (size,) = await self._store.sizes([object_id])
        if kept is None or size == kept.size:
            return
        log.error(
            "object is not as the index says",
            object_id=object_id,
            state=kept.state.value,
            expected=kept.size,
            found=size,
        )
        if size is None:
            await self._index.remove([object_id])
        else:
            await self._index.quarantine([object_id], QuarantineReason.ROTTEN)
        await self._revoke([object_id])

    async def _adopt_files(self) -> None:
        undecided = 0
        async for page in self._store.scan():
            for object_id in await self._index.unknown([found.object_id for found in page]):
                with contextlib.suppress(UploadInProgress, ObjectMissing), self._claims.hold(object_id):
                    undecided += not await self._adopt(object_id)
        if undecided:
            raise ReconcileUndecided(f"{undecided} files wait for a complete directory")

    async def _adopt(self, object_id: int) -> bool:
        """Whether it is clear what the file is."""
        if await self._index.get(object_id) is not None:
            return True
        known = await self._directory.find_object(object_id)
        if known is None and not (await self._directory.status()).complete:
            return False
        content = await self._store.examine(object_id)
        state = state_of_found(content, known)
        await self._store.put_tree(object_id, content.tree)
        now = present()
        await self._index.put(KeptObject(
            object_id, content.size, content.multihash, state, str(known.bag_id) if known is not None else "",
            media_type=content.media_type, has_tree=True, stored_at=now, verified_at=now,
        ))  # fmt: skip
        if state is ObjectState.QUARANTINED and known is not None:
            await self._index.quarantine([object_id], QuarantineReason.ROTTEN)
        log.warning("file without entry taken in", object_id=object_id, state=state.value)
        return True
