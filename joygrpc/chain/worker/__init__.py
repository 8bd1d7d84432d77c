"""The child process that holds substrate-interface; run as `python -m joygrpc.chain.worker FD`."""
