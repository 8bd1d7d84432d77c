from datetime import UTC, datetime

import pytest

from gateway.facts import CacheState, DataSource, ObjectFacts
from joygrpc.pb.joystream.content.v1.content_pb2 import Object
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb


def test_facts_of_a_message() -> None:
    message = Object(id=3, size=9, multihash="gW", media_type="text/vtt; charset=utf-8")
    assert ObjectFacts.of(message) == ObjectFacts(3, 9, "gW", "text/vtt; charset=utf-8")
    message.stored_at.FromSeconds(1)
    assert ObjectFacts.of(message).stored_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert ObjectFacts.of(message).etag == '"gW"'


@pytest.mark.parametrize("text", ["text/html\r\nX-Evil: 1", "nonsense", "a/b/c", 'text/plain; x="\n"'])
def test_a_media_type_that_is_none_is_unknown(text: str) -> None:
    assert ObjectFacts.of(Object(media_type=text)).media_type == ""


def test_states_of_messages() -> None:
    assert CacheState.of(pb.CACHE_STATE_HIT) is CacheState.HIT
    assert CacheState.of(pb.CACHE_STATE_UNSPECIFIED) is CacheState.MISS
    assert DataSource.of(pb.DATA_SOURCE_EXTERNAL) is DataSource.EXTERNAL
    assert DataSource.of(pb.DATA_SOURCE_UNSPECIFIED) is DataSource.LOCAL
