"""What may go wrong between a node and the chain; messages are public."""

from typing import ClassVar


class ChainError(Exception):
    """A call on the chain failed."""

    reason: ClassVar[str] = "CHAIN_UNAVAILABLE"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.reason)

    @property
    def message(self) -> str:
        """The public message."""
        return str(self.args[0])


class ChainUnavailable(ChainError):
    """The chain cannot be reached, or did not answer in time."""


class BlockPruned(ChainError):
    """The chain does not keep that block's state any more, or it is another chain than before."""


class SignerLocked(ChainError):
    """There is no unlocked key for the account."""

    reason = "KEY_NOT_AVAILABLE"


class KeyInvalid(ChainError):
    """A key could not be read: bad phrase or derivation path, unreadable file, or no password that opens it."""

    reason = "KEY_NOT_AVAILABLE"


class TransactionRefused(ChainError):
    """The chain's transaction pool refused the transaction for good."""

    reason = "TRANSACTION_REFUSED"


class CallInvalid(ChainError):
    """The runtime has no such call, storage item or constant, or does not take these arguments."""

    reason = "CALL_INVALID"
