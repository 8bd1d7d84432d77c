"""Storage at past blocks, against the plain idea of it: a copy of the state at each block."""

from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.devnet.chain.state import StateHistory

ITEM, OTHER = bytes(32), bytes([1]) * 32
KEYS = [ITEM + bytes([number]) for number in range(6)] + [OTHER]
CHANGES = st.dictionaries(st.sampled_from(KEYS), st.none() | st.binary(max_size=2), max_size=4)


@settings(deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=30), st.integers(1, 8))
def test_every_block_in_the_window_is_as_it_was(blocks: list[dict[bytes, bytes | None]], depth: int) -> None:
    history = StateHistory(depth)
    copies: list[dict[bytes, bytes]] = []
    state: dict[bytes, bytes] = {}
    for number, changes in enumerate(blocks):
        history.commit(number, changes)
        for key, value in changes.items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        copies.append(dict(state))
    for number, copy in enumerate(copies):
        if not history.covers(number):
            assert number < len(blocks) - depth
            continue
        assert {key: history.get(key, number) for key in KEYS} == {key: copy.get(key) for key in KEYS}
        assert history.page(ITEM, None, b"", number) == sorted(key for key in copy if key.startswith(ITEM))
        assert history.page(b"", None, b"", number) == sorted(copy)
        assert (
            history.page(ITEM, 2, KEYS[1], number)
            == sorted(key for key in copy if key.startswith(ITEM) and key > KEYS[1])[:2]
        )


def test_deleted_keys_are_forgotten() -> None:
    history = StateHistory(2)
    history.commit(0, {KEYS[0]: b"x"})
    history.commit(1, {KEYS[0]: None})
    for number in range(2, 6):
        history.commit(number, {OTHER: bytes([number])})
    assert history.page(ITEM, None, b"", 5) == []
    assert KEYS[0] not in history._versions


def test_a_loaded_state_begins_at_its_block() -> None:
    history = StateHistory(4)
    history.load(7, [(KEYS[2], b"b"), (KEYS[0], b"a")])
    assert history.get(KEYS[0], 7) == b"a"
    assert history.page(ITEM, None, b"", 7) == [KEYS[0], KEYS[2]]
    assert not history.covers(6)
