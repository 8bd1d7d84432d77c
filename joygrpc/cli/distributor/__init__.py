"""`joygrpc distributor …`."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "start": LazyCommand("joygrpc.cli.distributor.start:start", "Run a distributor node with its gateway."),
    "config": LazyCommand("joygrpc.cli.distributor.config:config", "Look into a node's configuration."),
    "leader": LazyCommand("joygrpc.cli.distributor.leader:leader", "What the distribution lead does on the chain."),
    "operator": LazyCommand("joygrpc.cli.distributor.operator:operator", "What a bucket's operator does on the chain."),
    "node": LazyCommand("joygrpc.cli.distributor.node:node", "Control a running node through its operator API."),
}

distributor = LazyGroup(
    "distributor", COMMANDS, "Distributor nodes, their operators and their lead. `leader:create-bucket` works too."
)
