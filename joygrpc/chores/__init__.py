"""Periodic work: loops that can be triggered, awaited, paused and listed."""

from joygrpc.chores.chore import DEFAULT_CEILING, Chore, ChoreRunCancelled, ChoreStopped, delay_before_next, reason_of
from joygrpc.chores.clock import Alarm, Clock, LoopClock, ManualClock
from joygrpc.chores.registry import ChoreNotFound, ChoreRegistry

__all__ = [
    "DEFAULT_CEILING",
    "Alarm",
    "Chore",
    "ChoreNotFound",
    "ChoreRegistry",
    "ChoreRunCancelled",
    "ChoreStopped",
    "Clock",
    "LoopClock",
    "ManualClock",
    "delay_before_next",
    "reason_of",
]
