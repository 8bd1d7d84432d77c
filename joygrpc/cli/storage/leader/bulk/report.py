"""What a plan and its transactions look like, as JSON and as tables. No I/O. Numbers that may be large are texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joygrpc.cli.storage.leader.bulk.facts import BagChange, Facts, after, free_bytes
from joygrpc.cli.storage.leader.bulk.planning import Plan

SHOWN_BAGS = 20
"""Changes in a table; JSON has all of them."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which parts are wanted; `active_only` is how replicas are counted, None for no average at all."""

    buckets: bool = True
    transactions: bool = True
    active_only: bool | None = None


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A transaction that is in a block, and its changes with what became of them: None, or the error."""

    extrinsic_hash: str
    changes: tuple[tuple[BagChange, str | None], ...]
    before: Facts
    """What was so when it was sent."""

    @property
    def made(self) -> tuple[BagChange, ...]:
        """The changes that were made."""
        return tuple(change for change, error in self.changes if error is None)

    @property
    def failed(self) -> tuple[tuple[BagChange, str], ...]:
        """The changes that failed, with their errors."""
        return tuple((change, error) for change, error in self.changes if error is not None)

    @property
    def then(self) -> Facts:
        """What is so now, as far as this transaction goes."""
        return after(self.before, self.made)

    def shown(self, form: Form) -> dict[str, Any]:
        """The transaction for an answer."""
        return {
            "hash": self.extrinsic_hash,
            **_totals(self.before, self.then, form),
            "successfulUpdates": [_change(change) for change in self.made],
            "failedUpdates": [_change(change) | {"error": error} for change, error in self.failed],
        }


def planned(plan: Plan, form: Form) -> dict[str, Any]:
    """A plan that is not carried out."""
    target = after(plan.facts, plan.changes)
    answer = _totals(plan.facts, target, form)
    answer["changes"] = [_change(change) for change in plan.changes]
    answer["shortfalls"] = [
        {
            "id": str(short.bag.bag_id),
            "size": str(short.bag.objects_total_size),
            "copies": short.copies,
            "reason": short.reason,
        }
        for short in plan.shortfalls
    ]
    if form.buckets:
        answer["buckets"] = _buckets(plan.facts, target, plan.changes, ())
    return answer


def carried_out(
    plan: Plan, sent: Sequence[SentBatch], shown: Sequence[Mapping[str, Any]], form: Form
) -> dict[str, Any]:
    """What the transactions so far have done; `shown` holds what each says for itself."""
    made = [change for batch in sent for change in batch.made]
    failed = [change for batch in sent for change, _ in batch.failed]
    target = after(plan.facts, made)
    answer = _totals(plan.facts, target, form)
    if form.buckets:
        answer["buckets"] = _buckets(plan.facts, target, made, failed)
    if form.transactions:
        answer["transactions"] = list(shown)
    return answer


def _totals(before: Facts, then: Facts, form: Form) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "totalStorageUsage": {"before": str(before.storage_used), "after": str(then.storage_used)}
    }
    if form.active_only is not None:
        answer["avgReplicationRate"] = {
            "before": round(before.replication(form.active_only), 4),
            "after": round(then.replication(form.active_only), 4),
        }
    return answer


def _change(change: BagChange) -> dict[str, Any]:
    return {
        "id": str(change.bag.bag_id),
        "size": str(change.bag.objects_total_size),
        "add": [str(bucket_id) for bucket_id in change.add],
        "remove": [str(bucket_id) for bucket_id in change.remove],
    }


def _buckets(
    before: Facts, then: Facts, made: Iterable[BagChange], failed: Iterable[BagChange]
) -> list[dict[str, Any]]:
    parts: dict[int, dict[str, list[BagChange]]] = {}
    for changes, added, removed in ((made, "added", "removed"), (failed, "failedToAdd", "failedToRemove")):
        for change in changes:
            for ids, name in ((change.add, added), (change.remove, removed)):
                for bucket_id in ids:
                    parts.setdefault(bucket_id, {}).setdefault(name, []).append(change)
    return [
        {
            "id": str(bucket_id),
            "storageUsed": {
                "before": str(before.buckets[bucket_id].size_used),
                "after": str(then.buckets[bucket_id].size_used),
            },
            **{name: _part(found.get(name, ())) for name in ("added", "removed", "failedToAdd", "failedToRemove")},
        }
        for bucket_id, found in sorted(parts.items())
    ]


def _part(changes: Sequence[BagChange]) -> Mapping[str, Any]:
    return {
        "totalSize": str(sum(change.bag.objects_total_size for change in changes)),
        "bags": [{"id": str(change.bag.bag_id), "size": str(change.bag.objects_total_size)} for change in changes],
    }


def bucket_rows(plan: Plan) -> list[tuple[str, ...]]:
    """For each bucket that the plan touches: id, bags added and removed, bytes before and after, bytes free after."""
    target = after(plan.facts, plan.changes)
    added, removed = _counts(change.add for change in plan.changes), _counts(change.remove for change in plan.changes)
    return [
        (
            str(bucket_id),
            f"+{added.get(bucket_id, 0)}",
            f"-{removed.get(bucket_id, 0)}",
            sized(plan.facts.buckets[bucket_id].size_used),
            sized(target.buckets[bucket_id].size_used),
            sized(free_bytes(target.buckets[bucket_id])),
        )
        for bucket_id in sorted({*added, *removed})
    ]


def bag_rows(plan: Plan) -> list[tuple[str, ...]]:
    """For the first bags of the plan: id, bytes, buckets before, and what changes."""
    rows: list[tuple[str, ...]] = [
        (
            str(change.bag.bag_id),
            sized(change.bag.objects_total_size),
            ", ".join(map(str, sorted(change.bag.stored_by))) or "none",
            " ".join(
                [*(f"+{bucket_id}" for bucket_id in change.add), *(f"-{bucket_id}" for bucket_id in change.remove)]
            ),
        )
        for change in plan.changes[:SHOWN_BAGS]
    ]
    rest = len(plan.changes) - len(rows)
    return [*rows, (f"… and {rest} more", "", "", "")] if rest else rows


def _counts(groups: Iterable[Iterable[int]]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for group in groups:
        for bucket_id in group:
            counted[bucket_id] = counted.get(bucket_id, 0) + 1
    return counted


def sized(count: int) -> str:
    """Bytes for people: `1.5 GiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024:
            return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} PiB"
