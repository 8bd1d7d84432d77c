"""The devnet's runtime: all pallets together, their lookup tables, and the metadata that clients get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.content import content_pallet
from joygrpc.devnet.metadata.declarations import Pallet, StorageItem
from joygrpc.devnet.metadata.frame import (
    balances_pallet,
    system_pallet,
    timestamp_pallet,
    transaction_payment_pallet,
    utility_pallet,
)
from joygrpc.devnet.metadata.members import members_pallet
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID, H256, RUNTIME_CALL, RUNTIME_EVENT
from joygrpc.devnet.metadata.storage import storage_pallet
from joygrpc.devnet.metadata.v14 import SignedExtension, encode_metadata
from joygrpc.devnet.metadata.working_group import working_group_pallet
from joygrpc.devnet.scale import (
    BYTES,
    U8,
    U32,
    U128,
    UNIT,
    Compact,
    Enum,
    FixedBytes,
    Struct,
    Tuple,
    Variant,
    Wrapper,
)

EXTRINSIC_VERSION: Final = 4

MULTI_SIGNATURE: Final = Enum(
    "sp_runtime::MultiSignature",
    (
        Variant(0, "Ed25519", {"signature": Wrapper("sp_core::ed25519::Signature", FixedBytes(64))}),
        Variant(1, "Sr25519", {"signature": Wrapper("sp_core::sr25519::Signature", FixedBytes(64))}),
        Variant(2, "Ecdsa", {"signature": Wrapper("sp_core::ecdsa::Signature", FixedBytes(65))}),
    ),
)
# One variant per length of the mortal period; the second byte holds the rest of length and phase.
_ERA: Final = Enum(
    "sp_runtime::generic::era::Era",
    (Variant(0, "Immortal"), *(Variant(i, f"Mortal{i}", {"phase": U8}) for i in range(1, 256))),
)


def _signed_extensions() -> tuple[SignedExtension, ...]:
    def empty(path: str) -> Struct:
        return Struct(path, {}, {"T": None})

    system = "frame_system::extensions"
    nonce = Wrapper(f"{system}::check_nonce::CheckNonce", Compact(U32), {"T": None})
    mortality = Wrapper(f"{system}::check_mortality::CheckMortality", _ERA, {"T": None})
    tip = Wrapper("pallet_transaction_payment::ChargeTransactionPayment", Compact(U128), {"T": None})
    return (
        SignedExtension("CheckNonZeroSender", empty(f"{system}::check_non_zero_sender::CheckNonZeroSender"), UNIT),
        SignedExtension("CheckSpecVersion", empty(f"{system}::check_spec_version::CheckSpecVersion"), U32),
        SignedExtension("CheckTxVersion", empty(f"{system}::check_tx_version::CheckTxVersion"), U32),
        SignedExtension("CheckGenesis", empty(f"{system}::check_genesis::CheckGenesis"), H256),
        SignedExtension("CheckMortality", mortality, H256),
        SignedExtension("CheckNonce", nonce, UNIT),
        SignedExtension("CheckWeight", empty(f"{system}::check_weight::CheckWeight"), UNIT),
        SignedExtension("ChargeTransactionPayment", tip, UNIT),
    )


@dataclass(frozen=True, slots=True)
class Runtime:
    """Pallets by name and index, the enums of all calls and all events, and the encoded metadata."""

    limits: Limits
    pallets: Mapping[str, Pallet]
    calls: Enum
    events: Enum
    metadata: bytes

    def item(self, pallet: str, name: str) -> StorageItem:
        """A storage item; KeyError for one that the devnet does not have."""
        return self.pallets[pallet].items[name]

    def error_index(self, pallet: str, name: str) -> tuple[int, int]:
        """(pallet index, error index) of a module error; KeyError for an unknown name."""
        described = self.pallets[pallet]
        if described.errors is None:
            raise KeyError(f"{pallet} has no errors")
        return described.index, described.errors.by_name[name].index


@lru_cache(maxsize=4)
def build_runtime(limits: Limits) -> Runtime:
    """The runtime with these constants; about 20 ms."""
    pallets = (
        system_pallet(),
        utility_pallet(limits),
        timestamp_pallet(),
        balances_pallet(limits),
        transaction_payment_pallet(),
        members_pallet(),
        content_pallet(),
        storage_pallet(limits),
        working_group_pallet("StorageWorkingGroup", limits),
        working_group_pallet("DistributionWorkingGroup", limits),
    )
    RUNTIME_CALL.define(Variant(p.index, p.name, {"call": p.calls}) for p in pallets if p.calls)
    RUNTIME_EVENT.define(Variant(p.index, p.name, {"event": p.events}) for p in pallets if p.events)
    extensions = _signed_extensions()
    extrinsic = Wrapper(
        "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
        BYTES,
        {
            "Address": ACCOUNT_ID,
            "Call": RUNTIME_CALL,
            "Signature": MULTI_SIGNATURE,
            "Extra": Tuple(*(extension.type for extension in extensions)),
        },
    )
    metadata = encode_metadata(
        pallets,
        runtime_call=RUNTIME_CALL,
        extrinsic=extrinsic,
        extrinsic_version=EXTRINSIC_VERSION,
        extensions=extensions,
        runtime=Struct("joystream_node_runtime::Runtime", {}),
    )
    return Runtime(limits, {pallet.name: pallet for pallet in pallets}, RUNTIME_CALL, RUNTIME_EVENT, metadata)
