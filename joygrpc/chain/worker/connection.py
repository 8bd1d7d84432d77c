"""The connection to a chain node: opened when needed, given up when it fails, opened again."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from scalecodec.base import ScaleBytes
from scalecodec.types import Map
from substrateinterface import SubstrateInterface
from substrateinterface.exceptions import BlockNotFound, SubstrateRequestException
from substrateinterface.storage import StorageKey
from websocket import WebSocketException

from joygrpc.chain.errors import BlockPruned, CallInvalid, ChainError, ChainUnavailable
from joygrpc.chain.wire import Connected, LogNotice, Setup

T = TypeVar("T")

_RETRY_AFTER_S = 0.5
_RUNTIME_FRESH_S = 10.0
_MAP_PAGE = 1000
_KEPT_BEHIND = {"Blake2_128Concat": 16, "Twox64Concat": 8, "Identity": 0}
"""Bytes of the hash before a map's key part, for the hashers that keep the part."""
_CONNECTION_ERRORS = (WebSocketException, OSError, json.JSONDecodeError)
# A node that prunes says so with these words; there is no code of their own.
_PRUNED = ("state already discarded", "unknownblock", "unknown block", "header was not found", "block not found")

_plain_map_encode = Map.process_encode


def _encode_map(self: Any, value: Any) -> Any:
    # scalecodec decodes a BTreeMap of V14 metadata but cannot encode one: there it is a list of pairs in a wrapper.
    if self.map_key is None and self.type_mapping:
        inner = self.runtime_config.create_scale_object(self.type_mapping[0], metadata=self.metadata)
        return inner.encode(sorted(value.items()) if isinstance(value, dict) else value)
    return _plain_map_encode(self, value)


Map.process_encode = _encode_map


class Connection:
    """One `SubstrateInterface`; to be used by one thread.

    `run` connects when need be, does the work, and does it once more over a new connection when the old one turned out to be dead; so work has to
    be repeatable. Foreign exceptions end here.
    """

    def __init__(self, setup: Setup, notify: Callable[[object], None]) -> None:
        self._setup = setup
        self._notify = notify
        self._substrate: SubstrateInterface | None = None
        self._open = False
        self._genesis_hash = ""
        self._event_field_names: dict[tuple[int, str, str], tuple[str | None, ...]] = {}
        self._failed_at = float("-inf")
        self._runtime_at_head_since = float("-inf")

    @property
    def substrate(self) -> SubstrateInterface:
        """The library's object; only inside `run`."""
        assert self._substrate is not None
        return self._substrate

    @property
    def genesis_hash(self) -> str:
        """Of the connected chain."""
        return self._genesis_hash

    def run(self, work: Callable[["Connection"], T]) -> T:
        """Do work; raises `ChainError` alone."""
        while True:
            reused = self._open
            try:
                if not reused:
                    self._connect()
                return work(self)
            except ChainError:
                raise
            except BlockNotFound as error:
                raise BlockPruned from error
            except SubstrateRequestException as error:
                raise self._refused(error) from error
            except _CONNECTION_ERRORS as error:
                self._give_up(error)
                if not reused:
                    raise ChainUnavailable from error
            except Exception as error:
                # The codec's complaints are of many kinds. Perhaps the runtime has changed.
                self._runtime_at_head_since = float("-inf")
                self._notify(LogNotice("chain_call_invalid", (("type", type(error).__name__), ("error", str(error)))))
                raise CallInvalid(f"The chain's runtime does not take this: {type(error).__name__}") from error

    def rpc(self, method: str, parameters: Sequence[object]) -> Any:
        """The result of a JSON-RPC method."""
        return self.substrate.rpc_request(method, list(parameters))["result"]

    def at_head(self) -> SubstrateInterface:
        """The library's object with the runtime of the best block."""
        now = time.monotonic()
        if now - self._runtime_at_head_since > _RUNTIME_FRESH_S:
            self.substrate.init_runtime()
            self._runtime_at_head_since = now
        return self.substrate

    def at_block(self, block_hash: str) -> SubstrateInterface:
        """The library's object with the runtime of a block."""
        before = self.substrate.runtime_version
        self.substrate.init_runtime(block_hash=block_hash)
        if self.substrate.runtime_version != before:
            self._runtime_at_head_since = float("-inf")
        return self.substrate

    def storage_key(self, pallet: str, item: str, parameters: Sequence[object]) -> StorageKey:
        """A key of the current runtime; unknown items raise ValueError."""
        return StorageKey.create_from_storage_function(
            pallet,
            item,
            list(parameters),
            runtime_config=self.substrate.runtime_config,
            metadata=self.substrate.metadata,
        )

    def read_keys(self, keys: Sequence[StorageKey], block_hash: str | None = None) -> list[object | None]:
        """Decoded values in one round trip, in the best block or the given one; None for keys that are not there."""
        names = [key.to_hex() for key in keys]
        changes = self.rpc("state_queryStorageAt", [names] if block_hash is None else [names, block_hash])
        found = {name: raw for group in changes for name, raw in group["changes"]}
        return [
            None if (raw := found.get(name)) is None else key.decode_scale_value(ScaleBytes(raw)).value
            for key, name in zip(keys, names, strict=True)
        ]

    def map_entries(self, pallet: str, item: str, block_hash: str) -> Iterator[tuple[tuple[object, ...], object]]:
        """The entries of a storage map at a block, page by page: the parts of the key, and the value."""
        described = self.substrate.metadata.get_metadata_pallet(pallet)
        function = described and described.get_storage_function(item)
        if function is None:
            raise CallInvalid(f"The chain's runtime has no storage item {pallet}.{item}")
        parts = list(zip(function.get_param_hashers(), function.get_params_type_string(), strict=True))
        prefix = self.storage_key(pallet, item, ()).to_hex()
        value_type = function.get_value_type_string()
        after = prefix
        while names := self.rpc("state_getKeysPaged", [prefix, _MAP_PAGE, after, block_hash]):
            groups = self.rpc("state_queryStorageAt", [names, block_hash])
            found = {name: raw for group in groups for name, raw in group["changes"]}
            for name in names:
                if (raw := found.get(name)) is not None:
                    yield self._key_parts(name[len(prefix) :], parts), self._decode(value_type, ScaleBytes(raw))
            after = names[-1]

    def _key_parts(self, text: str, parts: Sequence[tuple[str, str]]) -> tuple[object, ...]:
        """The parts of a map's key behind its prefix; only hashers that keep the part itself."""
        data = ScaleBytes("0x" + text)
        values = []
        for hasher, type_string in parts:
            data.get_next_bytes(_KEPT_BEHIND[hasher])
            values.append(self._decode(type_string, data, whole=False))
        return tuple(values)

    def _decode(self, type_string: str, data: ScaleBytes, *, whole: bool = True) -> object:
        # The library's own way asks the node for the runtime's version each time.
        substrate = self.substrate
        value = substrate.runtime_config.create_scale_object(type_string, data=data, metadata=substrate.metadata)
        decoded: object = value.decode(check_remaining=whole)
        return decoded

    def read_events(self, block_hash: str) -> Any:
        """The library's records of a block's events; `at_block` must have been called."""
        key = self.storage_key("System", "Events", ())
        raw = self.substrate.get_storage_by_key(block_hash, key.to_hex())
        return [] if raw is None else key.decode_scale_value(ScaleBytes(raw)).elements

    def event_field_names(self, pallet: str, event: str) -> tuple[str | None, ...]:
        """Names of an event's fields by the metadata in use; those of the older kind of pallet have none."""
        key = (self.substrate.runtime_version, pallet, event)
        if key not in self._event_field_names:
            described = self.substrate.metadata.get_metadata_pallet(pallet).events
            self._event_field_names |= {
                (key[0], pallet, variant.value["name"]): tuple(field["name"] for field in variant.value["fields"])
                for variant in described
            }
        return self._event_field_names[key]

    def keep_alive(self) -> None:
        """Use the connection, if there is one."""
        if self._open:
            try:
                self.rpc("system_health", [])
            except Exception as error:
                self._give_up(error)

    def _connect(self) -> None:
        if time.monotonic() - self._failed_at < _RETRY_AFTER_S:
            raise ChainUnavailable
        if self._substrate is None:
            self._substrate = self._new_substrate()
        else:
            self._substrate.connect_websocket()
        self._substrate.websocket.settimeout(self._setup.rpc_timeout_s)
        genesis_hash = self._substrate.get_block_hash(0)
        if self._genesis_hash not in ("", genesis_hash):
            # The address leads to another chain now: nothing that was decoded before holds.
            self._event_field_names.clear()
            self._substrate.close()
            self._substrate = self._new_substrate()
            self._substrate.websocket.settimeout(self._setup.rpc_timeout_s)
        self._genesis_hash = genesis_hash
        self._runtime_at_head_since = float("-inf")
        self.at_head()
        self._open = True
        self._notify(Connected(genesis_hash, self._substrate.ss58_format))

    def _new_substrate(self) -> SubstrateInterface:
        return SubstrateInterface(
            url=self._setup.url,
            ss58_format=self._setup.ss58_prefix,
            # scalecodec's preset takes every `…::Call` for the runtime's own call type; the pallets' are plain enumerations.
            type_registry={"types": {"*::Call": "Enum"}},
            auto_reconnect=False,
            # JSON is checked by its parser; the WebSocket library would look at each byte in Python.
            ws_options={"timeout": self._setup.connect_timeout_s, "skip_utf8_validation": True},
        )

    def _give_up(self, error: Exception) -> None:
        self._notify(LogNotice("chain_connection_lost", (("type", type(error).__name__), ("error", str(error)))))
        if not self._open:
            self._failed_at = time.monotonic()
        self._open = False
        if self._substrate is not None:
            try:
                self._substrate.close()
            except Exception as second:
                self._notify(LogNotice("chain_connection_close_failed", (("error", str(second)),)))

    def _refused(self, error: SubstrateRequestException) -> ChainError:
        text = str(error.args[0] if error.args else error)
        if any(words in text.lower() for words in _PRUNED):
            return BlockPruned()
        self._notify(LogNotice("chain_request_refused", (("error", text),)))
        return ChainUnavailable("The chain's node refused a request")
