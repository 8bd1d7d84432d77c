"""What a development network consists of: which programs, where they listen, what they are called on chain."""

import errno
import json
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HOST = "127.0.0.1"

FAMILY = 0
"""The only family of distribution buckets."""

SAMPLE_CHANNEL = 1
"""Channel that every bucket stores and delivers."""

SAMPLE_BAG = f"dynamic:channel:{SAMPLE_CHANNEL}"


@dataclass(frozen=True, slots=True)
class StoragePlan:
    """One storage node; bucket and worker have the node's number."""

    number: int
    directory: Path
    rest_port: int
    grpc_port: int
    admin_port: int
    admin_grpc_port: int

    @property
    def rest(self) -> str:
        """Root URL."""
        return f"http://{HOST}:{self.rest_port}"

    @property
    def extra(self) -> str:
        """What the operator's metadata say besides the endpoint."""
        return json.dumps({"grpc": f"grpc://{HOST}:{self.grpc_port}"})


@dataclass(frozen=True, slots=True)
class DistributorPlan:
    """One distributor node; worker and bucket index have the node's number."""

    number: int
    directory: Path
    rest_port: int
    operator_port: int
    grpc_port: int
    admin_port: int
    admin_grpc_port: int
    operator_secret: str

    @property
    def rest(self) -> str:
        """Root URL."""
        return f"http://{HOST}:{self.rest_port}"

    @property
    def extra(self) -> str:
        """What the operator's metadata say besides the endpoint."""
        return json.dumps({"grpc": f"grpc://{HOST}:{self.grpc_port}"})


@dataclass(frozen=True, slots=True)
class DevPlan:
    """The whole network."""

    directory: Path
    chain_port: int
    query_node_port: int
    storage: tuple[StoragePlan, ...]
    distributors: tuple[DistributorPlan, ...]

    @property
    def chain(self) -> str:
        """WebSocket address of the chain."""
        return f"ws://{HOST}:{self.chain_port}"

    @property
    def query_node(self) -> str:
        """Address of the query node."""
        return f"http://{HOST}:{self.query_node_port}/graphql"


@dataclass(frozen=True, slots=True)
class Ports:
    """Gives out ports: the well-known ones of the reference nodes, spaced for further nodes, or free ones."""

    pick: Callable[[int], int]

    @classmethod
    def of(cls, mode: Literal["fixed", "auto"]) -> "Ports":
        """`fixed` gives the port that is asked for, `auto` any that is free now."""
        return cls(_FreePorts() if mode == "auto" else int)


def make_plan(directory: Path, storage_nodes: int, distributors: int, ports: Ports, operator_secret: str) -> DevPlan:
    """The plan of a network below `directory`.

    With fixed ports the first nodes have the reference's: REST 3333 and 3334, operator 3335, chain 9944, query node 4352. Further nodes count up by ten.
    """
    pick = ports.pick
    return DevPlan(
        directory=directory,
        chain_port=pick(9944),
        query_node_port=pick(4352),
        storage=tuple(
            StoragePlan(
                number=number,
                directory=directory / f"storage-{number}",
                rest_port=pick(3333 + 10 * number),
                grpc_port=pick(50051 + number),
                admin_port=pick(9101 + number),
                admin_grpc_port=pick(50151 + number),
            )
            for number in range(storage_nodes)
        ),
        distributors=tuple(
            DistributorPlan(
                number=number,
                directory=directory / f"distributor-{number}",
                rest_port=pick(3334 + 10 * number),
                operator_port=pick(3335 + 10 * number),
                grpc_port=pick(50061 + number),
                admin_port=pick(9101 + storage_nodes + number),
                admin_grpc_port=pick(50161 + number),
                operator_secret=operator_secret,
            )
            for number in range(distributors)
        ),
    )


class _FreePorts:
    """Free ports, each once."""

    def __init__(self) -> None:
        # Below the range that the system takes for outgoing connections, one of which could take the port before its program listens.
        self._left = random.sample(range(10_000, 32_000), 1_000)

    def __call__(self, _wanted: int) -> int:
        while self._left:
            port = self._left.pop()
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError:
                    continue
                return port
        raise OSError(errno.EADDRINUSE, "no free port was found")
