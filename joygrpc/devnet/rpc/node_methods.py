"""Methods about the node and its pool: system_*, author_* and payment_*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joygrpc.devnet.accounts import NotAnAccount, parse_account
from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.headers import hex0x
from joygrpc.devnet.chain.mempool import TransactionRefused, Watcher
from joygrpc.devnet.metadata.frame import SS58_PREFIX
from joygrpc.devnet.rpc.chain_methods import ChainMethods
from joygrpc.devnet.rpc.errors import RpcError, invalid_params
from joygrpc.devnet.rpc.hexadecimal import unhex

Method = Callable[..., Any]


class NodeMethods:
    """What a node says of itself, and submission."""

    def __init__(self, chain: Chain, version: str) -> None:
        self._chain = chain
        self.version = version

    def next_index(self, account: str) -> int:
        """The nonce of an account's next transaction, pending ones counted."""
        try:
            return self._chain.next_nonce(parse_account(account))
        except NotAnAccount as error:
            raise invalid_params(str(error)) from error

    def submit(self, extrinsic: str, watcher: Watcher | None = None) -> str:
        """Take a transaction into the pool; answers its hash."""
        try:
            return self._chain.submit(unhex(extrinsic), watcher)
        except TransactionRefused as refusal:
            raise RpcError(refusal.code, refusal.message, refusal.data) from refusal

    def pending(self) -> list[str]:
        """The transactions in the pool."""
        return [hex0x(pending.extrinsic.raw) for pending in self._chain.mempool]

    def query_info(self, extrinsic: str, at: str | None = None) -> dict[str, object]:
        """What a transaction will cost."""
        fee = self._chain.runtime.limits.transaction_fee
        return {"weight": {"ref_time": 100_000_000, "proof_size": 0}, "class": "normal", "partialFee": str(fee)}

    def query_fee_details(self, extrinsic: str, at: str | None = None) -> dict[str, object]:
        """What a transaction will cost, by parts."""
        fee = hex(self._chain.runtime.limits.transaction_fee)
        return {"inclusionFee": {"baseFee": fee, "lenFee": "0x0", "adjustedWeightFee": "0x0"}}

    def sync_state(self) -> dict[str, int]:
        """Where synchronisation stands: always at its end."""
        return {"startingBlock": 0, "currentBlock": self._chain.best.number, "highestBlock": self._chain.best.number}


def read_methods(reads: ChainMethods, node: NodeMethods) -> dict[str, Method]:
    """The methods by name, apart from subscriptions."""
    return {
        "chain_getBlock": reads.get_block,
        "chain_getBlockHash": reads.get_block_hash,
        "chain_getFinalizedHead": reads.get_finalized_head,
        "chain_getHead": reads.get_head,
        "chain_getHeader": reads.get_header,
        "chain_getRuntimeVersion": reads.get_runtime_version,
        "state_call": reads.call,
        "state_getKeys": reads.get_keys,
        "state_getKeysPaged": reads.get_keys_paged,
        "state_getMetadata": reads.get_metadata,
        "state_getRuntimeVersion": reads.get_runtime_version,
        "state_getStorage": reads.get_storage,
        "state_getStorageAt": reads.get_storage,
        "state_getStorageHash": reads.get_storage_hash,
        "state_getStorageSize": reads.get_storage_size,
        "state_queryStorageAt": reads.query_storage_at,
        "account_nextIndex": node.next_index,
        "author_pendingExtrinsics": node.pending,
        "author_submitExtrinsic": node.submit,
        "payment_queryFeeDetails": node.query_fee_details,
        "payment_queryInfo": node.query_info,
        "system_accountNextIndex": node.next_index,
        "system_chain": lambda: "Joystream devnet",
        "system_chainType": lambda: "Development",
        "system_health": lambda: {"peers": 0, "isSyncing": False, "shouldHavePeers": False},
        "system_name": lambda: "joygrpc devnet",
        "system_nodeRoles": lambda: ["Authority"],
        "system_peers": list,
        "system_properties": lambda: {"ss58Format": SS58_PREFIX, "tokenDecimals": 10, "tokenSymbol": "JOY"},
        "system_syncState": node.sync_state,
        "system_version": lambda: node.version,
    }
