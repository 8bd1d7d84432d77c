"""Tells of finalized blocks as they come."""

import time
from collections.abc import Callable

from joygrpc.chain.wire import Setup
from joygrpc.chain.worker.subscription import RequestRefused, Subscription, SubscriptionLost

_SILENCE_S = 60.0
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 10.0


def follow_finalized_heads(setup: Setup, tell: Callable[[int], None]) -> None:
    """Subscribe for ever, again after every break; `tell` hears block numbers, not all of them when blocks come fast.

    Whoever listens asks for the head itself now and then, so that a node without this subscription is only slower.
    """
    retry_s = _FIRST_RETRY_S
    while True:
        try:
            with Subscription(setup.url, setup.connect_timeout_s) as subscription:
                subscription.start("chain_subscribeFinalizedHeads", [], setup.rpc_timeout_s)
                while True:
                    for header in subscription.results(time.monotonic() + _SILENCE_S):
                        tell(int(header["number"], 16))
                        retry_s = _FIRST_RETRY_S
                        break
        except (SubscriptionLost, RequestRefused, TimeoutError):
            time.sleep(retry_s)
            retry_s = min(retry_s * 2, _LAST_RETRY_S)
