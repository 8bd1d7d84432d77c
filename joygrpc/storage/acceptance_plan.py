"""How objects are reported to the chain: grouping into transactions, and what their outcomes mean. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from joygrpc.chain import SubmitOutcome
from joygrpc.content import BagId
from joygrpc.storage.index import Setback

FIRST_PAUSE = timedelta(seconds=12)
LONGEST_PAUSE = timedelta(hours=1)
UNSETTLED_PAUSE = timedelta(seconds=12)
"""After a transaction of unknown outcome: about the time in which a block would still take it in."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that the chain does not know as accepted. `alone`: it failed before, so it gets a call of its own."""

    object_id: int
    bag_id: BagId
    bucket_id: int
    attempts: int = 0

    @property
    def alone(self) -> bool:
        """Whether it must not take others down with it."""
        return self.attempts > 0


@dataclass(frozen=True, slots=True)
class AcceptItem:
    """One call: objects of one bag, ascending."""

    bag_id: BagId
    objects: tuple[Waiting, ...]

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Their ids."""
        return tuple(waiting.object_id for waiting in self.objects)


@dataclass(frozen=True, slots=True)
class AcceptBatch:
    """One transaction, signed by the transactor of one bucket."""

    bucket_id: int
    items: tuple[AcceptItem, ...]

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of all its objects."""
        return tuple(object_id for item in self.items for object_id in item.object_ids)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a transaction's outcome means for its objects.

    `split` objects failed in company and are tried again alone at once; `failed` ones failed alone; `unsettled` ones may or may not have been
    accepted: the chain is asked before they are sent again.
    """

    accepted: tuple[int, ...] = ()
    split: tuple[tuple[Waiting, str], ...] = ()
    failed: tuple[tuple[Waiting, str], ...] = ()
    unsettled: tuple[int, ...] = ()


def choose_bucket(named: int | None, stored_by: Collection[int], writable: Collection[int]) -> int | None:
    """The bucket through which an object is reported: the one that the upload named, else the lowest other one that can; None if none can."""
    able = sorted(set(stored_by) & set(writable))
    if named in able:
        return named
    return able[0] if able else None


def plan_batches(waiting: Iterable[Waiting], max_objects: int) -> list[AcceptBatch]:
    """Transactions of at most `max_objects` objects, grouped by bucket, then by bag."""
    by_bucket: dict[int, list[Waiting]] = defaultdict(list)
    for each in waiting:
        by_bucket[each.bucket_id].append(each)
    batches: list[AcceptBatch] = []
    for bucket_id in sorted(by_bucket):
        queue = sorted(by_bucket[bucket_id], key=lambda each: (each.bag_id, each.object_id))
        batches += [
            AcceptBatch(bucket_id, _items(queue[start : start + max_objects]))
            for start in range(0, len(queue), max_objects)
        ]
    return batches


def _items(objects: Sequence[Waiting]) -> tuple[AcceptItem, ...]:
    items: list[AcceptItem] = []
    together: dict[BagId, list[Waiting]] = {}
    for each in objects:
        if each.alone:
            items.append(AcceptItem(each.bag_id, (each,)))
        else:
            together.setdefault(each.bag_id, []).append(each)
    return (*(AcceptItem(bag_id, tuple(members)) for bag_id, members in together.items()), *items)


def judge(batch: AcceptBatch, outcome: SubmitOutcome) -> Verdict:
    """What the outcome of a batch's transaction means."""
    if outcome.status in ("dropped", "unknown") or len(outcome.items) != len(batch.items):
        return Verdict(unsettled=batch.object_ids)
    accepted: list[int] = []
    split: list[tuple[Waiting, str]] = []
    failed: list[tuple[Waiting, str]] = []
    unsettled: list[int] = []
    for item, result in zip(batch.items, outcome.items, strict=True):
        if result.error is None:
            accepted += item.object_ids
        elif result.interrupted:
            unsettled += item.object_ids
        else:
            target = split if len(item.objects) > 1 else failed
            target += [(each, _error_text(result.error, result.error_docs)) for each in item.objects]
    return Verdict(tuple(accepted), tuple(split), tuple(failed), tuple(unsettled))


def setback(object_id: int, attempts: int, error: str, now: datetime) -> Setback:
    """What is remembered after a failed attempt; the pause doubles from 12 s to an hour."""
    pause = min(FIRST_PAUSE * (1 << min(attempts, 20)), LONGEST_PAUSE)
    return Setback(object_id, attempts + 1, now + pause, error)


def pause_after(refusals: int) -> timedelta:
    """The pause of a bucket after so many refusals in a row of its transactions, which are nobody's of their objects' fault."""
    return min(FIRST_PAUSE * (1 << min(max(refusals - 1, 0), 20)), LONGEST_PAUSE)


def postponed(objects: Iterable[Waiting], error: str, until: datetime) -> list[Setback]:
    """What is remembered of objects that wait through no fault of theirs: no failed attempt is counted."""
    return [Setback(each.object_id, each.attempts, until, error) for each in objects]


def setbacks(verdict: Verdict, now: datetime) -> list[Setback]:
    """What is remembered of a transaction's failures: who failed in company may be tried again at once."""
    return [
        *(Setback(each.object_id, each.attempts + 1, now, error) for each, error in verdict.split),
        *(setback(each.object_id, each.attempts, error, now) for each, error in verdict.failed),
    ]


def _error_text(name: str, docs: str) -> str:
    short = name.rsplit(".", 1)[-1]
    return f"{short} ({docs})" if docs else short
