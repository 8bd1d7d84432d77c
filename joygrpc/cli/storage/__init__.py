"""`joygrpc storage …`."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "server": LazyCommand("joygrpc.cli.storage.server:server", "Run a storage node with its gateway."),
    "node": LazyCommand("joygrpc.cli.storage.node:node", "Ask something of a running storage node."),
    "leader": LazyCommand("joygrpc.cli.storage.leader:leader", "What the storage lead does on the chain."),
    "operator": LazyCommand("joygrpc.cli.storage.operator:operator", "What a bucket's operator does on the chain."),
    "util": LazyCommand("joygrpc.cli.storage.util:util", "Hash a file, check a bag id."),
    "dev": LazyCommand("joygrpc.cli.storage.util:dev", "The older era's names of these."),
}

storage = LazyGroup(
    "storage", COMMANDS, "Storage nodes, their operators and their lead. `leader:create-bucket` works too."
)
