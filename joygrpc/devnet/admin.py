"""The devnet_* methods that administer: members, workers, buckets, bags, objects, parameters, blocks.

Accounts are SS58 texts, `0x` hex or development URIs (`//Alice`); bytes are `0x` hex; content ids are texts.
Each method that changes state makes one block and answers when it is sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from joygrpc.content import InvalidBagId
from joygrpc.devnet.administrator import DEFAULT_FUNDS, Administrator
from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.headers import hex0x
from joygrpc.devnet.json_values import call_value, json_value, named_account
from joygrpc.devnet.ledger.bags import NewObject
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.working_groups import GroupName
from joygrpc.devnet.population import Population
from joygrpc.devnet.rpc.errors import invalid_params
from joygrpc.devnet.rpc.hexadecimal import unhex
from joygrpc.devnet.rpc.node_methods import Method
from joygrpc.devnet.scale import ScaleError

T = TypeVar("T")
_GROUPS: Final[Mapping[str, GroupName]] = {
    "storage": "StorageWorkingGroup",
    "distribution": "DistributionWorkingGroup",
}

_MAX_CHANNELS: Final = 100_000
_CHANNELS_PER_BLOCK: Final = 500


class AdminMethods:
    """The methods; `set_subtitle` is the query node's."""

    def __init__(
        self,
        chain: Chain,
        accounts: Mapping[str, str],
        set_subtitle: Callable[[int, str], None],
    ) -> None:
        self._chain = chain
        self._accounts = accounts
        self._set_subtitle = set_subtitle

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "devnet_accounts": self.accounts,
            "devnet_addDistributionOperator": self.add_distribution_operator,
            "devnet_bindBag": self.bind_bag,
            "devnet_createChannel": self.create_channel,
            "devnet_createDistributionBucket": self.create_distribution_bucket,
            "devnet_createFamily": self.create_family,
            "devnet_createMember": self.create_member,
            "devnet_createObjects": self.create_objects,
            "devnet_createStorageBucket": self.create_storage_bucket,
            "devnet_deleteObjects": self.delete_objects,
            "devnet_dispatch": self.dispatch,
            "devnet_fork": self.fork,
            "devnet_fund": self.fund,
            "devnet_hire": self.hire,
            "devnet_moveObjects": self.move_objects,
            "devnet_populate": self.populate,
            "devnet_seal": self.seal,
            "devnet_setDistributionMetadata": self.set_distribution_metadata,
            "devnet_setParameters": self.set_parameters,
            "devnet_setStorageMetadata": self.set_storage_metadata,
            "devnet_setSubtitle": self.set_subtitle,
        }

    # Accounts, members, workers

    def accounts(self) -> dict[str, str]:
        """The secret URIs of the preset's accounts, by role."""
        return dict(self._accounts)

    def fund(self, account: str, amount: int = DEFAULT_FUNDS) -> str:
        """Create money; answers the account's balance as decimal text, since it may not fit into a JSON number."""
        target = named_account(account)
        return str(self._perform(lambda admin: admin.fund(target, int(amount))))

    def create_member(self, controller: str, handle: str | None = None, root: str | None = None) -> int:
        """A member; answers its id."""
        controller_account = named_account(controller)
        root_account = None if root is None else named_account(root)
        return self._perform(lambda admin: admin.create_member(controller_account, handle=handle, root=root_account))

    def hire(self, group: str, member: int, role_account: str, lead: bool = False) -> int:
        """A worker of the group (`storage`, `distribution`); answers its id."""
        if group not in _GROUPS:
            raise invalid_params(f"group is one of {sorted(_GROUPS)}")
        role = named_account(role_account)
        return self._perform(lambda admin: admin.hire(_GROUPS[group], member, role, lead=lead))

    # Buckets

    def create_storage_bucket(
        self,
        worker: int | None = None,
        transactor: str | None = None,
        metadata: str | None = None,
        accepting_new_bags: bool = True,
        size_limit: int | None = None,
        objects_limit: int | None = None,
    ) -> int:
        """A storage bucket, with an operator when a worker is given; answers its id."""
        account = None if transactor is None else named_account(transactor)
        return self._perform(
            lambda admin: admin.create_storage_bucket(
                worker_id=worker,
                transactor=account,
                metadata=_optional_bytes(metadata),
                accepting_new_bags=accepting_new_bags,
                size_limit=size_limit,
                objects_limit=objects_limit,
            )
        )

    def set_storage_metadata(self, worker: int, bucket: int, metadata: str) -> bool:
        """Describe a storage operator anew."""
        self._perform(lambda admin: admin.set_storage_metadata(worker, bucket, unhex(metadata)))
        return True

    def create_family(self, metadata: str | None = None) -> int:
        """A family; answers its id."""
        return self._perform(lambda admin: admin.create_family(_optional_bytes(metadata)))

    def create_distribution_bucket(
        self, family: int, worker: int | None = None, metadata: str | None = None, accepting_new_bags: bool = True
    ) -> str:
        """A distribution bucket, with an operator when a worker is given; answers `family:index`."""

        def create(admin: Administrator) -> str:
            bucket_id = admin.create_distribution_bucket(family, accepting_new_bags=accepting_new_bags)
            if worker is not None:
                admin.add_distribution_operator(bucket_id, worker, _optional_bytes(metadata))
            return bucket_id

        return self._perform(create)

    def add_distribution_operator(self, bucket: str, worker: int, metadata: str | None = None) -> bool:
        """Invite, accept and describe an operator in one step."""
        self._perform(lambda admin: admin.add_distribution_operator(bucket, worker, _optional_bytes(metadata)))
        return True

    def set_distribution_metadata(self, worker: int, bucket: str, metadata: str) -> bool:
        """Describe a distribution operator anew."""
        self._perform(lambda admin: admin.set_distribution_metadata(worker, bucket, unhex(metadata)))
        return True

    # Channels, bags, objects

    def create_channel(
        self,
        member: int,
        storage_buckets: Sequence[int] | None = None,
        distribution_buckets: Sequence[str] | None = None,
        objects: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, object]:
        """A channel and its bag; answers `{channel, bag, objects}`."""
        made = self._perform(
            lambda admin: admin.create_channel(
                member,
                storage_buckets=storage_buckets,
                distribution_buckets=distribution_buckets,
                objects=_objects(objects),
            )
        )
        return {"channel": made.channel_id, "bag": made.bag_id, "objects": made.object_ids}

    def populate(
        self,
        member: int,
        channels: int,
        objects: int = 10,
        size: int = 1000,
        accepted: bool = False,
        storage_buckets: Sequence[int] | None = None,
        distribution_buckets: Sequence[str] | None = None,
    ) -> dict[str, object]:
        """Many channels with `objects` objects each, which have no content; answers the first channel and its first object."""
        if not 1 <= channels <= _MAX_CHANNELS or not 0 <= objects <= self._chain.runtime.limits.max_channel_assets:
            raise invalid_params(f"channels are 1 to {_MAX_CHANNELS}, objects of each at most what the chain allows")
        population = Population(member, objects, size, accepted, storage_buckets, distribution_buckets)
        ledger = self._chain.ledger
        first: dict[str, object] = {"channel": ledger.next_channel_id.value, "object": ledger.next_object_id.value}
        for start in range(0, channels, _CHANNELS_PER_BLOCK):
            count = min(_CHANNELS_PER_BLOCK, channels - start)
            self._perform(partial(population.add_channels, ledger, count))
        return first

    def create_objects(self, bag: str, objects: Sequence[Mapping[str, Any]], payer: str | None = None) -> list[int]:
        """Objects, each `{size, ipfs_content_id}`, paid by the bag's owner; answers their ids."""
        account = None if payer is None else named_account(payer)
        return self._perform(lambda admin: admin.create_objects(bag, _objects(objects), account))

    def delete_objects(self, bag: str, objects: Sequence[int]) -> bool:
        """Remove objects from a bag."""
        self._perform(lambda admin: admin.delete_objects(bag, objects))
        return True

    def move_objects(self, source: str, target: str, objects: Sequence[int]) -> bool:
        """Move objects to another bag."""
        self._perform(lambda admin: admin.move_objects(source, target, objects))
        return True

    def bind_bag(
        self,
        bag: str,
        add_storage: Sequence[int] = (),
        remove_storage: Sequence[int] = (),
        add_distribution: Sequence[str] = (),
        remove_distribution: Sequence[str] = (),
    ) -> bool:
        """Change which buckets hold and deliver a bag."""
        self._perform(
            lambda admin: admin.bind_bag(
                bag,
                add_storage=add_storage,
                remove_storage=remove_storage,
                add_distribution=add_distribution,
                remove_distribution=remove_distribution,
            )
        )
        return True

    def set_subtitle(self, object_id: int, mime_type: str) -> bool:
        """Have the query node call the object a video subtitle of that MIME type."""
        try:
            self._set_subtitle(object_id, mime_type)
        except KeyError as error:
            raise invalid_params(f"the query node knows no object {object_id}") from error
        return True

    # Chain

    def set_parameters(self, parameters: Mapping[str, Any]) -> bool:
        """Limits, fees and policies by name, all or none; see `Administrator.set_parameter`."""

        def change(admin: Administrator) -> None:
            for name, value in parameters.items():
                admin.set_parameter(name, value)

        self._perform(change)
        return True

    def dispatch(
        self, origin: str | None, pallet: str, call: str, arguments: Mapping[str, Any] | None = None
    ) -> dict[str, object]:
        """Any call as any account, or as root when `origin` is null; answers the block and its events."""
        caller = Origin.root() if origin is None else Origin.signed(named_account(origin))
        plain = {name: call_value(value) for name, value in (arguments or {}).items()}

        def act(ledger: Ledger, dispatcher: Dispatcher) -> None:
            Administrator(ledger, dispatcher).dispatch(caller, pallet, call, **plain)

        _, block = self._chain.perform(_checked(act))
        events = [
            {"pallet": event.pallet, "name": event.name, "fields": json_value(event.fields)}
            for event in block.events
            if event.extrinsic_index is None
        ]
        return {"block": hex0x(block.hash), "number": block.number, "events": events}

    def fork(self, depth: int = 1, again: bool = True) -> str:
        """Replace the newest blocks, none of them final, by others; answers the hash of the new best block.

        With `again`, their transactions come into the new blocks, else into the block after. What an administrator did
        in the replaced blocks is undone. Start the devnet with a finality lag for it.
        """
        return hex0x(self._chain.fork(depth, again=again).hash)

    def seal(self, count: int = 1) -> str:
        """Make blocks now; answers the hash of the last."""
        if not 1 <= count <= 10_000:
            raise invalid_params("count is 1 to 10000")
        for _ in range(count):
            block = self._chain.seal()
        return hex0x(block.hash)

    def _perform(self, action: Callable[[Administrator], T]) -> T:
        result, _ = self._chain.perform(_checked(lambda ledger, calls: action(Administrator(ledger, calls))))
        return result


def _checked(action: Callable[[Ledger, Dispatcher], T]) -> Callable[[Ledger, Dispatcher], T]:
    """The action, with arguments that do not fit told as such."""

    def perform(ledger: Ledger, dispatcher: Dispatcher) -> T:
        try:
            return action(ledger, dispatcher)
        except (ScaleError, InvalidBagId, KeyError, TypeError, ValueError) as error:
            raise invalid_params(f"{type(error).__name__}: {error}") from error

    return perform


def _optional_bytes(text: str | None) -> bytes | None:
    return None if text is None else unhex(text)


def _objects(objects: Sequence[Mapping[str, Any]]) -> list[NewObject]:
    return [NewObject(int(item["size"]), str(item["ipfs_content_id"]).encode()) for item in objects]
