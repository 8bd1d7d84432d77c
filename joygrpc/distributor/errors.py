"""What a distributor node refuses, and why a delivery fails."""

from typing import ClassVar

from joygrpc.mesh import JoygrpcError


class _Told(JoygrpcError):
    """An error with a text of its own for whoever asked."""

    told: ClassVar[str] = "Internal error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.told)


class AssetRefused(_Told):
    """The node does not deliver this object."""


class AssetNotFound(AssetRefused):
    """The object is not on chain."""

    told = "Data object does not exist"
    reason = "ASSET_NOT_FOUND"


class AssetNotServed(AssetRefused):
    """None of the buckets of the object's bag is served here."""

    told = "Data object not served by this node"
    reason = "ASSET_NOT_SERVED"


class AssetNotAccepted(AssetRefused):
    """No storage node has accepted the object yet."""

    told = "Data object has not been uploaded yet"
    reason = "ASSET_NOT_ACCEPTED"


class FactsUnavailable(_Told):
    """The object is not known here, and the query node cannot be asked."""

    told = "The query node cannot be asked about the data object now"
    reason = "QUERY_NODE_UNAVAILABLE"


class RangeNotSatisfiable(_Told):
    """The range begins behind the end of the object."""

    told = "The range begins beyond the end of the object"
    reason = "RANGE_NOT_SATISFIABLE"


class FillNotFound(_Told):
    """The object is not being filled."""

    told = "The object is not being filled"
    reason = "FILL_NOT_FOUND"


class DeliveryFailed(_Told):
    """The bytes could not be had; the class of every failure that a waiting reader may get."""

    reason = "SOURCE_FAILED"


class NoSource(DeliveryFailed):
    """No storage node has the object."""

    told = "No storage node can deliver the data object"
    reason = "NO_SOURCE"


class SourceFailed(DeliveryFailed):
    """All sources broke off or lied."""

    told = "Failed to download the data object from any storage node"
    reason = "SOURCE_FAILED"


class SourceStalled(DeliveryFailed):
    """Nothing came from the sources for too long."""

    told = "The storage nodes did not deliver the data object in time"
    reason = "SOURCE_STALLED"


class CacheFull(DeliveryFailed):
    """The cache has no room, and cannot make any."""

    told = "There is no room in the cache"
    reason = "CACHE_FULL"


class QueueFull(DeliveryFailed):
    """As many fills wait as may."""

    told = "Too many data objects are waiting to be downloaded"
    reason = "QUEUE_FULL"


class NodeShuttingDown(DeliveryFailed):
    """The node is ending."""

    told = "The node is shutting down"
    reason = "NODE_SHUTTING_DOWN"


class CacheIndexFailed(_Told):
    """The cache's index cannot be read or written."""

    told = "The cache index could not be read or written"


class ApiAlreadyStopped(_Told):
    """The public API is off."""

    told = "Already stopped"
    reason = "API_ALREADY_STOPPED"


class ApiAlreadyStarted(_Told):
    """The public API is on."""

    told = "Already started"
    reason = "API_ALREADY_STARTED"


class EdgeNotAcknowledged(_Told):
    """A gateway worker did not confirm a change in time."""

    told = "A gateway worker did not confirm the change in time"
    reason = "DEADLINE_EXCEEDED"


class ConfigurationInvalid(_Told):
    """The configuration file cannot be read again; the log says why."""

    told = "The configuration is not valid"
    reason = "REQUEST_INVALID"


class BucketIdInvalid(_Told):
    """The text is no distribution bucket id."""

    told = "The text is not a distribution bucket id"
    reason = "BUCKET_ID_INVALID"
