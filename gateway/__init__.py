"""The REST edge of storage and distributor nodes: HTTP to the outside, gRPC to the node."""
