"""Money."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ensure
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Account, AccountInfo


def module_account(pallet_id: bytes, sub: bytes = b"") -> Account:
    """The account that a pallet owns: nobody has its key."""
    return "0x" + (b"modl" + pallet_id + sub).ljust(32, b"\0")[:32].hex()


TREASURY: Final = module_account(b"mstorage")


def free_balance(ledger: Ledger, account: Account) -> int:
    """What the account can spend; 0 for an unknown one."""
    info = ledger.accounts.get(account)
    return info.data.free if info else 0


def covers(ledger: Ledger, account: Account, amount: int) -> bool:
    """Whether the account can pay `amount` and keep the existential deposit; nothing is always payable."""
    if amount == 0:
        return True
    info = ledger.accounts.get(account)
    if info is None:
        return False
    money = info.data
    deposit = ledger.limits.existential_deposit
    return money.free - money.fee_frozen >= amount and money.free + money.reserved >= amount + deposit


def deposit(ledger: Ledger, account: Account, amount: int) -> None:
    """Create money; a new account is announced."""
    info = ledger.accounts.get(account)
    if info is None:
        info = AccountInfo()
        ledger.emit("System", "NewAccount", account)
        ledger.emit("Balances", "Endowed", account, amount)
    money = replace(info.data, free=info.data.free + amount)
    ledger.accounts[account] = replace(info, data=money)
    ledger.total_issuance.value += amount
    ledger.emit("Balances", "Deposit", account, amount)


def withdraw(ledger: Ledger, account: Account, amount: int) -> None:
    """Burn money that `covers` found; the account keeps existing."""
    info = ledger.accounts[account]
    ledger.accounts[account] = replace(info, data=replace(info.data, free=info.data.free - amount))
    ledger.total_issuance.value -= amount
    ledger.emit("Balances", "Withdraw", account, amount)


def move(ledger: Ledger, source: Account, target: Account, amount: int) -> None:
    """Move money that is known to be there."""
    giver = ledger.accounts[source]
    ledger.accounts[source] = replace(giver, data=replace(giver.data, free=giver.data.free - amount))
    taker = ledger.accounts.get(target)
    if taker is None:
        taker = AccountInfo()
        ledger.emit("System", "NewAccount", target)
        ledger.emit("Balances", "Endowed", target, amount)
    ledger.accounts[target] = replace(taker, data=replace(taker.data, free=taker.data.free + amount))
    ledger.emit("Balances", "Transfer", source, target, amount)


def _kill_if_dust(ledger: Ledger, account: Account) -> None:
    info = ledger.accounts[account]
    left = info.data.free + info.data.reserved
    if left >= ledger.limits.existential_deposit:
        return
    # The record stays for its nonce; a replayed transaction must not become valid again.
    ledger.accounts[account] = replace(info, providers=0, data=replace(info.data, free=0))
    ledger.total_issuance.value -= left
    ledger.emit("System", "KilledAccount", account)
    if left:
        ledger.emit("Balances", "DustLost", account, left)


def _transfer(ledger: Ledger, source: Account, target: Account, amount: int, *, keep_alive: bool) -> None:
    deposit_needed = ledger.limits.existential_deposit
    have = free_balance(ledger, source)
    ensure(have >= amount, "Balances", "InsufficientBalance")
    ensure(target in ledger.accounts or amount >= deposit_needed, "Balances", "ExistentialDeposit")
    ensure(not keep_alive or have - amount >= deposit_needed, "Balances", "KeepAlive")
    move(ledger, source, target, amount)
    if not keep_alive:
        _kill_if_dust(ledger, source)


def transfer(ledger: Ledger, origin: Origin, *, dest: Account, value: int) -> None:
    """Give money; an emptied account disappears."""
    _transfer(ledger, origin.signer(), dest, value, keep_alive=False)


def transfer_keep_alive(ledger: Ledger, origin: Origin, *, dest: Account, value: int) -> None:
    """Give money, but never so much that the account disappears."""
    _transfer(ledger, origin.signer(), dest, value, keep_alive=True)


def transfer_all(ledger: Ledger, origin: Origin, *, dest: Account, keep_alive: bool) -> None:
    """Give everything, or all but the existential deposit."""
    source = origin.signer()
    amount = free_balance(ledger, source) - (ledger.limits.existential_deposit if keep_alive else 0)
    _transfer(ledger, source, dest, max(amount, 0), keep_alive=keep_alive)


def force_transfer(ledger: Ledger, origin: Origin, *, source: Account, dest: Account, value: int) -> None:
    """Root gives somebody's money to somebody else."""
    origin.require_root()
    _transfer(ledger, source, dest, value, keep_alive=False)


def set_balance(ledger: Ledger, origin: Origin, *, who: Account, new_free: int, new_reserved: int) -> None:
    """Root sets an account's balance."""
    origin.require_root()
    info = ledger.accounts.get(who)
    if info is None:
        info = AccountInfo()
        ledger.emit("System", "NewAccount", who)
    grown = new_free + new_reserved - info.data.free - info.data.reserved
    ledger.total_issuance.value += grown
    ledger.accounts[who] = replace(info, data=replace(info.data, free=new_free, reserved=new_reserved))
    ledger.emit("Balances", "BalanceSet", who, new_free, new_reserved)
