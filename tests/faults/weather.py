"""Chain and query node that misbehave for a while, now and then."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from tests.faults.devnet_process import DevnetProcess
from tests.faults.supply import Supply

ACCEPT_CALL = "Storage.accept_pending_data_objects"
ACCEPT_ERRORS = (
    "DataObjectDoesntExist",
    "DynamicBagDoesntExist",
    "StorageBucketIsNotBoundToBag",
    "StorageBucketDoesntExist",
    "StorageProviderMustBeSet",
    "InvalidStorageProvider",
    "InvalidTransactorAccount",
    "DataObjectIdParamsAreEmpty",
    "DataObjectBlacklisted",
    "CallDisabled",
)
"""What the pallet may say to an acceptance."""
QUERY_NODE_ERRORS = ("http_500", "graphql_error", "null_data", "hang")

_FAULTS: dict[str, dict[str, Any]] = {
    "chain stalled": {"stalled": True},
    "accept dropped": {"drop": {"remaining": 2, "notify": True}},
    "accept vanished": {"drop": {"remaining": 1, "notify": False}},
    **{f"accept refused: {error}": {"reject": {"pallet": "Storage", "error": error, "call": ACCEPT_CALL}} for error in ACCEPT_ERRORS},
    **{f"query node: {error}": {"query_node_error": error} for error in QUERY_NODE_ERRORS},
    "query node lags": {"query_node_lag_blocks": 5},
}  # fmt: skip


class Weather:
    """Bad times of one run, chosen at random."""

    def __init__(self, devnet: DevnetProcess, supply: Supply, rng: random.Random) -> None:
        self._devnet, self._supply, self._rng = devnet, supply, rng
        self.seen: Counter[str] = Counter()
        self.fine = True

    async def change(self) -> None:
        """Bad and good times in turns, until cancelled."""
        while True:
            await asyncio.sleep(self._rng.uniform(2, 5))
            name = self._rng.choice([*_FAULTS, "devnet killed", "devnet killed"])
            self.seen[name] += 1
            await self._supply.stock_up()
            self.fine = False
            self._supply.calm.clear()
            if name == "devnet killed":
                await self._devnet.kill()
                await asyncio.sleep(self._rng.uniform(0, 3))
            else:
                await self._devnet.set_fault(**_FAULTS[name])
                await asyncio.sleep(self._rng.uniform(1, 4))
            await self.clear()

    async def clear(self) -> None:
        """Good times."""
        if not self._devnet.alive:
            await self._devnet.start()
        await self._devnet.set_fault(clear=True)
        self.fine = True
        self._supply.calm.set()
