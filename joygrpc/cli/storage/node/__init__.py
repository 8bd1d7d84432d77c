"""`joygrpc storage node …`: what the operator may ask of a running storage node."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

COMMANDS = {
    "quarantine": LazyCommand(
        "joygrpc.cli.storage.node.quarantine:quarantine", "What is kept out of sight: list, restore, purge."
    ),
    "cleanup": LazyCommand("joygrpc.cli.storage.node.cleanup:cleanup", "Move out what is no longer owed."),
    "scrub": LazyCommand("joygrpc.cli.storage.node.scrub:scrub", "Check objects against their multihash."),
    "chores": LazyCommand("joygrpc.cli.storage.node.chores:chores", "Periodic work: list, trigger, pause, resume."),
    "drain": LazyCommand("joygrpc.cli.storage.node.drain:drain", "Let running requests end, and end the node."),
}

node = LazyGroup(
    "node", COMMANDS, "A running storage node, reached by its admin address or the socket in its data directory."
)
