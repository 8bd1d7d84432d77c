"""Calls of storage operators."""

from typing import Any

import pytest

from joygrpc.devnet.ledger.records import Operated

from .worlds import STORAGE_LEAD, STORAGE_WORKERS, STRANGER, World, storage_names

WORKER_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("accept_storage_bucket_invitation", {"storage_bucket_id": 0, "transactor_account_id": STRANGER}),
    ("set_storage_operator_metadata", {"storage_bucket_id": 0, "metadata": b"x"}),
    ("storage_operator_remark", {"storage_bucket_id": 0, "msg": b"x"}),
]


@pytest.mark.parametrize(("name", "arguments"), WORKER_CALLS)
def test_only_the_worker_may(world: World, name: str, arguments: dict[str, Any]) -> None:
    group = "StorageWorkingGroup"
    assert world.refusal(None, "Storage", name, worker_id=0, **arguments) == "BadOrigin"
    refused = world.refusal(STORAGE_WORKERS[0], "Storage", name, worker_id=99, **arguments)
    assert refused == f"{group}.WorkerDoesNotExist"
    refused = world.refusal(STORAGE_WORKERS[1], "Storage", name, worker_id=0, **arguments)
    assert refused == f"{group}.SignerIsNotWorkerRoleAccount"
    refused = world.refusal(STORAGE_WORKERS[0], "Storage", name, worker_id=0, **arguments)
    assert refused == "Storage.StorageBucketDoesntExist"


class TestInvitations:
    def accept(self, worker: int, bucket: int) -> dict[str, Any]:
        return {
            "signer": STORAGE_WORKERS[worker],
            "pallet": "Storage",
            "name": "accept_storage_bucket_invitation",
            "worker_id": worker,
            "storage_bucket_id": bucket,
            "transactor_account_id": STRANGER,
        }

    def test_the_invited_worker_takes_over_and_names_any_transactor(self, world: World) -> None:
        bucket = world.storage_bucket(None)
        assert world.refusal(**self.accept(0, bucket)) == "Storage.NoStorageBucketInvitation"
        world.admin.lead_storage("invite_storage_bucket_operator", storage_bucket_id=bucket, operator_id=0)
        assert world.refusal(**self.accept(1, bucket)) == "Storage.DifferentStorageProviderInvited"
        events = world.call(**self.accept(0, bucket))
        assert events[0].fields == {"bucket_id": bucket, "worker_id": 0, "transactor_account_id": STRANGER}
        assert world.ledger.storage_buckets[bucket].operator_status == Operated(0, STRANGER)
        assert world.refusal(**self.accept(0, bucket)) == "Storage.StorageProviderAlreadySet"


@pytest.mark.parametrize("name", ["set_storage_operator_metadata", "storage_operator_remark"])
def test_only_the_operator_of_the_bucket_describes_it(world: World, name: str) -> None:
    missing, invited = world.storage_bucket(None), world.storage_bucket(None)
    other, mine = world.storage_bucket(1), world.storage_bucket(0)
    world.admin.lead_storage("invite_storage_bucket_operator", storage_bucket_id=invited, operator_id=0)
    field = "metadata" if name.endswith("metadata") else "msg"
    arguments = {"signer": STORAGE_WORKERS[0], "pallet": "Storage", "name": name, "worker_id": 0, field: b"\x00x"}
    assert world.refusal(storage_bucket_id=missing, **arguments) == "Storage.StorageProviderMustBeSet"
    assert world.refusal(storage_bucket_id=invited, **arguments) == "Storage.InvalidStorageProvider"
    assert world.refusal(storage_bucket_id=other, **arguments) == "Storage.InvalidStorageProvider"
    (event,) = world.call(storage_bucket_id=mine, **arguments)
    assert b"\x00x" in event.fields.values()


class TestAcceptance:
    def arguments(self, **change: Any) -> dict[str, Any]:
        plain = {"worker_id": 0, "storage_bucket_id": 0, "bag_id": "dynamic:channel:1", "data_objects": [0]}
        return plain | change

    @pytest.fixture
    def world(self) -> World:
        """Bucket 0 of worker 0 with a bag of three objects, bucket 1 of worker 1 without, 2 invited, 3 missing."""
        world = World()
        bucket = world.storage_bucket(0, transactor=STRANGER)
        world.storage_bucket(1)
        invited = world.storage_bucket(None)
        world.admin.lead_storage("invite_storage_bucket_operator", storage_bucket_id=invited, operator_id=0)
        world.storage_bucket(None)
        world.objects(world.channel([bucket]), 1, 2, 3)
        return world

    @pytest.mark.parametrize(
        ("signer", "change", "error"),
        [
            (None, {}, "BadOrigin"),
            (STRANGER, {"storage_bucket_id": 9}, "Storage.StorageBucketDoesntExist"),
            (STRANGER, {"storage_bucket_id": 3}, "Storage.StorageProviderMustBeSet"),
            (STRANGER, {"storage_bucket_id": 2}, "Storage.InvalidStorageProvider"),
            (STRANGER, {"worker_id": 1}, "Storage.InvalidStorageProvider"),
            (STORAGE_WORKERS[0], {}, "Storage.InvalidTransactorAccount"),
            (STRANGER, {"bag_id": "dynamic:channel:9"}, "Storage.DynamicBagDoesntExist"),
            (STRANGER, {"data_objects": []}, "Storage.DataObjectIdParamsAreEmpty"),
            (STRANGER, {"bag_id": "static:council", "data_objects": [9]}, "Storage.StorageBucketIsNotBoundToBag"),
            (STRANGER, {"data_objects": [0, 9]}, "Storage.DataObjectDoesntExist"),
        ],
    )
    def test_refusals_in_order(self, world: World, signer: str | None, change: dict[str, Any], error: str) -> None:
        refused = world.refusal(signer, "Storage", "accept_pending_data_objects", **self.arguments(**change))
        assert refused == error

    def test_accepted_objects_pass_again(self, world: World) -> None:
        for ids in ([0, 2], [2, 1]):
            events = world.call(STRANGER, "Storage", "accept_pending_data_objects", **self.arguments(data_objects=ids))
            assert events[0].fields == {
                "bucket_id": 0,
                "worker_id": 0,
                "bag_id": "dynamic:channel:1",
                "data_object_ids": sorted(ids),
            }
        assert all(stored.accepted for _, stored in world.ledger.objects.items())

    def test_a_dismissed_worker_works_on_until_the_lead_removes_it(self, world: World) -> None:
        world.call(STORAGE_LEAD, "StorageWorkingGroup", "terminate_role", worker_id=0, penalty=None, rationale=None)
        assert storage_names(world.call(STRANGER, "Storage", "accept_pending_data_objects", **self.arguments())) == [
            "PendingDataObjectsAccepted"
        ]
        world.call(STORAGE_LEAD, "Storage", "remove_storage_bucket_operator", storage_bucket_id=0)
        refused = world.refusal(STRANGER, "Storage", "accept_pending_data_objects", **self.arguments())
        assert refused == "Storage.StorageProviderMustBeSet"
