"""The Joystream chain: facts, calls and events, through substrate-interface in a child process."""

from joygrpc.chain.client import SubstrateChain
from joygrpc.chain.config import ChainConfig, ChainTimeouts
from joygrpc.chain.errors import (
    BlockPruned,
    CallInvalid,
    ChainError,
    ChainUnavailable,
    KeyInvalid,
    SignerLocked,
    TransactionRefused,
)
from joygrpc.chain.keys import KeySource, KeyType
from joygrpc.chain.port import (
    BatchMode,
    Call,
    Chain,
    ChainBag,
    ChainDataObject,
    ChainEvent,
    ChainHead,
    ChainProperties,
    ChainStorageBucket,
    ChainWorker,
    FinalizedBlock,
    ItemOutcome,
    SubmitOutcome,
    WorkingGroup,
)

__all__ = [
    "BatchMode",
    "BlockPruned",
    "Call",
    "CallInvalid",
    "Chain",
    "ChainBag",
    "ChainConfig",
    "ChainDataObject",
    "ChainError",
    "ChainEvent",
    "ChainHead",
    "ChainProperties",
    "ChainStorageBucket",
    "ChainTimeouts",
    "ChainUnavailable",
    "ChainWorker",
    "FinalizedBlock",
    "ItemOutcome",
    "KeyInvalid",
    "KeySource",
    "KeyType",
    "SignerLocked",
    "SubmitOutcome",
    "SubstrateChain",
    "TransactionRefused",
    "WorkingGroup",
]
