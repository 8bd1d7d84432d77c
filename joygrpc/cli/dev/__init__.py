"""`joygrpc dev`: the whole network on one machine."""
