"""How a command ends that did not do what it was asked."""

from dataclasses import dataclass
from typing import Final

import click

from joygrpc.cli.exit_codes import DistributorExit, StorageExit


class CommandFailed(click.ClickException):
    """A command's failure with its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Exits:
    """The exit codes of one of the two programs, by what went wrong."""

    usage: int
    no_key: int
    """The account that must sign is not among the keys."""
    no_worker: int
    invalid: int
    """A value that is not what it should be, such as a bag id."""
    invalid_bucket: int
    """A distribution bucket id or a policy that cannot be read."""
    invalid_metadata: int
    file_missing: int
    file_invalid: int
    keys_locked: int
    not_development: int
    chain: int
    """The chain is not reached, or refuses to take a transaction."""
    transaction: int
    """A transaction did not do what it should."""


STORAGE_EXITS: Final = Exits(
    usage=StorageExit.USAGE,
    no_key=StorageExit.USAGE,
    no_worker=StorageExit.INVALID_WORKER,
    invalid=StorageExit.INVALID_PARAMETERS,
    invalid_bucket=StorageExit.INVALID_PARAMETERS,
    invalid_metadata=StorageExit.INVALID_PARAMETERS,
    file_missing=StorageExit.FILE_ERROR,
    file_invalid=StorageExit.FILE_ERROR,
    keys_locked=StorageExit.KEYRING_NOT_READY,
    not_development=StorageExit.NOT_A_DEVELOPMENT_CHAIN,
    chain=StorageExit.CHAIN_ERROR,
    transaction=StorageExit.TRANSACTION_FAILED,
)

DISTRIBUTOR_EXITS: Final = Exits(
    usage=DistributorExit.USAGE,
    no_key=DistributorExit.UNEXPECTED,
    no_worker=DistributorExit.INVALID_INPUT,
    invalid=DistributorExit.INVALID_INPUT,
    invalid_bucket=DistributorExit.UNEXPECTED,
    invalid_metadata=DistributorExit.UNEXPECTED,
    file_missing=DistributorExit.FILE_NOT_FOUND,
    file_invalid=DistributorExit.INVALID_FILE,
    keys_locked=DistributorExit.UNEXPECTED,
    not_development=DistributorExit.UNEXPECTED,
    chain=DistributorExit.API_ERROR,
    transaction=DistributorExit.API_ERROR,
)
