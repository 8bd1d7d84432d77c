"""What the node may ask of the query connection; each method is an operation of that name."""

from collections.abc import Sequence

from substrateinterface import Keypair

from joygrpc.chain.errors import BlockPruned, CallInvalid, SignerLocked
from joygrpc.chain.port import BatchMode, Call, ChainEvent, ChainHead, ChainProperties, FinalizedBlock
from joygrpc.chain.wire import Setup
from joygrpc.chain.worker.blocks import block_events, header_of
from joygrpc.chain.worker.connection import Connection
from joygrpc.chain.worker.extrinsics import compose
from joygrpc.chain.worker.keyring import Keyring

StorageKeyParts = tuple[str, str, tuple[object, ...]]
"""Pallet, item and parameters."""


class Operations:
    """Reads of the chain; values are as scalecodec decodes them."""

    def __init__(self, setup: Setup, keyring: Keyring) -> None:
        self._setup = setup
        self._keyring = keyring

    def properties(self, connection: Connection) -> ChainProperties:
        """What the chain says about itself."""
        substrate = connection.at_head()
        told = connection.rpc("system_properties", []) or {}
        version = connection.rpc("state_getRuntimeVersion", [])
        return ChainProperties(
            name=connection.rpc("system_chain", []),
            ss58_prefix=int(substrate.ss58_format),
            # Chains with several tokens give lists.
            token_symbol=str(_first(told.get("tokenSymbol"), "")),
            token_decimals=int(_first(told.get("tokenDecimals"), 0)),  # type: ignore[call-overload]
            genesis_hash=connection.genesis_hash,
            spec_name=str(version["specName"]),
            spec_version=int(version["specVersion"]),
        )

    def head(self, connection: Connection, finalized: bool) -> ChainHead:
        """The best or the finalized block."""
        block_hash = connection.rpc("chain_getFinalizedHead" if finalized else "chain_getBlockHash", [])
        return ChainHead(header_of(connection, block_hash)[0], block_hash)

    def block_hash(self, connection: Connection, number: int) -> str | None:
        """Of a block of the best chain, or None."""
        found: str | None = connection.rpc("chain_getBlockHash", [number])
        return found

    def is_syncing(self, connection: Connection) -> bool:
        """Whether the node behind the connection is catching up."""
        return bool(connection.rpc("system_health", [])["isSyncing"])

    def constant(self, connection: Connection, pallet: str, name: str) -> object:
        """A constant of the runtime."""
        found = connection.at_head().get_constant(pallet, name)
        if found is None:
            raise CallInvalid(f"The chain's runtime has no constant {pallet}.{name}")
        return found.value

    def stored(self, connection: Connection, entries: Sequence[StorageKeyParts]) -> list[object | None]:
        """Storage entries in one round trip, None for those that are not there."""
        connection.at_head()
        return connection.read_keys([connection.storage_key(*entry) for entry in entries])

    def value(self, connection: Connection, pallet: str, item: str, parameters: tuple[object, ...]) -> object:
        """A storage value, or its default."""
        connection.at_head()
        key = connection.storage_key(pallet, item, parameters)
        (found,) = connection.read_keys([key])
        return key.decode_scale_value().value if found is None else found

    def entries(self, connection: Connection, pallet: str, item: str) -> list[tuple[tuple[object, ...], object]]:
        """All entries of a storage map in one block: the parts of the key, and the value."""
        block_hash = str(connection.rpc("chain_getBlockHash", []))
        connection.at_head()
        return list(connection.map_entries(pallet, item, block_hash))

    def encoded(self, connection: Connection, calls: tuple[Call, ...], mode: BatchMode) -> str:
        """A call, or a batch of them, as SCALE in hex."""
        return str(compose(connection.at_head(), calls, mode).data)

    def chain_type(self, connection: Connection) -> str:
        """What kind of chain the node says to be on: Development, Local, Live, or a name of its own."""
        told = connection.rpc("system_chainType", [])
        return str(next(iter(told.values()))) if isinstance(told, dict) else str(told)

    def finalized_block(
        self, connection: Connection, number: int, pallets: frozenset[str]
    ) -> tuple[FinalizedBlock, str]:
        """A block with its events of some pallets, and its parent's hash. The caller knows that the number is final."""
        block_hash = connection.rpc("chain_getBlockHash", [number])
        if block_hash is None:
            raise BlockPruned
        _, parent_hash = header_of(connection, block_hash)
        events: tuple[ChainEvent, ...] = tuple(e for e in block_events(connection, block_hash) if e.pallet in pallets)
        return FinalizedBlock(ChainHead(number, block_hash), events), parent_hash

    def fee(self, connection: Connection, calls: tuple[Call, ...], account: bytes, mode: BatchMode) -> int:
        """What a transaction would cost."""
        if self._keyring.find(account) is None:
            raise SignerLocked
        substrate = connection.at_head()
        # Only the account counts; the library asks for its own class and signs nothing.
        payer = Keypair(public_key=account, ss58_format=substrate.ss58_format)
        return int(substrate.get_payment_info(compose(substrate, calls, mode), payer)["partialFee"])


def _first(value: object, default: object) -> object:
    if isinstance(value, list):
        value = value[0] if value else None
    return default if value is None else value
