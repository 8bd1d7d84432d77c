"""`joygrpc distributor …`."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "start": LazyCommand("joygrpc.cli.distributor.start:start", "Run a distributor node with its gateway."),
}

distributor = LazyGroup("distributor", COMMANDS, "Distributor nodes.")
