"""`joygrpc storage node quarantine …`."""

import json
from typing import TYPE_CHECKING, Any

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.answers import show_table
from joygrpc.cli.options import CONTEXT
from joygrpc.cli.storage.node.access import Output, call_node, node_command, size_text, time_text

if TYPE_CHECKING:
    import grpc

REASONS = ("rotten", "not_owed", "unknown")
_PREFIX = "QUARANTINE_REASON_"


@click.group("quarantine", context_settings=CONTEXT)
def quarantine() -> None:
    """What is kept out of sight: no longer owed, rotten, or unknown; deleted for good after a retention time."""


@quarantine.command("list")
@click.option(
    "--reason", "reasons", type=click.Choice(REASONS), multiple=True, help="Only what is there for it; repeatable."
)
@node_command
def list_command(target: str, output: Output, reasons: tuple[str, ...]) -> None:
    """List the objects in quarantine."""
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc
    from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance

    request = pb.ListQuarantineRequest(
        reasons=[maintenance.QuarantineReason.Value(_PREFIX + reason.upper()) for reason in reasons]
    )

    async def work(channel: "grpc.aio.Channel") -> list[pb.QuarantinedObject]:
        pages = rpc.StorageAdminServiceStub(channel).ListQuarantine(request)
        return [held async for page in pages for held in page.objects]

    found = call_node(target, work)
    if output == "json":
        rows = [
            {
                "id": str(held.object_id),
                "size": held.size,
                "reason": _reason(held),
                "bag": held.bag_id,
                "multihash": held.multihash,
                "since": held.since.ToJsonString(),
                "purge_after": held.purge_after.ToJsonString(),
            }
            for held in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    show_table(
        ("id", "size", "reason", "bag", "since (UTC)", "purged after (UTC)"),
        [
            (
                str(held.object_id),
                size_text(held.size),
                _reason(held),
                held.bag_id,
                time_text(held.since),
                time_text(held.purge_after),
            )
            for held in found
        ],
    )


def _reason(held: Any) -> str:
    from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance

    return maintenance.QuarantineReason.Name(held.reason).removeprefix(_PREFIX).lower()


@quarantine.command("restore")
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(min=0))
@node_command
def restore_command(target: str, output: Output, ids: tuple[int, ...]) -> None:
    """Serve objects again, once their bytes are found right."""
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> list[pb.RestoreQuarantineResponse]:
        request = pb.RestoreQuarantineRequest(object_ids=ids)
        return [one async for one in rpc.StorageAdminServiceStub(channel).RestoreQuarantine(request)]

    _show_outcomes(call_node(target, work), "restored", output)


@quarantine.command("purge")
@click.argument("ids", nargs=-1, type=click.IntRange(min=0))
@click.option("--all", "everything", is_flag=True, help="Everything that is in quarantine.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@node_command
def purge_command(target: str, output: Output, ids: tuple[int, ...], everything: bool, yes: bool) -> None:
    """Delete objects in quarantine for good, before their time."""
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc

    if not ids and not everything:
        raise click.UsageError("name objects, or --all")
    if not yes:
        what = "everything in quarantine" if everything else f"{len(ids)} objects"
        click.confirm(f"Delete {what} for good?", abort=True, err=True)

    async def work(channel: "grpc.aio.Channel") -> list[pb.PurgeQuarantineResponse]:
        request = pb.PurgeQuarantineRequest(object_ids=ids, everything=everything)
        return [one async for one in rpc.StorageAdminServiceStub(channel).PurgeQuarantine(request)]

    _show_outcomes(call_node(target, work), "purged", output)


def _show_outcomes(responses: list[Any], done: str, output: Output) -> None:
    """Prints what became of each object; ends with an error when one was refused."""
    rows = [(str(one.object_id), one.refusal or done, one.message) for one in responses]
    if output == "json":
        click.echo(json.dumps([dict(zip(("id", "outcome", "message"), row, strict=True)) for row in rows], indent=2))
    else:
        show_table(("id", "outcome", ""), rows)
    if any(one.refusal for one in responses):
        raise click.exceptions.Exit(StorageExit.SERVER_ERROR)
