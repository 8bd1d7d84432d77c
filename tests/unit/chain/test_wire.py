from joygrpc.chain.errors import ChainUnavailable, TransactionRefused
from joygrpc.chain.keys import KeySource
from joygrpc.chain.wire import LENGTH, Reply, Setup, frame, unframe


def test_messages_survive_the_pipe() -> None:
    message = Reply(7, (2**70, b"\0", {"Dynamic": {"Channel": 1}}), None)
    data = frame(message)
    assert LENGTH.unpack(data[: LENGTH.size]) == (len(data) - LENGTH.size,)
    assert unframe(data[LENGTH.size :]) == message


def test_errors_keep_kind_and_message() -> None:
    reply = unframe(frame(Reply(1, error=TransactionRefused("no money")))[LENGTH.size :])
    assert isinstance(reply, Reply)
    assert isinstance(reply.error, TransactionRefused)
    assert reply.error.message == "no money"
    assert ChainUnavailable().message.startswith("The chain cannot be reached")


def test_the_setup_shows_no_keys() -> None:
    assert "Alice" not in repr(Setup("ws://x", KeySource(suris=("//Alice",)), 126, 1, 1, 64))
