"""`joygrpc distributor operator …`: the calls of a distribution bucket's operator."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "accept-invitation": LazyCommand(
        "joygrpc.cli.distributor.operator.commands:accept_invitation", "Take over a bucket to which one is invited."
    ),
    "set-metadata": LazyCommand(
        "joygrpc.cli.distributor.operator.commands:set_metadata", "Publish the node's endpoint and place."
    ),
}

operator = LazyGroup("operator", COMMANDS, "Calls of a bucket's operator; signed by the worker's role account.")
