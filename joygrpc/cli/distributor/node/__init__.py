"""`joygrpc distributor node …`: a running node, through its operator API."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

_HERE = "joygrpc.cli.distributor.node.commands"

COMMANDS = {
    "stop-public-api": LazyCommand(f"{_HERE}:stop_public_api", "Stop serving the public."),
    "start-public-api": LazyCommand(f"{_HERE}:start_public_api", "Serve the public again."),
    "shutdown": LazyCommand(f"{_HERE}:shutdown", "End the node."),
    "set-worker": LazyCommand(f"{_HERE}:set_worker", "Act for another worker, until the next start."),
    "set-buckets": LazyCommand(f"{_HERE}:set_buckets", "Serve other buckets, until the next start."),
}

node = LazyGroup("node", COMMANDS, "A running node, through its operator API.")
