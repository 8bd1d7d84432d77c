"""The command `joygrpc doctor`."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from joygrpc.cli.doctor.check import Check, Finding, Status, run_checks
from joygrpc.cli.doctor.machine import DiskSpace, OpenFiles, ProcessHandles, PythonVersion, TreeImplementation
from joygrpc.cli.doctor.network import ChainReachable, QueryNodeReachable
from joygrpc.cli.options import CONTEXT

_COLOURS = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILURE: "red"}


def checks_for(data: Sequence[Path], chain: str | None, query_node: str | None) -> list[Check]:
    """The checks to make: of the machine, of each data directory, and of the programs that are named."""
    checks: list[Check] = [PythonVersion(), ProcessHandles(), TreeImplementation(), OpenFiles()]
    checks += [DiskSpace(path) for path in data or [Path.cwd()]]
    if chain is not None:
        checks.append(ChainReachable(chain))
    if query_node is not None:
        checks.append(QueryNodeReachable(query_node))
    return checks


@click.command(context_settings=CONTEXT)
@click.option(
    "-d", "--data", type=click.Path(path_type=Path), multiple=True, help="Data directory to look at; repeatable."
)
@click.option("-u", "--chain", help="WebSocket address of a chain node to try.")
@click.option("-q", "--query-node", help="GraphQL address of a query node to try.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds for one check.",
)
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the report."
)
def doctor(
    data: tuple[Path, ...],
    chain: str | None,
    query_node: str | None,
    timeout: float,
    output: Literal["table", "json"],
) -> None:
    """Check this machine and the network around it. Ends with 1 when something keeps a node from running."""
    found = asyncio.run(run_checks(checks_for(data, chain, query_node), timedelta(seconds=timeout)))
    if output == "json":
        click.echo(json.dumps(report(found), indent=2))
    else:
        _print_table(found)
    if any(finding.status is Status.FAILURE for _, finding in found):
        raise click.exceptions.Exit(1)


def report(found: Sequence[tuple[str, Finding]]) -> dict[str, object]:
    """The report's JSON: whether all is well, and each check with status, summary and advice."""
    return {
        "ok": all(finding.status is not Status.FAILURE for _, finding in found),
        "checks": [
            {"name": name, "status": str(finding.status), "summary": finding.summary, "advice": finding.advice}
            for name, finding in found
        ],
    }


def _print_table(found: Sequence[tuple[str, Finding]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "status", "found", "advice"):
        table.add_column(heading, overflow="fold")
    for name, finding in found:
        table.add_row(
            Text(name),
            Text(finding.status, style=_COLOURS[finding.status]),
            Text(finding.summary),
            Text(finding.advice),
        )
    Console().print(table)
