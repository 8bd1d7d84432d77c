"""Checks of the programs that a node talks to."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from joygrpc.cli.doctor.check import Finding, Status


@dataclass(frozen=True, slots=True)
class ChainReachable:
    """A chain node answers and is in step."""

    url: str
    name: str = "chain"

    async def run(self) -> Finding:
        """Asks for the chain's name, health and finalized block by JSON-RPC."""
        async with aiohttp.ClientSession() as session, session.ws_connect(self.url) as connection:
            name = await self._call(connection, "system_chain")
            health = await self._call(connection, "system_health")
            finalized = await self._call(connection, "chain_getFinalizedHead")
            header = await self._call(connection, "chain_getHeader", [finalized])
        shown = f"{name}, finalized block {int(header['number'], 16)}, {health.get('peers', 0)} peers"
        if health.get("isSyncing"):
            return Finding(Status.WARNING, f"{shown}, still syncing", "wait until the chain node is in step")
        return Finding(Status.OK, shown)

    @staticmethod
    async def _call(connection: aiohttp.ClientWebSocketResponse, method: str, params: list[Any] | None = None) -> Any:
        await connection.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or []})
        answer = await connection.receive_json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]


@dataclass(frozen=True, slots=True)
class QueryNodeReachable:
    """A query node of today's kind answers."""

    url: str
    name: str = "query node"

    async def run(self) -> Finding:
        """Asks for the height that it has processed."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, json={"query": "{ squidStatus { height } }"}) as response,
        ):
            if response.status >= 400:
                return Finding(Status.FAILURE, f"HTTP status {response.status}")
            answer = await response.json()
        if answer.get("errors"):
            return Finding(
                Status.FAILURE,
                f"does not know squidStatus: {answer['errors'][0].get('message')}",
                "use a storage squid",
            )
        return Finding(Status.OK, f"processed up to block {answer['data']['squidStatus']['height']}")
