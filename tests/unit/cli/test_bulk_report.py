"""The result of a bulk command, in the reference's shape."""

import json

from joygrpc.cli.storage.leader.bulk.planning import plan_replication
from joygrpc.cli.storage.leader.bulk.report import (
    SHOWN_BAGS,
    Form,
    SentBatch,
    bag_rows,
    bucket_rows,
    carried_out,
    planned,
    sized,
)

from .bulk_facts import bag, bucket, facts_of


def test_a_plan_names_totals_changes_and_buckets() -> None:
    facts = facts_of([bucket(0), bucket(1)], [bag(1, [0], size=2**60)])
    facts = facts_of([bucket(0), bucket(1, size_limit=2**61)], facts.bags)
    answer = planned(plan_replication(facts, 2, active_only=True), Form(active_only=True))
    assert answer["totalStorageUsage"] == {"before": str(2**60), "after": str(2**61)}
    assert answer["avgReplicationRate"] == {"before": 1.0, "after": 2.0}
    assert answer["changes"] == [{"id": "dynamic:channel:1", "size": str(2**60), "add": ["1"], "remove": []}]
    (one,) = answer["buckets"]
    assert one["storageUsed"] == {"before": "0", "after": str(2**60)}
    assert one["added"] == {"totalSize": str(2**60), "bags": [{"id": "dynamic:channel:1", "size": str(2**60)}]}
    assert one["failedToAdd"] == {"totalSize": "0", "bags": []}
    json.dumps(answer)


def test_failed_changes_count_for_nothing_but_are_listed() -> None:
    facts = facts_of([bucket(0), bucket(1)], [bag(1, [0]), bag(2, [0])])
    plan = plan_replication(facts, 2, active_only=True)
    first, second = plan.changes
    sent = SentBatch("0x01", ((first, None), (second, "Storage.StorageBucketObjectSizeLimitReached")), facts)
    form = Form(active_only=True)
    answer = carried_out(plan, [sent], [sent.shown(form)], form)
    assert answer["totalStorageUsage"] == {"before": "20", "after": "30"}
    assert answer["avgReplicationRate"] == {"before": 1.0, "after": 1.5}
    (transaction,) = answer["transactions"]
    assert transaction["hash"] == "0x01"
    assert [update["id"] for update in transaction["successfulUpdates"]] == ["dynamic:channel:1"]
    assert transaction["failedUpdates"][0]["error"] == "Storage.StorageBucketObjectSizeLimitReached"
    (one,) = answer["buckets"]
    assert (one["added"]["totalSize"], one["failedToAdd"]["totalSize"]) == ("10", "10")


def test_parts_can_be_left_out() -> None:
    facts = facts_of([bucket(0)], [bag(1, [])])
    plan = plan_replication(facts, 1, active_only=True)
    assert set(carried_out(plan, [], [], Form(buckets=False, transactions=False))) == {"totalStorageUsage"}


def test_tables_are_bounded() -> None:
    facts = facts_of([bucket(0)], [bag(n, [], size=1) for n in range(SHOWN_BAGS + 5)])
    plan = plan_replication(facts, 1, active_only=True)
    rows = bag_rows(plan)
    assert len(rows) == SHOWN_BAGS + 1
    assert rows[0] == ("dynamic:channel:0", "1 B", "none", "+0")
    assert rows[-1][0] == "… and 5 more"
    assert bucket_rows(plan) == [("0", "+25", "-0", "0 B", "25 B", "975 B")]


def test_sizes_for_people() -> None:
    assert [sized(n) for n in (0, 1023, 1536, -1536, 5 * 2**40)] == ["0 B", "1023 B", "1.5 KiB", "-1.5 KiB", "5.0 TiB"]
