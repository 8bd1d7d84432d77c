"""The `joygrpc` command."""

import click

from joygrpc.cli.lazy import LazyCommand, LazyGroup
from joygrpc.version import __version__

COMMANDS = {
    "dev": LazyCommand("joygrpc.cli.dev.command:dev_command", "Run the whole network on this machine."),
    "devnet": LazyCommand("joygrpc.cli.devnet:devnet", "Run or change an embedded chain and query node."),
    "object": LazyCommand("joygrpc.cli.object:object_group", "Create, upload and hash objects."),
    "storage": LazyCommand("joygrpc.cli.storage:storage", "Run a storage node; its operator's and lead's commands."),
    "distributor": LazyCommand(
        "joygrpc.cli.distributor:distributor", "Run a distributor node; its operator's and lead's commands."
    ),
    "gateway": LazyCommand("joygrpc.cli.gateway:gateway", "Run the REST edge of a node that is elsewhere."),
    "doctor": LazyCommand("joygrpc.cli.doctor:doctor", "Check this machine and the network around it."),
}

root = click.version_option(__version__, prog_name="joygrpc")(
    LazyGroup("joygrpc", COMMANDS, "Storage and delivery network for Joystream.")
)
