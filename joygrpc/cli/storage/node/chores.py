"""`joygrpc storage node chores …`."""

import json
from typing import TYPE_CHECKING, Any

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.answers import show_table
from joygrpc.cli.options import CONTEXT
from joygrpc.cli.storage.node.access import Output, call_node, node_command, time_text

if TYPE_CHECKING:
    import grpc


@click.group("chores", context_settings=CONTEXT)
def chores() -> None:
    """The node's periodic work."""


@chores.command("list")
@node_command
def list_command(target: str, output: Output) -> None:
    """Show all chores, when they ran last and how that went."""
    from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
    from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> list[pb.Chore]:
        return list((await rpc.ChoreServiceStub(channel).ListChores(pb.ListChoresRequest())).chores)

    _show(call_node(target, work), output)


@chores.command("trigger")
@click.argument("name")
@node_command
def trigger_command(target: str, output: Output, name: str) -> None:
    """Run a chore now and wait for its end; an error when the run fails."""
    from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
    from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> pb.Chore:
        return (await rpc.ChoreServiceStub(channel).TriggerChore(pb.TriggerChoreRequest(name=name))).chore

    chore = call_node(target, work)
    _show([chore], output)
    if chore.last_error:
        raise click.exceptions.Exit(StorageExit.SERVER_ERROR)


@chores.command("pause")
@click.argument("name")
@node_command
def pause_command(target: str, output: Output, name: str) -> None:
    """Keep a chore from running by itself, until it is resumed or the node ends."""
    from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
    from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> None:
        await rpc.ChoreServiceStub(channel).PauseChore(pb.PauseChoreRequest(name=name))

    call_node(target, work)
    _say(name, "paused", output)


@chores.command("resume")
@click.argument("name")
@node_command
def resume_command(target: str, output: Output, name: str) -> None:
    """Let a paused chore run by itself again."""
    from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
    from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

    async def work(channel: "grpc.aio.Channel") -> None:
        await rpc.ChoreServiceStub(channel).ResumeChore(pb.ResumeChoreRequest(name=name))

    call_node(target, work)
    _say(name, "resumed", output)


def _say(name: str, done: str, output: Output) -> None:
    click.echo(json.dumps({"chore": name, "outcome": done}) if output == "json" else f"{name} is {done}")


def _show(found: list[Any], output: Output) -> None:
    rows = [
        {
            "name": chore.name,
            "interval_s": chore.interval.ToTimedelta().total_seconds(),
            "state": "running" if chore.running else "paused" if chore.paused else "waiting",
            "runs": chore.runs,
            "last_run_at": chore.last_run_at.ToJsonString() if chore.HasField("last_run_at") else None,
            "last_error": chore.last_error,
        }
        for chore in found
    ]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    show_table(
        ("chore", "every", "state", "runs", "last run (UTC)", "last error"),
        [
            (
                chore.name,
                f"{row['interval_s']:g} s",
                str(row["state"]),
                str(chore.runs),
                time_text(chore.last_run_at) if chore.HasField("last_run_at") else "",
                chore.last_error,
            )
            for chore, row in zip(found, rows, strict=True)
        ],
    )
