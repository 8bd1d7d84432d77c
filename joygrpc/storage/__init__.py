"""The storage node: keeps objects for good and shares them. Its process is `joygrpc.storage.process`."""
