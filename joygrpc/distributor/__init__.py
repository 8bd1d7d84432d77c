"""The distributor node: delivers objects to end users from a cache, and fetches from storage nodes what it does not have.

`joygrpc.distributor.process:main` is the node's process; `DistributorNode` in `joygrpc.distributor.node` puts its parts together. Importing the package
alone loads none of them.
"""
