"""What an administrator of the devnet can do at once, where the real chain takes openings, votes and several signers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from joygrpc.content import BagId, DistributionBucketId
from joygrpc.devnet.ledger import bags
from joygrpc.devnet.ledger.bags import NewObject, Upload
from joygrpc.devnet.ledger.balances import TREASURY, deposit, free_balance
from joygrpc.devnet.ledger.calls import Call, Origin
from joygrpc.devnet.ledger.channels import channel_bag
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.failures import found
from joygrpc.devnet.ledger.ledger import Ledger, WorkingGroup
from joygrpc.devnet.ledger.records import Account, Operated
from joygrpc.devnet.ledger.working_groups import GroupName, hire, working_group

JOY: Final = 10**10
DEFAULT_FUNDS: Final = 1_000_000 * JOY
HUGE: Final = 2**62
"""A limit that nothing reaches, with room to add to it in 64 bits."""

# Parameter, call of the group's lead that sets it, its argument.
_STORAGE_PARAMETERS: Final = {
    "uploading_blocked": ("update_uploading_blocked_status", "new_status"),
    "data_size_fee": ("update_data_size_fee", "new_data_size_fee"),
    "storage_buckets_per_bag_limit": ("update_storage_buckets_per_bag_limit", "new_limit"),
    "state_bloat_bond": ("update_data_object_state_bloat_bond", "state_bloat_bond"),
}


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel that was just made."""

    channel_id: int
    bag_id: str
    object_ids: list[int]


class Administrator:
    """Acts for leads, workers and members, always by the calls that they would make, so that the usual events happen.

    Raises DispatchFailure where the chain would refuse. Works inside `Chain.perform`.
    """

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher

    def dispatch(self, origin: Origin, pallet: str, name: str, **arguments: Any) -> None:
        """Make a call; arguments in the plain form of `joygrpc.devnet.events`. ScaleError when they do not fit."""
        calls = self._dispatcher.runtime.calls
        # Through the codec, so that a call is the same here as out of an extrinsic.
        call = Call.from_scale(calls.decode(calls.encode(Call(pallet, name, arguments).to_scale())))
        self._dispatcher.execute(origin, call)

    def fund(self, account: Account, amount: int = DEFAULT_FUNDS) -> int:
        """Create money; the account's free balance afterwards."""
        deposit(self._ledger, account, amount)
        return free_balance(self._ledger, account)

    def create_member(self, controller: Account, *, handle: str | None = None, root: Account | None = None) -> int:
        """A member; its handle is `member{id}` unless given."""
        member_id = self._ledger.next_member_id.value
        params = {
            "root_account": root or controller,
            "controller_account": controller,
            "handle": (handle or f"member{member_id}").encode(),
            "metadata": b"",
            "is_founding_member": False,
        }
        self.dispatch(Origin.root(), "Members", "create_member", params=params)
        return member_id

    def hire(self, group: GroupName, member_id: int, role_account: Account, *, lead: bool = False) -> int:
        """A worker of the group, its role account funded; with `lead`, the group's lead too."""
        worker_id = hire(self._ledger, working_group(self._ledger, group), member_id, role_account, lead=lead)
        self.fund(role_account)
        return worker_id

    # Storage buckets

    def create_storage_bucket(
        self,
        *,
        worker_id: int | None = None,
        transactor: Account | None = None,
        metadata: bytes | None = None,
        accepting_new_bags: bool = True,
        size_limit: int | None = None,
        objects_limit: int | None = None,
    ) -> int:
        """A storage bucket; with a worker, also invited, accepted and described in one step.

        The transactor is the worker's role account unless given; the limits are the highest allowed.
        """
        bucket_id = self._ledger.next_storage_bucket_id.value
        self.lead_storage(
            "create_storage_bucket",
            invite_worker=worker_id,
            accepting_new_bags=accepting_new_bags,
            size_limit=self._ledger.voucher_max_size.value if size_limit is None else size_limit,
            objects_limit=self._ledger.voucher_max_number.value if objects_limit is None else objects_limit,
        )
        if worker_id is not None:
            role = self._role(self._ledger.storage_group, worker_id)
            self.dispatch(
                Origin.signed(role),
                "Storage",
                "accept_storage_bucket_invitation",
                worker_id=worker_id,
                storage_bucket_id=bucket_id,
                transactor_account_id=transactor or role,
            )
            if metadata is not None:
                self.set_storage_metadata(worker_id, bucket_id, metadata)
        return bucket_id

    def set_storage_metadata(self, worker_id: int, bucket_id: int, metadata: bytes) -> None:
        """Describe a storage operator; `metadata` is a serialised StorageBucketOperatorMetadata."""
        self.dispatch(
            Origin.signed(self._role(self._ledger.storage_group, worker_id)),
            "Storage",
            "set_storage_operator_metadata",
            worker_id=worker_id,
            storage_bucket_id=bucket_id,
            metadata=metadata,
        )

    # Distribution buckets

    def create_family(self, metadata: bytes | None = None) -> int:
        """A distribution bucket family."""
        family_id = self._ledger.next_family_id.value
        self.lead_distribution("create_distribution_bucket_family")
        if metadata is not None:
            self.lead_distribution("set_distribution_bucket_family_metadata", family_id=family_id, metadata=metadata)
        return family_id

    def create_distribution_bucket(self, family_id: int, *, accepting_new_bags: bool = True) -> str:
        """A distribution bucket without operators."""
        family = found(self._ledger.families.get(family_id), "Storage", "DistributionBucketFamilyDoesntExist")
        index = family.next_distribution_bucket_index
        self.lead_distribution("create_distribution_bucket", family_id=family_id, accepting_new_bags=accepting_new_bags)
        return f"{family_id}:{index}"

    def add_distribution_operator(self, bucket_id: str, worker_id: int, metadata: bytes | None = None) -> None:
        """An operator of the bucket: invited, accepted and described in one step."""
        self.lead_distribution("invite_distribution_bucket_operator", bucket_id=bucket_id, operator_worker_id=worker_id)
        role = Origin.signed(self._role(self._ledger.distribution_group, worker_id))
        self.dispatch(
            role, "Storage", "accept_distribution_bucket_invitation", worker_id=worker_id, bucket_id=bucket_id
        )
        if metadata is not None:
            self.set_distribution_metadata(worker_id, bucket_id, metadata)

    def set_distribution_metadata(self, worker_id: int, bucket_id: str, metadata: bytes) -> None:
        """Describe a distribution operator; `metadata` is a serialised DistributionBucketOperatorMetadata."""
        self.dispatch(
            Origin.signed(self._role(self._ledger.distribution_group, worker_id)),
            "Storage",
            "set_distribution_operator_metadata",
            worker_id=worker_id,
            bucket_id=bucket_id,
            metadata=metadata,
        )

    # Channels, bags and objects

    def create_channel(
        self,
        member_id: int,
        *,
        storage_buckets: Sequence[int] | None = None,
        distribution_buckets: Sequence[str] | None = None,
        objects: Sequence[NewObject] = (),
    ) -> NewChannel:
        """A member's channel and its bag, in buckets that fit the creation policy unless given."""
        member = found(self._ledger.members.get(member_id), "Content", "ChannelOwnerMemberDoesNotExist")
        channel_id = self._ledger.next_channel_id.value
        assets = None
        if objects:
            creation_list = [{"size": new.size, "ipfs_content_id": new.content_id} for new in objects]
            fee = self._ledger.data_size_fee.value
            assets = {"object_creation_list": creation_list, "expected_data_size_fee": fee}
        params = {
            "assets": assets,
            "meta": None,
            "collaborators": {},
            "storage_buckets": self._policy_storage() if storage_buckets is None else storage_buckets,
            "distribution_buckets": (
                self._policy_distribution() if distribution_buckets is None else distribution_buckets
            ),
            "expected_channel_state_bloat_bond": self._ledger.channel_bloat_bond.value,
            "expected_data_object_state_bloat_bond": self._ledger.object_bloat_bond.value,
        }
        origin = Origin.signed(member.controller_account)
        self.dispatch(origin, "Content", "create_channel", channel_owner={"Member": member_id}, params=params)
        object_ids = sorted(self._ledger.channels[channel_id].data_objects)
        return NewChannel(channel_id, channel_bag(channel_id), object_ids)

    def create_objects(self, bag_id: str, objects: Sequence[NewObject], payer: Account | None = None) -> list[int]:
        """Objects in a bag, paid by its owner (the devnet, for static bags) unless said otherwise; ids in list order."""
        bag = str(BagId.parse(bag_id))
        payer = payer or self._owner(bag)
        cost = len(objects) * self._ledger.object_bloat_bond.value
        cost += bags.storage_fee(self._ledger, sum(new.size for new in objects))
        if payer == TREASURY:
            self.fund(payer, cost)
        upload = Upload(payer, tuple(objects), self._ledger.data_size_fee.value, self._ledger.object_bloat_bond.value)
        return bags.upload_objects(self._ledger, bag, upload)

    def delete_objects(self, bag_id: str, object_ids: Sequence[int]) -> None:
        """Objects leave a bag; their bonds go to its owner."""
        bag = str(BagId.parse(bag_id))
        bags.delete_objects(self._ledger, self._owner(bag), bag, sorted(set(object_ids)))

    def move_objects(self, source_id: str, target_id: str, object_ids: Sequence[int]) -> None:
        """Objects change their bag."""
        source, target = str(BagId.parse(source_id)), str(BagId.parse(target_id))
        bags.move_objects(self._ledger, source, target, sorted(set(object_ids)))

    def bind_bag(
        self,
        bag_id: str,
        *,
        add_storage: Sequence[int] = (),
        remove_storage: Sequence[int] = (),
        add_distribution: Sequence[str] = (),
        remove_distribution: Sequence[str] = (),
    ) -> None:
        """Change which buckets hold and deliver a bag."""
        bag = str(BagId.parse(bag_id))
        if add_storage or remove_storage:
            self.lead_storage(
                "update_storage_buckets_for_bag", bag_id=bag, add_buckets=add_storage, remove_buckets=remove_storage
            )
        changes: dict[int, tuple[list[int], list[int]]] = {}
        for position, bucket_ids in enumerate((add_distribution, remove_distribution)):
            for bucket in map(DistributionBucketId.parse, bucket_ids):
                changes.setdefault(bucket.family, ([], []))[position].append(bucket.index)
        for family_id, (added, removed) in changes.items():
            self.lead_distribution(
                "update_distribution_buckets_for_bag",
                bag_id=bag,
                family_id=family_id,
                add_buckets_indices=added,
                remove_buckets_indices=removed,
            )

    # Parameters

    def set_parameter(self, name: str, value: Any) -> None:
        """Change a limit, fee or policy as the lead in charge would. KeyError for a name that does not exist.

        `voucher_max_limits` takes [size, number]; `channel_storage_buckets` and `member_storage_buckets` a number;
        `channel_families` and `member_families` a map from family to number of buckets.
        """
        match name:
            case "voucher_max_limits":
                size, number = value
                self.lead_storage(
                    "update_storage_buckets_voucher_max_limits", new_objects_size=size, new_objects_number=number
                )
            case "distribution_buckets_per_bag_limit":
                self.lead_distribution("update_distribution_buckets_per_bag_limit", new_limit=value)
            case "channel_storage_buckets" | "member_storage_buckets":
                self.lead_storage(
                    "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
                    dynamic_bag_type=name.partition("_")[0].capitalize(),
                    number_of_storage_buckets=value,
                )
            case "channel_families" | "member_families":
                self.lead_distribution(
                    "update_families_in_dynamic_bag_creation_policy",
                    dynamic_bag_type=name.partition("_")[0].capitalize(),
                    families={int(family): number for family, number in value.items()},
                )
            case _:
                call, argument = _STORAGE_PARAMETERS[name]
                self.lead_storage(call, **{argument: value})

    def lead_storage(self, name: str, **arguments: Any) -> None:
        """A call of the storage lead."""
        self._lead(self._ledger.storage_group, name, arguments)

    def lead_distribution(self, name: str, **arguments: Any) -> None:
        """A call of the distribution lead."""
        self._lead(self._ledger.distribution_group, name, arguments)

    def _lead(self, group: WorkingGroup, name: str, arguments: dict[str, Any]) -> None:
        lead = found(group.lead.value, group.pallet, "CurrentLeadNotSet")
        self.dispatch(Origin.signed(self._role(group, lead)), "Storage", name, **arguments)

    def _role(self, group: WorkingGroup, worker_id: int) -> Account:
        return found(group.workers.get(worker_id), group.pallet, "WorkerDoesNotExist").role_account_id

    def _owner(self, bag_id: str) -> Account:
        """The account that answers for a bag: the member's or channel owner's controller, else the treasury."""
        bag = BagId.parse(bag_id)
        member_id = None
        if bag.kind == "member":
            member_id = bag.number
        elif bag.kind == "channel" and bag.number is not None and bag.number in self._ledger.channels:
            member_id = self._ledger.channels[bag.number].owner.get("Member")
        member = None if member_id is None else self._ledger.members.get(member_id)
        return TREASURY if member is None else member.controller_account

    def _policy_storage(self) -> list[int]:
        wanted = bags.find_policy(self._ledger, "Channel").number_of_storage_buckets
        ready = [
            bucket_id
            for bucket_id, bucket in sorted(self._ledger.storage_buckets.items())
            if bucket.accepting_new_bags and isinstance(bucket.operator_status, Operated)
        ]
        return ready[:wanted]

    def _policy_distribution(self) -> list[str]:
        chosen = []
        for family_id, wanted in bags.find_policy(self._ledger, "Channel").families.items():
            ready = [
                index
                for index in sorted(self._ledger.distribution_buckets.group(family_id))
                if self._ledger.distribution_buckets[family_id, index].accepting_new_bags
            ]
            chosen += [f"{family_id}:{index}" for index in ready[:wanted]]
        return chosen
