"""Composing and signing transactions, and finding out what they did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from substrateinterface import SubstrateInterface

from joygrpc.chain.outcomes import item_outcomes
from joygrpc.chain.port import BatchMode, Call, ChainEvent, ChainHead, ItemOutcome
from joygrpc.chain.worker.blocks import block_events
from joygrpc.chain.worker.connection import Connection
from joygrpc.chain.worker.keyring import Signer


@dataclass(frozen=True, slots=True)
class SignedExtrinsic:
    """A transaction ready to be sent; both in hex with `0x`."""

    data: str
    extrinsic_hash: str


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a transaction landed and what it did there."""

    block: ChainHead
    items: tuple[ItemOutcome, ...]
    events: tuple[ChainEvent, ...]


def compose(substrate: SubstrateInterface, calls: Sequence[Call], mode: BatchMode) -> Any:
    """The library's call object; a batch of the runtime's utility pallet unless `mode` is single."""
    composed = [substrate.compose_call(call.pallet, call.function, dict(call.args)) for call in calls]
    if mode == "single":
        (only,) = composed
        return only
    return substrate.compose_call("Utility", mode, {"calls": composed})


def sign(
    connection: Connection, calls: Sequence[Call], mode: BatchMode, signer: Signer, nonce: int, mortality_blocks: int
) -> SignedExtrinsic:
    """A signed transaction that dies `mortality_blocks` after the finalized block."""
    substrate = connection.substrate
    # The runtime's version is part of what is signed.
    substrate.init_runtime()
    call = compose(substrate, calls, mode)
    extrinsic = substrate.create_signed_extrinsic(call, signer, era={"period": mortality_blocks}, nonce=nonce)
    return SignedExtrinsic(str(extrinsic.data), f"0x{extrinsic.extrinsic_hash.hex()}")


def account_nonce(connection: Connection, address: str) -> int:
    """The next nonce, transactions in the node's pool counted in."""
    return int(connection.rpc("system_accountNextIndex", [address]))


def inclusion(connection: Connection, block_hash: str, data: str, mode: BatchMode, count: int) -> Inclusion:
    """What the transaction of these bytes did in a block that has it."""
    block = connection.rpc("chain_getBlock", [block_hash])["block"]
    # Compared as bytes: other extrinsics of the block need not be decoded.
    index = block["extrinsics"].index(data)
    events = tuple(event for event in block_events(connection, block_hash) if event.extrinsic_index == index)
    return Inclusion(
        ChainHead(int(block["header"]["number"], 16), block_hash),
        item_outcomes(mode, count, events, error_names(connection.substrate.metadata)),
        events,
    )


def error_names(metadata: Any) -> Callable[[object], tuple[str, str]]:
    """Names of decoded dispatch errors, by the metadata of the block's runtime."""

    def describe(error: object) -> tuple[str, str]:
        match error:
            case {"Module": {"index": pallet_index, "error": raw}}:
                # Four bytes since the runtime can nest errors; the first is the pallet's own.
                error_index = int(raw[2:4], 16) if isinstance(raw, str) else int(raw)
                pallet = next((p for p in metadata.pallets if p.value["index"] == pallet_index), None)
                if pallet is None:
                    return f"{pallet_index}.{error_index}", ""
                # By the variant's index: the library goes by position, which is wrong where a runtime leaves numbers out.
                found = next((e for e in pallet.errors or () if e.value["index"] == error_index), None)
                if found is None:
                    return f"{pallet.name}.{error_index}", ""
                return f"{pallet.name}.{found.name}", " ".join(found.docs)
            case str(kind):
                return kind, ""
            case dict() if len(error) == 1:
                kind, detail = next(iter(error.items()))
                return (f"{kind}.{detail}" if isinstance(detail, str) else str(kind)), ""
        return "Unknown", ""

    return describe
