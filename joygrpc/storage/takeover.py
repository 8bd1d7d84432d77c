"""Taking over the data of a reference node: flat files become objects of ours without being copied.

Sizes are compared with the chain's at once, hashes later (`joygrpc.storage.verification`). Nothing is deleted: what is no object is moved aside, what is
an object that the chain does not know any more goes into quarantine. The node serves meanwhile; an object that is asked for before its turn is taken
over there and then.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

import structlog

from joygrpc.directory.facts import DirectoryObject, DirectoryStatus
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import TAKEOVER_FILES, TAKEOVER_RUNNING
from joygrpc.storage.objects import KeptObject, ObjectState, present
from joygrpc.storage.parallel import despite_cancellation
from joygrpc.storage.store import ObjectStore, StoreFailed
from joygrpc.storage.takeover_files import FlatFile, FlatFolders, OtherFileSystem, Place

T = TypeVar("T")

log = structlog.get_logger(__name__)

_LOOKUPS = 32
_TELL_EVERY_S = 10.0
_COPY_BYTES = 1 << 20


class TakeoverUndecided(JoygrpcError):
    """Some files could not be told yet to be objects or not."""

    reason = "DIRECTORY_NOT_READY"


class KnownObjects(Protocol):
    """The part of the directory that describes objects."""

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object, or None when it is not known."""

    async def status(self) -> DirectoryStatus:
        """Whether what is not known does not exist."""


class Fate(StrEnum):
    """What becomes of a file."""

    TAKE = "taken"
    """An accepted object: served at once, verified behind."""
    TAKE_TO_ACCEPT = "taken_to_accept"
    """An object that the chain does not know as accepted: served at once, verified behind, then reported."""
    QUARANTINE = "quarantined"
    """An object that the chain does not know (any more)."""
    SET_ASIDE = "set_aside"
    """No object."""
    WAIT = "waiting"
    """It cannot be told yet."""


def fate_of(file: FlatFile, known: DirectoryObject | None, *, complete: bool, kept: bool) -> Fate:
    """What becomes of a file, by what the directory says of the object that it is named after.

    `complete`: whether what the directory does not know does not exist. `kept`: whether the object is here already.
    """
    if file.place is Place.TEMPORARY or file.object_id is None or kept:
        return Fate.SET_ASIDE
    if known is None:
        # An upload that was answered waits: its object may be newer than the picture, as complete as that is.
        return Fate.QUARANTINE if complete and file.place is Place.FLAT else Fate.WAIT
    if file.size != known.size:
        return Fate.SET_ASIDE
    return Fate.TAKE if known.accepted else Fate.TAKE_TO_ACCEPT


@dataclass(slots=True)
class TakeoverProgress:
    """How far it is: files by what became of them, since the start of the process; `waiting` as of the last look."""

    running: bool = False
    finished: bool = False
    """Whether all folders were gone through once, so that no known object lies there any more."""
    files: Counter[Fate] = field(default_factory=Counter)
    waiting: int = 0


class TakeoverService:
    """Moves files in. `taken` is called when objects came in that nobody has verified."""

    def __init__(
        self,
        *,
        folders: FlatFolders,
        store: ObjectStore,
        index: ObjectIndex,
        directory: KnownObjects,
        claims: Claims,
        taken: Callable[[], None],
    ) -> None:
        self._folders, self._store, self._index = folders, store, index
        self._directory, self._claims = directory, claims
        self._taken = taken
        self.progress = TakeoverProgress()

    def __repr__(self) -> str:
        return f"<TakeoverService {self.progress}>"

    async def run_once(self) -> None:
        """Goes through the reference's folders once. Raises `TakeoverUndecided` when files wait for a complete directory, and what the index raises."""
        progress = self.progress
        progress.running = True
        TAKEOVER_RUNNING.set(1)
        waiting = blocked = moved = 0
        told = time.monotonic()
        try:
            for place in Place:
                pages = self._folders.pages(place)
                while page := await self._blocking(lambda pages=pages: next(pages, None)):  # type: ignore[misc]
                    fates = await self._page(page)
                    waiting += fates[Fate.WAIT]
                    blocked += fates[Fate.WAIT] if place is Place.FLAT else 0
                    moved += fates.total() - fates[Fate.WAIT]
                    if time.monotonic() - told > _TELL_EVERY_S:
                        told = time.monotonic()
                        log.info(
                            "taking over a data directory", **{fate.value: n for fate, n in progress.files.items()}
                        )
            if moved:
                await self._blocking(self._folders.sync)
                log.info("data directory taken over", **{fate.value: n for fate, n in progress.files.items()})
        finally:
            progress.running = False
            TAKEOVER_RUNNING.set(0)
        progress.waiting = waiting
        progress.finished = not waiting
        if blocked:
            raise TakeoverUndecided(f"{blocked} files wait for a complete directory")

    async def take_one(self, object_id: int) -> KeptObject | None:
        """Takes over an object that is needed before its turn; None when there is no file of it, or nothing can be said of it.

        The caller holds the object's claim.
        """
        if self.progress.finished:
            return None
        file = await self._blocking(lambda: self._folders.find(object_id))
        if file is None or await self._is_kept(object_id):
            return None
        fate, known = await self._judge(file, complete=False, kept=False)
        if known is None or fate not in {Fate.TAKE, Fate.TAKE_TO_ACCEPT}:
            return None
        await despite_cancellation(self._carry_out([(file, fate, known)]))
        return await self._index.get(object_id)

    async def find_late(self, object_id: int) -> KeptObject | None:
        """The same for a reader, who holds no claim."""
        if self.progress.finished:
            return None
        with contextlib.suppress(UploadInProgress), self._claims.hold(object_id):
            return await self.take_one(object_id)
        return None

    async def _page(self, page: Sequence[FlatFile]) -> Counter[Fate]:
        complete = (await self._directory.status()).complete
        ids = [file.object_id for file in page if file.object_id is not None]
        held = sorted(set(ids).difference(await self._index.unknown(ids)))
        # An entry whose file is gone does not count: the directory was exported, and changed since.
        sizes = await self._store.sizes(held)
        kept = {object_id for object_id, size in zip(held, sizes, strict=True) if size is not None}
        gate = asyncio.Semaphore(_LOOKUPS)

        async def judge(file: FlatFile) -> tuple[FlatFile, Fate, DirectoryObject | None]:
            async with gate:
                return file, *await self._judge(file, complete=complete, kept=file.object_id in kept)

        judged = await asyncio.gather(*(judge(file) for file in page))
        with contextlib.ExitStack() as stack:
            free = [each for each in judged if self._claimed(stack, each[0])]
            await despite_cancellation(self._carry_out(free))
        return Counter(fate for _, fate, _ in judged)

    def _claimed(self, stack: contextlib.ExitStack, file: FlatFile) -> bool:
        if file.object_id is None:
            return True
        try:
            stack.enter_context(self._claims.hold(file.object_id))
        except UploadInProgress:
            # Whoever has it takes it over, or the next run does.
            return False
        return True

    async def _judge(self, file: FlatFile, *, complete: bool, kept: bool) -> tuple[Fate, DirectoryObject | None]:
        known = None
        if file.object_id is not None and not kept and file.place is not Place.TEMPORARY:
            try:
                known = await self._directory.find_object(file.object_id)
            except Exception as error:
                log.debug("the directory does not know yet", object_id=file.object_id, error=type(error).__name__)
                complete = False
        return fate_of(file, known, complete=complete, kept=kept), known

    async def _carry_out(self, judged: Sequence[tuple[FlatFile, Fate, DirectoryObject | None]]) -> None:
        entries: list[KeptObject] = []
        to_accept: list[int] = []
        for file, fate, known in judged:
            if fate is Fate.WAIT:
                continue
            if fate is Fate.SET_ASIDE:
                await self._set_aside(file)
                continue
            try:
                await self._blocking(lambda file=file: self._folders.adopt(file))  # type: ignore[misc]
            except FileNotFoundError:
                continue
            except FileExistsError:
                await self._set_aside(file)
                continue
            except OtherFileSystem:
                await self._copy_in(file, known)
                continue
            self._count(fate)
            entries.append(_entry_of(file, fate, known))
            if fate is Fate.TAKE_TO_ACCEPT:
                to_accept.append(entries[-1].object_id)
        # After the files: a crash in between leaves files without entries, which are adopted; entries without files would be dropped.
        if entries:
            await self._index.put_all(entries, to_accept=to_accept)
            self._taken()

    async def _set_aside(self, file: FlatFile) -> None:
        log.warning("file is no object of the chain; it is moved aside", name=file.name, place=file.place.value)
        await self._blocking(lambda: self._folders.set_aside(file))
        self._count(Fate.SET_ASIDE)

    async def _copy_in(self, file: FlatFile, known: DirectoryObject | None) -> None:
        """A file of another file system is copied as an upload is, and so verified."""
        if known is None:
            return
        writer = await self._store.create(known.object_id, known.size)
        try:
            with await self._blocking(lambda: self._folders.path(file).open("rb", buffering=0)) as source:
                while data := await self._blocking(lambda: source.read(_COPY_BYTES)):
                    await writer.write(data)
            content = await writer.finish()
            if (content.size, content.multihash) != (known.size, known.multihash):
                await self._set_aside(file)
                return
            await writer.commit()
        except FileNotFoundError:
            return
        finally:
            await writer.discard()
        now = present()
        # Pending in any case: acceptance finds out what the chain knows.
        await self._index.put(KeptObject(
            known.object_id, content.size, content.multihash, ObjectState.PENDING, str(known.bag_id),
            media_type=content.media_type, has_tree=True, stored_at=now, verified_at=now,
        ))  # fmt: skip
        await self._blocking(lambda: self._folders.discard_copied(file))
        self._count(Fate.TAKE_TO_ACCEPT)
        self._taken()

    def _count(self, fate: Fate) -> None:
        self.progress.files[fate] += 1
        TAKEOVER_FILES.labels(fate.value).inc()

    async def _is_kept(self, object_id: int) -> bool:
        (size,) = await self._store.sizes([object_id])
        return size is not None or await self._index.get(object_id) is not None

    async def _blocking(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as error:
            raise StoreFailed from error


def _entry_of(file: FlatFile, fate: Fate, known: DirectoryObject | None) -> KeptObject:
    assert file.object_id is not None
    state = ObjectState.QUARANTINED if fate is Fate.QUARANTINE else ObjectState.UNVERIFIED
    multihash, bag = ("", "") if known is None else (known.multihash, str(known.bag_id))
    modified = datetime.fromtimestamp(int(file.modified), UTC)
    return KeptObject(file.object_id, file.size, multihash, state, bag, stored_at=modified)
