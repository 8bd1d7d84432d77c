from joygrpc.chain.worker.submission import AccountNonces


def test_the_chain_is_right_while_nothing_of_ours_is_under_way() -> None:
    nonces = AccountNonces()
    nonces.sent(4)
    nonces.ended(included=True)
    assert nonces.choose(9) == 9
    assert nonces.choose(4) == 4


def test_transactions_under_way_count_when_the_node_is_behind() -> None:
    nonces = AccountNonces()
    nonces.sent(4)
    assert nonces.choose(4) == 5
    nonces.sent(5)
    assert nonces.choose(4) == 6
    assert nonces.choose(8) == 8


def test_a_transaction_that_never_got_in_leaves_the_count_to_the_chain() -> None:
    nonces = AccountNonces()
    nonces.sent(4)
    nonces.sent(5)
    nonces.ended(included=False)
    assert nonces.choose(4) == 4
