"""Channels, as far as they own bags and objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from joygrpc.devnet.ledger.bags import Upload, create_dynamic_bag, delete_dynamic_bag, new_objects, replace_objects
from joygrpc.devnet.ledger.balances import TREASURY, covers, module_account, move
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ModuleError, ensure, found
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Account, Channel, RepayableBond

PALLET: Final = "Content"
_MANAGE_ASSETS: Final = "ManageNonVideoChannelAssets"


def channel_bag(channel_id: int) -> str:
    """The bag of a channel."""
    return f"dynamic:channel:{channel_id}"


def _channel_account(channel_id: int) -> Account:
    return module_account(b"mContent", channel_id.to_bytes(8, "little"))


def _find_channel(ledger: Ledger, channel_id: int) -> Channel:
    return found(ledger.channels.get(channel_id), PALLET, "ChannelDoesNotExist")


def _ensure_member(ledger: Ledger, origin: Origin, member_id: int) -> Account:
    """The member's controller account, if the caller signs with it."""
    signer = origin.signer()
    member = ledger.members.get(member_id)
    ensure(member is not None and member.controller_account == signer, PALLET, "MemberAuthFailed")
    return signer


def _ensure_actor(ledger: Ledger, origin: Origin, actor: Any, channel: Channel, permission: str) -> Account:
    """The signer, if it may act on the channel: its owner, or a collaborator with the permission."""
    match actor:
        case {"Member": member_id}:
            signer = _ensure_member(ledger, origin, member_id)
            if channel.owner != {"Member": member_id}:
                rights = found(channel.collaborators.get(member_id), PALLET, "ActorNotAuthorized")
                ensure(permission in rights, PALLET, "ChannelAgentInsufficientPermissions")
            return signer
        case {"Curator": _}:
            raise ModuleError(PALLET, "CuratorAuthFailed")
    raise ModuleError(PALLET, "LeadAuthFailed")


def _upload(payer: Account, assets: Mapping[str, Any] | None, expected_bond: int) -> Upload:
    if assets is None:
        return Upload(payer, (), 0, expected_bond)
    objects = new_objects(assets["object_creation_list"])
    return Upload(payer, objects, assets["expected_data_size_fee"], expected_bond)


def create_channel(
    ledger: Ledger, origin: Origin, *, channel_owner: Mapping[str, int], params: Mapping[str, Any]
) -> None:
    """A channel of a member, with its bag. Curator groups do not exist here."""
    owner_member = found(channel_owner.get("Member"), PALLET, "CuratorGroupDoesNotExist")
    payer = _ensure_member(ledger, origin, owner_member)
    bond = ledger.channel_bloat_bond.value
    ensure(params["expected_channel_state_bloat_bond"] == bond, PALLET, "ChannelStateBloatBondChanged")
    ensure(covers(ledger, payer, bond), PALLET, "InsufficientBalanceForChannelCreation")
    for member_id in params["collaborators"]:
        ensure(member_id in ledger.members, PALLET, "InvalidMemberProvided")
    upload = _upload(payer, params["assets"], params["expected_data_object_state_bloat_bond"])
    ensure(len(upload.objects) <= ledger.limits.max_channel_assets, PALLET, "MaxNumberOfChannelAssetsExceeded")
    channel_id = ledger.next_channel_id.take()
    object_ids = create_dynamic_bag(
        ledger, channel_bag(channel_id), upload, params["storage_buckets"], params["distribution_buckets"]
    )
    if bond:
        move(ledger, payer, TREASURY, bond)
    channel = Channel(
        owner=dict(channel_owner),
        channel_state_bloat_bond=RepayableBond(bond),
        collaborators={member: tuple(rights) for member, rights in params["collaborators"].items()},
        data_objects=frozenset(object_ids),
    )
    ledger.channels[channel_id] = channel
    account = _channel_account(channel_id)
    ledger.emit(PALLET, "ChannelCreated", channel_id, channel.to_scale(), dict(params), account)


def update_channel(ledger: Ledger, origin: Origin, *, actor: Any, channel_id: int, params: Mapping[str, Any]) -> None:
    """Add and remove a channel's assets, change its collaborators."""
    channel = _find_channel(ledger, channel_id)
    signer = _ensure_actor(ledger, origin, actor, channel, _MANAGE_ASSETS)
    removals = params["assets_to_remove"]
    within = channel.data_objects.issuperset(removals)
    ensure(within, PALLET, "AssetsToRemoveBeyondEntityAssetsSet")
    upload = _upload(signer, params["assets_to_upload"], params["expected_data_object_state_bloat_bond"])
    object_ids: list[int] = []
    if upload.objects or removals:
        bag_id = channel_bag(channel_id)
        bag = found(ledger.bags.get(bag_id), PALLET, "ChannelBagMissing")
        witness = found(params["storage_buckets_num_witness"], PALLET, "MissingStorageBucketsNumWitness")
        ensure(witness == len(bag.stored_by), PALLET, "InvalidStorageBucketsNumWitnessProvided")
        kept = len(channel.data_objects) - len(removals)
        allowed = kept + len(upload.objects) <= ledger.limits.max_channel_assets
        ensure(allowed, PALLET, "MaxNumberOfChannelAssetsExceeded")
        object_ids = replace_objects(ledger, bag_id, upload, removals)
        assets = (channel.data_objects - set(removals)) | set(object_ids)
        channel = replace(channel, data_objects=assets)
    if params["collaborators"] is not None:
        collaborators = {member: tuple(rights) for member, rights in params["collaborators"].items()}
        channel = replace(channel, collaborators=collaborators)
    ledger.channels[channel_id] = channel
    ledger.emit(PALLET, "ChannelUpdated", actor, channel_id, dict(params), object_ids)


def delete_channel(
    ledger: Ledger,
    origin: Origin,
    *,
    actor: Any,
    channel_id: int,
    channel_bag_witness: Mapping[str, int],
    num_objects_to_delete: int,
) -> None:
    """The channel goes with its bag; both bonds are repaid to the caller."""
    channel = _find_channel(ledger, channel_id)
    signer = _ensure_actor(ledger, origin, actor, channel, "DeleteChannel")
    ensure(channel.num_videos == 0, PALLET, "ChannelContainsVideos")
    bag_id = channel_bag(channel_id)
    bag = found(ledger.bags.get(bag_id), PALLET, "ChannelBagMissing")
    witness = {"storage_buckets_num": len(bag.stored_by), "distribution_buckets_num": len(bag.distributed_by)}
    ensure(channel_bag_witness == witness, PALLET, "InvalidChannelBagWitnessProvided")
    ensure(num_objects_to_delete == bag.objects_number, PALLET, "InvalidBagSizeSpecified")
    delete_dynamic_bag(ledger, signer, bag_id)
    bond = channel.channel_state_bloat_bond
    if bond.amount:
        move(ledger, TREASURY, bond.repayment_restricted_to or signer, bond.amount)
    del ledger.channels[channel_id]
    ledger.emit(PALLET, "ChannelDeleted", actor, channel_id)


def channel_owner_remark(ledger: Ledger, origin: Origin, *, channel_id: int, msg: bytes) -> None:
    """A message of a channel's owner."""
    channel = _find_channel(ledger, channel_id)
    _ensure_member(ledger, origin, found(channel.owner.get("Member"), PALLET, "LeadAuthFailed"))
    ledger.emit(PALLET, "ChannelOwnerRemarked", channel_id, msg)
