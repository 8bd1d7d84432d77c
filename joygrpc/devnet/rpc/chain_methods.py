"""Methods that read blocks and state: chain_*, state_* and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.headers import Block, blake2_256, hex0x
from joygrpc.devnet.chain.state import State
from joygrpc.devnet.metadata.frame import VERSION
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID, RUNTIME_VERSION
from joygrpc.devnet.rpc.errors import UNKNOWN_BLOCK, RpcError, invalid_params
from joygrpc.devnet.rpc.hexadecimal import unhex, whole_number
from joygrpc.devnet.scale import ScaleError, encode_compact

_MAX_PAGE: Final = 1000


def runtime_version() -> dict[str, object]:
    """The runtime's version as clients want it."""
    apis = [[hex0x(identifier), version] for identifier, version in _API_VERSIONS]
    return {
        "specName": VERSION["spec_name"],
        "implName": VERSION["impl_name"],
        "authoringVersion": VERSION["authoring_version"],
        "specVersion": VERSION["spec_version"],
        "implVersion": VERSION["impl_version"],
        "apis": apis,
        "transactionVersion": VERSION["transaction_version"],
        "stateVersion": VERSION["state_version"],
    }


_API_VERSIONS: Final[Sequence[tuple[bytes, int]]] = VERSION["apis"]  # type: ignore[assignment]


class ChainMethods:
    """Reads; every method's optional `at` is a block hash, the best block without it."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._metadata = hex0x(chain.runtime.metadata)

    def _state(self, at: str | None = None) -> State:
        """The state after a block, if it is still known; raises RpcError."""
        return self._state_of(self._existing(at))

    def _existing(self, at: str | None) -> Block:
        block = self._find(at)
        if block is None:
            raise RpcError(UNKNOWN_BLOCK, f"Client error: UnknownBlock: Header was not found in the database: {at}")
        return block

    def _state_of(self, block: Block) -> State:
        state = self._chain.blocks.state(block)
        if state is None:
            why = f"Client error: UnknownBlock: State already discarded for {hex0x(block.hash)}"
            raise RpcError(UNKNOWN_BLOCK, why)
        return state

    # chain_*

    def get_block(self, at: str | None = None) -> dict[str, object] | None:
        """A block with its extrinsics; null if unknown."""
        block = self._find(at)
        return None if block is None else block.as_json()

    def get_header(self, at: str | None = None) -> dict[str, object] | None:
        """A header; null if unknown."""
        block = self._find(at)
        return None if block is None else block.header.as_json()

    def get_block_hash(self, number: Any = None) -> Any:
        """The hash at a height, or of the best block; a list of heights gives a list."""
        if isinstance(number, list):
            return [self.get_block_hash(item) for item in number]
        if number is None:
            return hex0x(self._chain.best.hash)
        block_hash = self._chain.blocks.hash_of(whole_number(number))
        return None if block_hash is None else hex0x(block_hash)

    def get_head(self) -> str:
        """The hash of the best block."""
        return hex0x(self._chain.best.hash)

    def get_finalized_head(self) -> str:
        """The hash of the newest final block."""
        return hex0x(self._chain.blocks.finalized.hash)

    # state_*

    def get_metadata(self, at: str | None = None) -> str:
        """The runtime's metadata, version 14."""
        return self._metadata

    def get_runtime_version(self, at: str | None = None) -> dict[str, object]:
        """The runtime's version."""
        return runtime_version()

    def get_storage(self, key: str, at: str | None = None) -> str | None:
        """A raw value; null where there is none."""
        value = self._state(at).get(unhex(key))
        return None if value is None else hex0x(value)

    def get_storage_size(self, key: str, at: str | None = None) -> int | None:
        """The size of a raw value in bytes."""
        value = self._state(at).get(unhex(key))
        return None if value is None else len(value)

    def get_storage_hash(self, key: str, at: str | None = None) -> str | None:
        """The hash of a raw value."""
        value = self._state(at).get(unhex(key))
        return None if value is None else hex0x(blake2_256(value))

    def get_keys(self, prefix: str, at: str | None = None) -> list[str]:
        """All keys with a prefix."""
        keys = self._state(at).page(unhex(prefix), None, b"")
        return [hex0x(key) for key in keys]

    def get_keys_paged(
        self, prefix: str | None, count: int, start_key: str | None = None, at: str | None = None
    ) -> list[str]:
        """Keys with a prefix, after `start_key`, at most 1000."""
        if not 0 <= count <= _MAX_PAGE:
            raise invalid_params(f"count is at most {_MAX_PAGE}")
        start = unhex(start_key) if start_key else b""
        keys = self._state(at).page(unhex(prefix or "0x"), count, start)
        return [hex0x(key) for key in keys]

    def query_storage_at(self, keys: list[str], at: str | None = None) -> list[dict[str, object]]:
        """Several raw values at once."""
        return [self.changes(keys, self._existing(at))]

    def changes(self, keys: list[str], block: Block) -> dict[str, object]:
        """A storage change set with all the keys."""
        state = self._state_of(block)
        values = [(key, state.get(unhex(key))) for key in keys]
        return {
            "block": hex0x(block.hash),
            "changes": [[key, None if value is None else hex0x(value)] for key, value in values],
        }

    def call(self, name: str, data: str, at: str | None = None) -> str:
        """The runtime interfaces that the runtime's version lists."""
        match name:
            case "AccountNonceApi_account_nonce":
                try:
                    account = ACCOUNT_ID.decode(unhex(data))
                except ScaleError as error:
                    raise invalid_params(str(error)) from error
                return hex0x(self._chain.execution.nonce(account).to_bytes(4, "little"))
            case "Core_version":
                return hex0x(RUNTIME_VERSION.encode(VERSION))
            case "Metadata_metadata":
                metadata = self._chain.runtime.metadata
                return hex0x(encode_compact(len(metadata)) + metadata)
            case "TransactionPaymentApi_query_info":
                weight, normal = encode_compact(100_000_000) + encode_compact(0), b"\0"
                return hex0x(weight + normal + self._chain.runtime.limits.transaction_fee.to_bytes(16, "little"))
        why = f"Client error: Execution failed: Other: Exported method {name} is not found"
        raise RpcError(UNKNOWN_BLOCK, f"{why}: not supported on the devnet")

    def _find(self, at: str | None) -> Block | None:
        return self._chain.best if at is None else self._chain.blocks.block(unhex(at))
