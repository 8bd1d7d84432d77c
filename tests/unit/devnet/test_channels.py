"""Channels: owners of bags."""

from typing import Any

import pytest

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.ledger.balances import free_balance
from joygrpc.devnet.limits import Limits

from .worlds import BAG, OWNER, STORAGE_LEAD, STRANGER, World, content_id, storage_names

MEMBER = {"Member": 0}
COLLABORATOR = dev_account("//collaborator")


def assets(world: World, *sizes: int) -> dict[str, Any]:
    creation = [{"size": size, "ipfs_content_id": content_id(number)} for number, size in enumerate(sizes)]
    return {"object_creation_list": creation, "expected_data_size_fee": world.ledger.data_size_fee.value}


def creation(world: World, **change: Any) -> dict[str, Any]:
    plain = {
        "assets": None,
        "meta": b"about",
        "collaborators": {},
        "storage_buckets": [0],
        "distribution_buckets": [],
        "expected_channel_state_bloat_bond": world.ledger.channel_bloat_bond.value,
        "expected_data_object_state_bloat_bond": world.ledger.object_bloat_bond.value,
    }
    return {"channel_owner": MEMBER, "params": plain | change}


def update(world: World, **change: Any) -> dict[str, Any]:
    plain = {
        "assets_to_upload": None,
        "new_meta": None,
        "assets_to_remove": [],
        "collaborators": None,
        "expected_data_object_state_bloat_bond": world.ledger.object_bloat_bond.value,
        "storage_buckets_num_witness": 1,
    }
    return {"actor": change.pop("actor", MEMBER), "channel_id": 1, "params": plain | change}


@pytest.fixture
def world() -> World:
    """Bucket 0, and members 0 (owner) and 1 (collaborator)."""
    world = World(Limits(max_channel_assets=3))
    world.storage_bucket()
    world.admin.fund(COLLABORATOR)
    world.admin.create_member(COLLABORATOR, handle="collaborator")
    return world


class TestCreation:
    def test_a_channel_comes_with_its_bag_and_objects(self, world: World) -> None:
        before = free_balance(world.ledger, OWNER)
        events = world.call(OWNER, "Content", "create_channel", **creation(world, assets=assets(world, 10, 20)))
        assert storage_names(events) == ["VoucherChanged", "DynamicBagCreated"]
        created = events[-1]
        assert (created.name, created.fields["channel_id"]) == ("ChannelCreated", 1)
        assert created.fields["channel"]["data_objects"] == [0, 1]  # type: ignore[index]
        assert world.ledger.bags[BAG].objects_number == 2
        ledger = world.ledger
        cost = ledger.channel_bloat_bond.value + 2 * ledger.object_bloat_bond.value + ledger.data_size_fee.value
        assert before - free_balance(ledger, OWNER) == cost

    @pytest.mark.parametrize(
        ("signer", "change", "error"),
        [
            (None, {}, "BadOrigin"),
            (STRANGER, {}, "Content.MemberAuthFailed"),
            (OWNER, {"expected_channel_state_bloat_bond": 1}, "Content.ChannelStateBloatBondChanged"),
            (OWNER, {"storage_buckets": []}, "Storage.StorageBucketsNumberViolatesDynamicBagCreationPolicy"),
            (OWNER, {"collaborators": {99: []}}, "Content.InvalidMemberProvided"),
        ],
    )
    def test_refusals(self, world: World, signer: str | None, change: dict[str, Any], error: str) -> None:
        assert world.refusal(signer, "Content", "create_channel", **creation(world, **change)) == error

    def test_an_id_is_not_used_up_by_a_failure(self, world: World) -> None:
        world.refusal(OWNER, "Content", "create_channel", **creation(world, storage_buckets=[9]))
        events = world.call(OWNER, "Content", "create_channel", **creation(world))
        assert events[-1].fields["channel_id"] == 1

    def test_money_is_needed(self, world: World) -> None:
        poor = dev_account("//poor")
        member = world.admin.create_member(poor, handle="poor")
        arguments = creation(world) | {"channel_owner": {"Member": member}}
        refused = world.refusal(poor, "Content", "create_channel", **arguments)
        assert refused == "Content.InsufficientBalanceForChannelCreation"


class TestUpdate:
    @pytest.fixture
    def world(self, world: World) -> World:
        rights = {1: ["ManageNonVideoChannelAssets"]}
        arguments = creation(world, assets=assets(world, 10), collaborators=rights)
        world.call(OWNER, "Content", "create_channel", **arguments)
        return world

    @pytest.mark.parametrize(("signer", "member"), [(OWNER, 0), (COLLABORATOR, 1)])
    def test_assets_are_exchanged(self, world: World, signer: str, member: int) -> None:
        arguments = update(world, actor={"Member": member}, assets_to_upload=assets(world, 5, 6), assets_to_remove=[0])
        events = world.call(signer, "Content", "update_channel", **arguments)
        assert storage_names(events) == ["VoucherChanged", "DataObjectsUpdated"]
        assert events[-1].fields["new_data_object_ids"] == [1, 2]
        assert world.ledger.channels[1].data_objects == {1, 2}
        assert sorted(world.ledger.objects.group(BAG)) == [1, 2]

    def test_without_assets_the_bag_is_left_alone(self, world: World) -> None:
        arguments = update(world, collaborators={}, storage_buckets_num_witness=None)
        assert [event.name for event in world.call(OWNER, "Content", "update_channel", **arguments)] == [
            "ChannelUpdated"
        ]
        assert world.ledger.channels[1].collaborators == {}

    @pytest.mark.parametrize(
        ("signer", "change", "error"),
        [
            (OWNER, {"assets_to_remove": [9]}, "AssetsToRemoveBeyondEntityAssetsSet"),
            (OWNER, {"assets_to_remove": [0], "storage_buckets_num_witness": None}, "MissingStorageBucketsNumWitness"),
            (
                OWNER,
                {"assets_to_remove": [0], "storage_buckets_num_witness": 2},
                "InvalidStorageBucketsNumWitnessProvided",
            ),
            (STRANGER, {}, "MemberAuthFailed"),
            (STRANGER, {"actor": "Lead"}, "LeadAuthFailed"),
            (STRANGER, {"actor": {"Curator": (0, 0)}}, "CuratorAuthFailed"),
        ],
    )
    def test_refusals(self, world: World, signer: str, change: dict[str, Any], error: str) -> None:
        assert world.refusal(signer, "Content", "update_channel", **update(world, **change)) == f"Content.{error}"

    def test_there_are_only_so_many_assets(self, world: World) -> None:
        arguments = update(world, assets_to_upload=assets(world, 1, 1, 1))
        refused = world.refusal(OWNER, "Content", "update_channel", **arguments)
        assert refused == "Content.MaxNumberOfChannelAssetsExceeded"

    def test_other_members_may_not_and_collaborators_need_the_right(self, world: World) -> None:
        world.call(OWNER, "Content", "update_channel", **update(world, collaborators={1: ["AddVideo"]}))
        arguments = update(world, actor={"Member": 1})
        refused = world.refusal(COLLABORATOR, "Content", "update_channel", **arguments)
        assert refused == "Content.ChannelAgentInsufficientPermissions"
        world.call(OWNER, "Content", "update_channel", **update(world, collaborators={}))
        refused = world.refusal(COLLABORATOR, "Content", "update_channel", **arguments)
        assert refused == "Content.ActorNotAuthorized"


class TestDeletion:
    def arguments(self, **change: Any) -> dict[str, Any]:
        witness = {"storage_buckets_num": 1, "distribution_buckets_num": 0}
        plain = {"actor": MEMBER, "channel_id": 1, "channel_bag_witness": witness, "num_objects_to_delete": 1}
        return plain | change

    @pytest.fixture
    def world(self, world: World) -> World:
        world.call(OWNER, "Content", "create_channel", **creation(world, assets=assets(world, 10)))
        return world

    def test_bonds_come_back_but_the_fee_does_not(self, world: World) -> None:
        before = free_balance(world.ledger, OWNER)
        events = world.call(OWNER, "Content", "delete_channel", **self.arguments())
        assert storage_names(events) == ["VoucherChanged", "DynamicBagDeleted"]
        gained = free_balance(world.ledger, OWNER) - before
        assert gained == world.ledger.channel_bloat_bond.value + world.ledger.object_bloat_bond.value
        assert BAG not in world.ledger.bags

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"channel_id": 9}, "ChannelDoesNotExist"),
            (
                {"channel_bag_witness": {"storage_buckets_num": 2, "distribution_buckets_num": 0}},
                "InvalidChannelBagWitnessProvided",
            ),
            ({"num_objects_to_delete": 0}, "InvalidBagSizeSpecified"),
        ],
    )
    def test_refusals(self, world: World, change: dict[str, Any], error: str) -> None:
        refused = world.refusal(OWNER, "Content", "delete_channel", **self.arguments(**change))
        assert refused == f"Content.{error}"


def test_only_the_owner_remarks(world: World) -> None:
    world.call(OWNER, "Content", "create_channel", **creation(world))
    remark = {"channel_id": 1, "msg": b"hello"}
    assert world.refusal(STORAGE_LEAD, "Content", "channel_owner_remark", **remark) == "Content.MemberAuthFailed"
    (event,) = world.call(OWNER, "Content", "channel_owner_remark", **remark)
    assert event.fields == {"channel_id": 1, "message": b"hello"}
