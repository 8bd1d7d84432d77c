"""Exit codes, as the reference nodes have them."""

from enum import IntEnum


class StorageExit(IntEnum):
    """Exit codes of `joygrpc storage …`."""

    OK = 0
    UNCAUGHT = 1
    USAGE = 2
    INVALID_PARAMETERS = 100
    NOT_A_DEVELOPMENT_CHAIN = 101
    FILE_ERROR = 102
    INVALID_WORKER = 103
    INVALID_INTEGER_LIST = 104
    SERVER_ERROR = 105
    CHAIN_ERROR = 200
    TRANSACTION_FAILED = 201
    KEYRING_NOT_READY = 202


class DistributorExit(IntEnum):
    """Exit codes of `joygrpc distributor …`."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    API_ERROR = 20
    INVALID_INPUT = 40
    FILE_NOT_FOUND = 41
    INVALID_FILE = 42
    INIT_FAILED = 255
