"""`joygrpc storage node scrub`."""

from typing import TYPE_CHECKING

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.answers import show
from joygrpc.cli.options import CONTEXT
from joygrpc.cli.storage.node.access import Output, call_node, node_command

if TYPE_CHECKING:
    import grpc


@click.command("scrub", context_settings=CONTEXT)
@click.argument("object_id", metavar="[ID]", required=False, type=click.IntRange(min=0))
@node_command
def scrub(target: str, output: Output, object_id: int | None) -> None:
    """Check the object ID against its multihash now; without ID, make the check of all objects due.

    A rotten object goes into quarantine, is fetched anew if the node replicates, and makes the command end with an error.
    """
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc
    from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance

    request = pb.ScrubRequest() if object_id is None else pb.ScrubRequest(object_id=object_id)

    async def work(channel: "grpc.aio.Channel") -> pb.ScrubResponse:
        return await rpc.StorageAdminServiceStub(channel).Scrub(request)

    response = call_node(target, work)
    progress = response.progress
    if object_id is not None:
        outcome = maintenance.ScrubOutcome.Name(response.outcome).removeprefix("SCRUB_OUTCOME_").lower()
        show({"id": str(object_id), "outcome": outcome}, output)
        if response.outcome == maintenance.SCRUB_OUTCOME_ROTTEN:
            raise click.exceptions.Exit(StorageExit.SERVER_ERROR)
        return
    show(
        {
            "enabled": progress.enabled,
            "objects_due": progress.objects_due,
            "size_due": progress.size_due,
            "objects_checked": progress.objects_checked,
            "size_checked": progress.size_checked,
            "objects_rotten": progress.objects_rotten,
        },
        output,
    )
