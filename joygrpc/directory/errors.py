"""What the directory refuses; the query node's own errors (`joygrpc.query_node.errors`) pass through it."""

from typing import ClassVar


class DirectoryError(Exception):
    """The directory cannot answer."""

    reason: ClassVar[str] = "DIRECTORY_NOT_READY"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.reason)

    @property
    def message(self) -> str:
        """The public message."""
        return str(self.args[0])


class DirectoryNotReady(DirectoryError):
    """The node has no picture of the chain's directory yet."""


class DirectoryUnusable(DirectoryError):
    """The directory's file cannot be used: damaged, of another program, or on a network file system."""

    reason = "DIRECTORY_UNUSABLE"


class SnapshotFailed(DirectoryError):
    """No new picture could be taken; the old one stays."""

    reason = "SNAPSHOT_FAILED"


class QueryNodeBehind(SnapshotFailed):
    """The query node is behind what this node has seen already, so a picture from it would bring back what is gone."""

    reason = "QUERY_NODE_BEHIND"


class ChainBehind(SnapshotFailed):
    """The chain's blocks did not arrive up to the query node's height in time."""

    reason = "CHAIN_BEHIND"
