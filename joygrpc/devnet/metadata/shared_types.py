"""Types that several pallets use."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.scale import (
    TEXT,
    U8,
    U32,
    U64,
    U128,
    UNIT,
    BTreeMap,
    BTreeSet,
    Bytes,
    Compact,
    Enum,
    FixedBytes,
    HexBytes,
    Option,
    Struct,
    Tuple,
    Type,
    Variant,
    Vec,
    Wrapper,
    names,
)

ACCOUNT_ID: Final = HexBytes("sp_core::crypto::AccountId32", 32)
H256: Final = HexBytes("primitive_types::H256", 32)

WEIGHT: Final = Struct("sp_weights::weight_v2::Weight", {"ref_time": Compact(U64), "proof_size": Compact(U64)})


def per_dispatch_class(inner: Type) -> Struct:
    """A value for each class of extrinsics."""
    fields = {"normal": inner, "operational": inner, "mandatory": inner}
    return Struct("frame_support::dispatch::PerDispatchClass", fields, {"T": inner})


DISPATCH_INFO: Final = Struct(
    "frame_support::dispatch::DispatchInfo",
    {
        "weight": WEIGHT,
        "class": Enum("frame_support::dispatch::DispatchClass", names("Normal", "Operational", "Mandatory")),
        "pays_fee": Enum("frame_support::dispatch::Pays", names("Yes", "No")),
    },
)

MODULE_ERROR: Final = Struct("sp_runtime::ModuleError", {"index": U8, "error": FixedBytes(4)})
TOKEN_ERROR: Final = Enum(
    "sp_runtime::TokenError",
    names("NoFunds", "WouldDie", "BelowMinimum", "CannotCreate", "UnknownAsset", "Frozen", "Unsupported"),
)
ARITHMETIC_ERROR: Final = Enum("sp_arithmetic::ArithmeticError", names("Underflow", "Overflow", "DivisionByZero"))
TRANSACTIONAL_ERROR: Final = Enum("sp_runtime::TransactionalError", names("LimitReached", "NoLayer"))

DISPATCH_ERROR: Final = Enum(
    "sp_runtime::DispatchError",
    (
        Variant(0, "Other"),
        Variant(1, "CannotLookup"),
        Variant(2, "BadOrigin"),
        Variant(3, "Module", {"error": MODULE_ERROR}),
        Variant(4, "ConsumerRemaining"),
        Variant(5, "NoProviders"),
        Variant(6, "TooManyConsumers"),
        Variant(7, "Token", {"error": TOKEN_ERROR}),
        Variant(8, "Arithmetic", {"error": ARITHMETIC_ERROR}),
        Variant(9, "Transactional", {"error": TRANSACTIONAL_ERROR}),
        Variant(10, "Exhausted"),
        Variant(11, "Corruption"),
        Variant(12, "Unavailable"),
    ),
)
DISPATCH_RESULT: Final = Enum(
    "Result",
    (Variant(0, "Ok", {"value": UNIT}), Variant(1, "Err", {"error": DISPATCH_ERROR})),
    {"T": UNIT, "E": DISPATCH_ERROR},
)

# The calls of all pallets in one; its cases come from `runtime`, since a batch of calls is a call.
RUNTIME_CALL: Final = Enum("joystream_node_runtime::RuntimeCall")
RUNTIME_EVENT: Final = Enum("joystream_node_runtime::RuntimeEvent")


def bounded_vec(item: Type) -> Wrapper:
    """A list with a bound that the metadata does not tell."""
    inner = Bytes() if item is U8 else Vec(item)
    return Wrapper("bounded_collections::bounded_vec::BoundedVec", inner, {"T": item, "S": None})


def bounded_set(item: Type) -> Wrapper:
    """A set with a bound that the metadata does not tell."""
    path = "bounded_collections::bounded_btree_set::BoundedBTreeSet"
    return Wrapper(path, BTreeSet(item), {"T": item, "S": None})


def bounded_map(key: Type, value: Type) -> Wrapper:
    """A map with a bound that the metadata does not tell."""
    path = "bounded_collections::bounded_btree_map::BoundedBTreeMap"
    return Wrapper(path, BTreeMap(key, value), {"K": key, "V": value, "S": None})


REPAYABLE_BLOAT_BOND: Final = Struct(
    "pallet_common::bloat_bond::RepayableBloatBond",
    {"repayment_restricted_to": Option(ACCOUNT_ID), "amount": U128},
    {"AccountId": ACCOUNT_ID, "Balance": U128},
)

WORKING_GROUP: Final = Enum(
    "pallet_common::working_group::iterable_enums::WorkingGroup",
    names(
        "Forum",
        "Storage",
        "Content",
        "OperationsAlpha",
        "App",
        "Distribution",
        "OperationsBeta",
        "OperationsGamma",
        "Membership",
    ),
)

_API_VERSIONS: Final = Vec(Tuple(FixedBytes(8), U32))
RUNTIME_VERSION: Final = Struct(
    "sp_version::RuntimeVersion",
    {
        "spec_name": TEXT,
        "impl_name": TEXT,
        "authoring_version": U32,
        "spec_version": U32,
        "impl_version": U32,
        "apis": Wrapper("Cow", _API_VERSIONS, {"T": _API_VERSIONS}),
        "transaction_version": U32,
        "state_version": U8,
    },
)
