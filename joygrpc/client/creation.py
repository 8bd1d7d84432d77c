"""Creating data objects on chain, as the owner of a channel."""

from dataclasses import dataclass

from joygrpc.chain.calls import AssetFees, NewObject, update_channel_of_member
from joygrpc.chain.port import Chain
from joygrpc.client.errors import ClientError
from joygrpc.content import BagId


@dataclass(frozen=True, slots=True)
class ChannelOwner:
    """The member that owns a channel and its controller account (SS58)."""

    member_id: int
    account: str


async def channel_owner(chain: Chain, channel_id: int) -> ChannelOwner:
    """Who may add objects to a channel's bag.

    Raises `ClientError` when there is no such channel, or when it belongs to a curator group.
    """
    channel = await chain.storage_value("Content", "ChannelById", [channel_id])
    owner = channel.get("owner") if isinstance(channel, dict) else None
    if not isinstance(owner, dict) or "Member" not in owner:
        raise ClientError(f"channel {channel_id} has no member for an owner on this chain")
    member_id = int(owner["Member"])
    account = await chain.member_controller(member_id)
    if account is None:
        raise ClientError(f"member {member_id}, owner of channel {channel_id}, has no account")
    return ChannelOwner(member_id, account)


async def create_object(chain: Chain, bag_id: BagId, size: int, multihash: str) -> int:
    """Create one object in a channel's bag and return its id; the owner's key must be unlocked in `chain`.

    Raises `ClientError` naming the chain's refusal.
    """
    if bag_id.kind != "channel" or bag_id.number is None:
        raise ClientError(f"objects can be created in bags of channels only, not in {bag_id}")
    owner = await channel_owner(chain, bag_id.number)
    fees = AssetFees(
        per_megabyte=_amount(await chain.storage_value("Storage", "DataObjectPerMegabyteFee")),
        bloat_bond=_amount(await chain.storage_value("Storage", "DataObjectStateBloatBondValue")),
    )
    bag = await chain.bag(bag_id)
    # The chain prices the call by the number of buckets, and wants to be told it.
    buckets = len(bag.stored_by) if bag else 0
    new = NewObject(size, multihash)
    call = update_channel_of_member(owner.member_id, bag_id.number, fees, add=[new], storage_buckets_num=buckets)
    outcome = await chain.submit([call], owner.account)
    if outcome.status not in {"included", "finalized"}:
        raise ClientError(f"the transaction that creates the object is {outcome.status}: {outcome.reason}")
    for item in outcome.items:
        if item.error is not None:
            raise ClientError(f"the chain refused to create the object: {item.error} {item.error_docs}".rstrip())
    for event in outcome.events:
        ids = event.fields.get("new_data_object_ids") if event.name == "ChannelUpdated" else None
        if isinstance(ids, list | tuple | set | frozenset) and ids:
            return int(min(ids))
    raise ClientError("the chain did not say which object it created")


def _amount(value: object) -> int:
    if not isinstance(value, int):
        raise ClientError("the chain does not tell its storage fees")
    return value
