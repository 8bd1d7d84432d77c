"""System, Utility, Timestamp, Balances and TransactionPayment: what every Substrate chain has."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.declarations import Constant, Pallet, StorageItem, call, event
from joygrpc.devnet.metadata.shared_types import (
    ACCOUNT_ID,
    DISPATCH_ERROR,
    DISPATCH_INFO,
    DISPATCH_RESULT,
    H256,
    RUNTIME_CALL,
    RUNTIME_EVENT,
    RUNTIME_VERSION,
    WEIGHT,
)
from joygrpc.devnet.scale import (
    BOOL,
    BYTES,
    U8,
    U16,
    U32,
    U64,
    U128,
    Compact,
    Enum,
    Struct,
    Variant,
    Vec,
    names,
)

SS58_PREFIX: Final = 126

VERSION: Final[dict[str, object]] = {
    "spec_name": "joystream-node",
    "impl_name": "joystream-node",
    "authoring_version": 12,
    "spec_version": 2004,
    "impl_version": 0,
    # The runtime interfaces that state_call answers: Core, Metadata, AccountNonceApi, TransactionPaymentApi.
    "apis": [
        (bytes.fromhex("df6acb689907609b"), 4),
        (bytes.fromhex("37e397fc7c91f5e4"), 1),
        (bytes.fromhex("bc9d89904f5b923f"), 1),
        (bytes.fromhex("37c8bb1350a9a2a8"), 3),
    ],
    "transaction_version": 2,
    "state_version": 1,
}

ACCOUNT_DATA: Final = Struct(
    "pallet_balances::AccountData",
    {"free": U128, "reserved": U128, "misc_frozen": U128, "fee_frozen": U128},
    {"Balance": U128},
)
ACCOUNT_INFO: Final = Struct(
    "frame_system::AccountInfo",
    {"nonce": U32, "consumers": U32, "providers": U32, "sufficients": U32, "data": ACCOUNT_DATA},
    {"Index": U32, "AccountData": ACCOUNT_DATA},
)
PHASE: Final = Enum(
    "frame_system::Phase",
    (Variant(0, "ApplyExtrinsic", {"index": U32}), Variant(1, "Finalization"), Variant(2, "Initialization")),
)
EVENT_RECORD: Final = Struct(
    "frame_system::EventRecord",
    {"phase": PHASE, "event": RUNTIME_EVENT, "topics": Vec(H256)},
    {"E": RUNTIME_EVENT, "T": H256},
)


def system_pallet() -> Pallet:
    """Accounts, blocks and events."""

    def item(name: str, value: object, **rest: object) -> StorageItem:
        return StorageItem("System", name, value, **rest)  # type: ignore[arg-type]

    return Pallet(
        "System",
        0,
        "System",
        storage=(
            item("Account", ACCOUNT_INFO, keys=(ACCOUNT_ID,)),
            item("ExtrinsicCount", U32, modifier="Optional"),
            item("BlockHash", H256, keys=(U32,), hasher="Twox64Concat"),
            item("Number", U32),
            item("ParentHash", H256),
            item("Events", Vec(EVENT_RECORD)),
            item("EventCount", U32),
        ),
        constants=(
            Constant("BlockHashCount", U32, 2400),
            Constant("Version", RUNTIME_VERSION, VERSION),
            Constant("SS58Prefix", U16, SS58_PREFIX),
        ),
        calls=Enum(
            "frame_system::pallet::Call",
            (call(0, "remark", remark=BYTES), call(7, "remark_with_event", remark=BYTES)),
            {"T": None},
        ),
        events=Enum(
            "frame_system::pallet::Event",
            (
                event("System", 0, "ExtrinsicSuccess", DISPATCH_INFO, fields_named=True),
                event("System", 1, "ExtrinsicFailed", DISPATCH_ERROR, DISPATCH_INFO, fields_named=True),
                event("System", 2, "CodeUpdated"),
                event("System", 3, "NewAccount", ACCOUNT_ID, fields_named=True),
                event("System", 4, "KilledAccount", ACCOUNT_ID, fields_named=True),
                event("System", 5, "Remarked", ACCOUNT_ID, H256, fields_named=True),
            ),
            {"T": None},
        ),
        errors=Enum(
            "frame_system::pallet::Error",
            names(
                "InvalidSpecName",
                "SpecVersionNeedsToIncrease",
                "FailedToExtractRuntimeVersion",
                "NonDefaultComposite",
                "NonZeroRefCount",
                "CallFiltered",
            ),
            {"T": None},
        ),
    )


def utility_pallet(limits: Limits) -> Pallet:
    """Batches of calls."""
    calls = Vec(RUNTIME_CALL)
    return Pallet(
        "Utility",
        1,
        constants=(Constant("batched_calls_limit", U32, limits.max_batched_calls),),
        calls=Enum(
            "pallet_utility::pallet::Call",
            (
                call(0, "batch", calls=calls),
                call(1, "as_derivative", index=U16, call=RUNTIME_CALL),
                call(2, "batch_all", calls=calls),
                call(4, "force_batch", calls=calls),
                call(5, "with_weight", call=RUNTIME_CALL, weight=WEIGHT),
            ),
            {"T": None},
        ),
        events=Enum(
            "pallet_utility::pallet::Event",
            (
                event("Utility", 0, "BatchInterrupted", U32, DISPATCH_ERROR, fields_named=True),
                event("Utility", 1, "BatchCompleted"),
                event("Utility", 2, "BatchCompletedWithErrors"),
                event("Utility", 3, "ItemCompleted"),
                event("Utility", 4, "ItemFailed", DISPATCH_ERROR, fields_named=True),
                event("Utility", 5, "DispatchedAs", DISPATCH_RESULT, fields_named=True),
            ),
        ),
        errors=Enum("pallet_utility::pallet::Error", names("TooManyCalls"), {"T": None}),
    )


def timestamp_pallet() -> Pallet:
    """The time of each block."""
    return Pallet(
        "Timestamp",
        3,
        "Timestamp",
        storage=(StorageItem("Timestamp", "Now", U64), StorageItem("Timestamp", "DidUpdate", BOOL)),
        constants=(Constant("MinimumPeriod", U64, 3000),),
        calls=Enum("pallet_timestamp::pallet::Call", (call(0, "set", now=Compact(U64)),), {"T": None}),
    )


def balances_pallet(limits: Limits) -> Pallet:
    """Money."""

    def named(index: int, name: str, *types: object) -> Variant:
        return event("Balances", index, name, *types, fields_named=True)  # type: ignore[arg-type]

    destination = Enum("frame_support::traits::tokens::misc::BalanceStatus", names("Free", "Reserved"))
    either = {"T": None, "I": None}
    return Pallet(
        "Balances",
        5,
        "Balances",
        storage=(StorageItem("Balances", "TotalIssuance", U128),),
        constants=(Constant("ExistentialDeposit", U128, limits.existential_deposit),),
        calls=Enum(
            "pallet_balances::pallet::Call",
            (
                call(0, "transfer", dest=ACCOUNT_ID, value=Compact(U128)),
                call(1, "set_balance", who=ACCOUNT_ID, new_free=Compact(U128), new_reserved=Compact(U128)),
                call(2, "force_transfer", source=ACCOUNT_ID, dest=ACCOUNT_ID, value=Compact(U128)),
                call(3, "transfer_keep_alive", dest=ACCOUNT_ID, value=Compact(U128)),
                call(4, "transfer_all", dest=ACCOUNT_ID, keep_alive=BOOL),
                call(5, "force_unreserve", who=ACCOUNT_ID, amount=U128),
            ),
            either,
        ),
        events=Enum(
            "pallet_balances::pallet::Event",
            (
                named(0, "Endowed", ACCOUNT_ID, U128),
                named(1, "DustLost", ACCOUNT_ID, U128),
                named(2, "Transfer", ACCOUNT_ID, ACCOUNT_ID, U128),
                named(3, "BalanceSet", ACCOUNT_ID, U128, U128),
                named(4, "Reserved", ACCOUNT_ID, U128),
                named(5, "Unreserved", ACCOUNT_ID, U128),
                named(6, "ReserveRepatriated", ACCOUNT_ID, ACCOUNT_ID, U128, destination),
                named(7, "Deposit", ACCOUNT_ID, U128),
                named(8, "Withdraw", ACCOUNT_ID, U128),
                named(9, "Slashed", ACCOUNT_ID, U128),
            ),
            either,
        ),
        errors=Enum(
            "pallet_balances::pallet::Error",
            names(
                "VestingBalance",
                "LiquidityRestrictions",
                "InsufficientBalance",
                "ExistentialDeposit",
                "KeepAlive",
                "ExistingVestingSchedule",
                "DeadAccount",
                "TooManyReserves",
            ),
            either,
        ),
    )


def transaction_payment_pallet() -> Pallet:
    """Fees."""
    return Pallet(
        "TransactionPayment",
        6,
        "TransactionPayment",
        constants=(Constant("OperationalFeeMultiplier", U8, 5),),
        events=Enum(
            "pallet_transaction_payment::pallet::Event",
            (event("TransactionPayment", 0, "TransactionFeePaid", ACCOUNT_ID, U128, U128, fields_named=True),),
            {"T": None},
        ),
    )
