"""The command line. Every command is a module of its own, imported when it is run."""


def main() -> None:
    """Runs the `joygrpc` command."""
    from joygrpc.cli.root import root

    root(prog_name="joygrpc")
