"""`joygrpc storage util …`: what needs no chain."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

_MULTIHASH = LazyCommand("joygrpc.cli.storage.util.commands:multihash", "Print the multihash of a file.")
_VERIFY_BAG_ID = LazyCommand("joygrpc.cli.storage.util.commands:verify_bag_id", "Check a bag id.")

util = LazyGroup(
    "util",
    {
        "multihash": _MULTIHASH,
        "verify-bag-id": _VERIFY_BAG_ID,
        "export-flat": LazyCommand(
            "joygrpc.cli.storage.util.export_flat:export_flat_command",
            "Give a data directory back to a reference node.",
        ),
    },
    "Needs no chain.",
)

dev = LazyGroup(
    "dev",
    {
        "multihash": _MULTIHASH,
        "verify-bag-id": _VERIFY_BAG_ID,
        "init": LazyCommand("joygrpc.cli.storage.util.commands:init", "Where to get a chain with a lead."),
        "upload": LazyCommand("joygrpc.cli.storage.util.commands:upload", "Where to get an object to upload."),
    },
    "Names that the older era had for development.",
)
