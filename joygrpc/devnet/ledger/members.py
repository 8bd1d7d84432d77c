"""Members: persons with a root and a controller account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from joygrpc.devnet.ledger.balances import covers, move, withdraw
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ensure, found
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Account, Member

PALLET: Final = "Members"


def _handle_hash(handle: bytes) -> str:
    return "0x" + hashlib.blake2b(handle, digest_size=32).hexdigest()


def _free_handle(ledger: Ledger, handle: bytes | None) -> str:
    ensure(handle, PALLET, "HandleMustBeProvidedDuringRegistration")
    handle_hash = _handle_hash(handle or b"")
    ensure(handle_hash not in ledger.member_by_handle, PALLET, "HandleAlreadyRegistered")
    return handle_hash


def _register(ledger: Ledger, params: Mapping[str, Any], handle_hash: str, *, verified: bool = False) -> int:
    member_id = ledger.next_member_id.take()
    invites = ledger.initial_invitations.value
    ledger.members[member_id] = Member(
        handle_hash, params["root_account"], params["controller_account"], verified, invites
    )
    ledger.member_by_handle[handle_hash] = member_id
    return member_id


def ensure_controller(ledger: Ledger, origin: Origin, member_id: int) -> Member:
    """The member, if the caller signs with its controller account."""
    signer = origin.signer()
    member = found(ledger.members.get(member_id), PALLET, "MemberProfileNotFound")
    ensure(signer == member.controller_account, PALLET, "ControllerAccountRequired")
    return member


def buy_membership(ledger: Ledger, origin: Origin, *, params: Mapping[str, Any]) -> None:
    """A member who pays the price of membership."""
    payer = origin.signer()
    price = ledger.membership_price.value
    ensure(covers(ledger, payer, price), PALLET, "NotEnoughBalanceToBuyMembership")
    handle_hash = _free_handle(ledger, params["handle"])
    referrer = params["referrer_id"]
    ensure(referrer is None or referrer in ledger.members, PALLET, "ReferrerIsNotMember")
    member_id = _register(ledger, params, handle_hash)
    if price:
        withdraw(ledger, payer, price)
    ledger.emit(PALLET, "MembershipBought", member_id, dict(params), ledger.initial_invitations.value)


def create_member(ledger: Ledger, origin: Origin, *, params: Mapping[str, Any]) -> None:
    """A member for nothing, made by root."""
    origin.require_root()
    handle_hash = _free_handle(ledger, params["handle"])
    member_id = _register(ledger, params, handle_hash, verified=params["is_founding_member"])
    ledger.emit(PALLET, "MemberCreated", member_id, dict(params), ledger.initial_invitations.value)


def update_profile(
    ledger: Ledger, origin: Origin, *, member_id: int, handle: bytes | None, metadata: bytes | None
) -> None:
    """Another handle, or other metadata."""
    member = ensure_controller(ledger, origin, member_id)
    if handle is not None:
        handle_hash = _free_handle(ledger, handle)
        del ledger.member_by_handle[member.handle_hash]
        ledger.member_by_handle[handle_hash] = member_id
        ledger.members[member_id] = replace(member, handle_hash=handle_hash)
    ledger.emit(PALLET, "MemberProfileUpdated", member_id, handle, metadata)


def update_accounts(
    ledger: Ledger,
    origin: Origin,
    *,
    member_id: int,
    new_root_account: Account | None,
    new_controller_account: Account | None,
) -> None:
    """Other root or controller account; the root account decides."""
    signer = origin.signer()
    member = found(ledger.members.get(member_id), PALLET, "MemberProfileNotFound")
    ensure(signer == member.root_account, PALLET, "RootAccountRequired")
    ledger.members[member_id] = replace(
        member,
        root_account=new_root_account or member.root_account,
        controller_account=new_controller_account or member.controller_account,
    )
    ledger.emit(PALLET, "MemberAccountsUpdated", member_id, new_root_account, new_controller_account)


def set_membership_price(ledger: Ledger, origin: Origin, *, new_price: int) -> None:
    """Root sets the price of membership."""
    origin.require_root()
    ledger.membership_price.value = new_price
    ledger.emit(PALLET, "MembershipPriceUpdated", new_price)


def member_remark(
    ledger: Ledger, origin: Origin, *, member_id: int, msg: bytes, payment: tuple[Account, int] | None
) -> None:
    """A message of a member, and possibly a gift."""
    member = ensure_controller(ledger, origin, member_id)
    if payment is not None:
        target, amount = payment
        ensure(covers(ledger, member.controller_account, amount), PALLET, "InsufficientBalanceToCoverPayment")
        move(ledger, member.controller_account, target, amount)
    ledger.emit(PALLET, "MemberRemarked", member_id, msg, payment)
