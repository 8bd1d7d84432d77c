"""`joygrpc doctor`: checks of this machine and the network around it.

A check is a `Check`; `joygrpc.cli.doctor.command.checks_for` is the list.
"""

from joygrpc.cli.doctor.check import Check, Finding, Status
from joygrpc.cli.doctor.command import doctor

__all__ = ["Check", "Finding", "Status", "doctor"]
