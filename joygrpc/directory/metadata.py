"""What a storage operator publishes about itself, as far as others need it to reach the node."""

from google.protobuf.message import DecodeError

from joygrpc.pb.joystream.metadata.storage_pb2 import StorageBucketOperatorMetadata


def merge_operator_metadata(endpoint: str | None, extra: str | None, message: bytes) -> tuple[str | None, str | None]:
    """Endpoint and extra after an operator set its metadata.

    Only fields that are set change, an empty text clears; bytes that are no such message change nothing. The query node does the same.
    """
    try:
        told = StorageBucketOperatorMetadata.FromString(message)
    except DecodeError:
        return endpoint, extra
    if told.HasField("endpoint"):
        endpoint = told.endpoint or None
    if told.HasField("extra"):
        extra = told.extra or None
    return endpoint, extra
