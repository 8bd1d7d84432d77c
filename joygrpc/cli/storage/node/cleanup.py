"""`joygrpc storage node cleanup …`."""

import json
from typing import TYPE_CHECKING, Any

import click

from joygrpc.cli.onchain.answers import show, show_table
from joygrpc.cli.options import CONTEXT
from joygrpc.cli.storage.node.access import Output, call_node, node_command, size_text

if TYPE_CHECKING:
    import grpc

_PREFIX = "CLEANUP_VERDICT_"
_GOES = frozenset({"deleted", "moved"})


@click.group("cleanup", context_settings=CONTEXT)
def cleanup() -> None:
    """Move objects that the node's buckets no longer owe into quarantine."""


@cleanup.command("plan")
@node_command
def plan_command(target: str, output: Output) -> None:
    """Show what a cleanup would do now, and why; nothing is changed."""
    _show_plan(target, output)


@cleanup.command("run")
@click.option("--dry-run", is_flag=True, help="The same as `plan`.")
@node_command
def run_command(target: str, output: Output, dry_run: bool) -> None:
    """Run a cleanup now, and wait for its end."""
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc

    if dry_run:
        _show_plan(target, output)
        return

    async def work(channel: "grpc.aio.Channel") -> pb.RunCleanupResponse:
        return await rpc.StorageAdminServiceStub(channel).RunCleanup(pb.RunCleanupRequest())

    report = call_node(target, work).report
    show(
        {
            "started_at": report.started_at.ToJsonString(),
            "ended_at": report.ended_at.ToJsonString(),
            "examined": report.examined,
            "quarantined": report.quarantined,
            "quarantined_size": report.quarantined_size,
            "verdicts": {_verdict(count.verdict): count.objects for count in report.counts},
        },
        output,
    )


def _show_plan(target: str, output: Output) -> None:
    from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
    from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> list[Any]:
        parts = rpc.StorageAdminServiceStub(channel).PlanCleanup(pb.PlanCleanupRequest())
        return [item async for part in parts for item in part.items]

    rows = [
        {
            "id": str(item.object_id),
            "size": item.size,
            "bag": item.bag_id,
            "action": "quarantine" if _verdict(item.verdict) in _GOES else "keep",
            "verdict": _verdict(item.verdict),
            "replicas": item.replicas,
            "replicas_needed": item.replicas_needed,
        }
        for item in call_node(target, work)
    ]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    show_table(
        ("id", "size", "bag", "action", "verdict", "replicas"),
        [
            (
                str(row["id"]),
                size_text(int(row["size"])),
                str(row["bag"]),
                str(row["action"]),
                str(row["verdict"]),
                f"{row['replicas']} of {row['replicas_needed']}" if row["replicas_needed"] else "",
            )
            for row in rows
        ],
    )
    going = [int(row["size"]) for row in rows if row["action"] == "quarantine"]
    click.echo(
        f"{len(going)} objects ({size_text(sum(going))}) would go into quarantine, {len(rows) - len(going)} stay"
    )


def _verdict(number: Any) -> str:
    from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance

    return maintenance.CleanupVerdict.Name(number).removeprefix(_PREFIX).lower()
