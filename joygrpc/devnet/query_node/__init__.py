"""The devnet's query node: GraphQL over the facts that finalised blocks tell."""

from joygrpc.devnet.query_node.node import QueryNode

__all__ = ["QueryNode"]
