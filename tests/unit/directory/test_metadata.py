import pytest

from joygrpc.directory.metadata import merge_operator_metadata
from joygrpc.pb.joystream.metadata.storage_pb2 import StorageBucketOperatorMetadata as Metadata


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Metadata(endpoint="http://b").SerializeToString(), ("http://b", "x")),
        (Metadata(extra="y").SerializeToString(), ("http://a", "y")),
        (Metadata(endpoint="", extra="").SerializeToString(), (None, None)),
        (b"", ("http://a", "x")),
        (b"\xff\xff", ("http://a", "x")),
    ],
)
def test_only_what_is_set_changes(message: bytes, expected: tuple[str | None, str | None]) -> None:
    assert merge_operator_metadata("http://a", "x", message) == expected
