"""`joygrpc storage node drain`."""

import json
from typing import TYPE_CHECKING

import click

from joygrpc.cli.options import CONTEXT
from joygrpc.cli.storage.node.access import Output, call_node, node_command

if TYPE_CHECKING:
    import grpc


@click.command("drain", context_settings=CONTEXT)
@node_command
def drain(target: str, output: Output) -> None:
    """Let running requests end within the node's grace, take nothing new, and end the node with its gateway."""
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> None:
        await rpc.StorageAdminServiceStub(channel).Drain(pb.DrainRequest())

    call_node(target, work)
    click.echo(json.dumps({"outcome": "draining"}) if output == "json" else "the node is draining")
