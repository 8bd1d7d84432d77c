"""The command line. Every command is a module of its own, imported when it is run."""


def main() -> None:
    """Runs the `joygrpc` command."""
    from joygrpc.cli.root import root

    root(prog_name="joygrpc")


def storage_node() -> None:
    """Runs `joygrpc storage` under the name that the reference's program has, for operators' scripts."""
    from joygrpc.cli.storage import storage

    storage(prog_name="storage-node")


def joystream_distributor() -> None:
    """Runs `joygrpc distributor` under the name that the reference's program has, for operators' scripts."""
    from joygrpc.cli.distributor import distributor

    distributor(prog_name="joystream-distributor")
