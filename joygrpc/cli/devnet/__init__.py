"""`joygrpc devnet`: the embedded chain and query node, and their administration."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "start": LazyCommand("joygrpc.cli.devnet.start:start_command", "Run a development chain and its query node."),
    "admin": LazyCommand(
        "joygrpc.cli.devnet.admin:admin_command", "Change a running devnet: members, buckets, objects, faults."
    ),
}

devnet = LazyGroup("devnet", COMMANDS, "The embedded chain and query node.")
