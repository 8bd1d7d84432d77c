"""The Members pallet: who is who."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.metadata.declarations import Constant, Pallet, StorageItem, call, event
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID, H256
from joygrpc.devnet.scale import BOOL, BYTES, U32, U64, U128, Enum, Option, Struct, Tuple, Type, Variant, names

PREFIX: Final = "Membership"
DEFAULT_MEMBERSHIP_PRICE: Final = 166_666_666_666

MEMBERSHIP: Final = Struct(
    "pallet_membership::MembershipObject",
    {
        "handle_hash": H256,
        "root_account": ACCOUNT_ID,
        "controller_account": ACCOUNT_ID,
        "verified": BOOL,
        "invites": U32,
    },
    {"AccountId": ACCOUNT_ID, "Hash": H256},
)
_BUY_MEMBERSHIP: Final = Struct(
    "pallet_membership::BuyMembershipParameters",
    {
        "root_account": ACCOUNT_ID,
        "controller_account": ACCOUNT_ID,
        "handle": Option(BYTES),
        "metadata": BYTES,
        "referrer_id": Option(U64),
    },
    {"AccountId": ACCOUNT_ID, "MemberId": U64},
)
_CREATE_MEMBER: Final = Struct(
    "pallet_membership::CreateMemberParameters",
    {
        "root_account": ACCOUNT_ID,
        "controller_account": ACCOUNT_ID,
        "handle": BYTES,
        "metadata": BYTES,
        "is_founding_member": BOOL,
    },
    {"AccountId": ACCOUNT_ID},
)
_PAYMENT: Final = Option(Tuple(ACCOUNT_ID, U128))


def _event(index: int, name: str, *types: Type) -> Variant:
    return event("Members", index, name, *types)


def members_pallet() -> Pallet:
    """The Members pallet."""
    optional_account, optional_bytes = Option(ACCOUNT_ID), Option(BYTES)
    price_default = U128.encode(DEFAULT_MEMBERSHIP_PRICE)
    return Pallet(
        "Members",
        21,
        PREFIX,
        storage=(
            StorageItem(PREFIX, "NextMemberId", U64),
            StorageItem(PREFIX, "MembershipById", MEMBERSHIP, keys=(U64,), modifier="Optional"),
            StorageItem(PREFIX, "MemberIdByHandleHash", U64, keys=(H256,)),
            StorageItem(PREFIX, "MembershipPrice", U128, default=price_default),
            StorageItem(PREFIX, "InitialInvitationCount", U32),
        ),
        constants=(Constant("DefaultMembershipPrice", U128, DEFAULT_MEMBERSHIP_PRICE),),
        calls=Enum(
            "pallet_membership::Call",
            (
                call(0, "buy_membership", params=_BUY_MEMBERSHIP),
                call(1, "update_profile", member_id=U64, handle=optional_bytes, metadata=optional_bytes),
                call(
                    2,
                    "update_accounts",
                    member_id=U64,
                    new_root_account=optional_account,
                    new_controller_account=optional_account,
                ),
                call(8, "set_membership_price", new_price=U128),
                call(15, "member_remark", member_id=U64, msg=BYTES, payment=_PAYMENT),
                call(16, "create_member", params=_CREATE_MEMBER),
            ),
            {"T": None},
        ),
        events=Enum(
            "pallet_membership::RawEvent",
            (
                _event(2, "MembershipBought", U64, _BUY_MEMBERSHIP, U32),
                _event(3, "MemberProfileUpdated", U64, optional_bytes, optional_bytes),
                _event(4, "MemberAccountsUpdated", U64, optional_account, optional_account),
                _event(8, "MembershipPriceUpdated", U128),
                _event(15, "MemberRemarked", U64, BYTES, _PAYMENT),
                _event(16, "MemberCreated", U64, _CREATE_MEMBER, U32),
            ),
        ),
        errors=Enum("pallet_membership::Error", names(*_ERRORS), {"T": None}),
    )


_ERRORS: Final = (
    "NotEnoughBalanceToBuyMembership",
    "ControllerAccountRequired",
    "RootAccountRequired",
    "UnsignedOrigin",
    "MemberProfileNotFound",
    "HandleAlreadyRegistered",
    "HandleMustBeProvidedDuringRegistration",
    "ReferrerIsNotMember",
    "CannotTransferInvitesForNotMember",
    "NotEnoughInvites",
    "WorkingGroupLeaderNotSet",
    "StakingAccountIsAlreadyRegistered",
    "StakingAccountDoesntExist",
    "StakingAccountAlreadyConfirmed",
    "WorkingGroupBudgetIsNotSufficientForInviting",
    "ConflictingLock",
    "CannotExceedReferralCutPercentLimit",
    "ConflictStakesOnAccount",
    "InsufficientBalanceToCoverStake",
    "GifLockExceedsCredit",
    "InsufficientBalanceToGift",
    "InsufficientBalanceToCoverPayment",
)
