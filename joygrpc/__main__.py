"""`python -m joygrpc`: the same as the `joygrpc` command."""

from joygrpc.cli import main

if __name__ == "__main__":
    main()
