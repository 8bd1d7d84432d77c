"""`joygrpc storage …`."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "server": LazyCommand("joygrpc.cli.storage.server:server", "Run a storage node with its gateway."),
}

storage = LazyGroup("storage", COMMANDS, "Storage nodes.")
