"""The embedded development chain and its query node."""

from joygrpc.devnet.events import Event, FinalizedBlock
from joygrpc.devnet.faults import DropRule, Faults, RejectRule

__all__ = ["DropRule", "Event", "Faults", "FinalizedBlock", "RejectRule"]
