import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import joygrpc
from joygrpc.cli.lazy import LazyGroup
from joygrpc.cli.root import root
from joygrpc.version import __version__

HEAVY = ("aiohttp", "grpc", "pydantic", "structlog", "prometheus_client", "substrateinterface", "numpy")


def imported_by(code: str) -> set[str]:
    """Which of the heavy modules a piece of code imports."""
    shown = f"import sys\n{code}\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    output = subprocess.check_output([sys.executable, "-c", shown], cwd=Path(joygrpc.__file__).parents[1], text=True)
    return set(output.splitlines()[-1].split()) if output.strip() else set()


@pytest.mark.parametrize(
    "code",
    [
        "import joygrpc.supervisor, joygrpc.supervisor.child",
        "from joygrpc.cli.root import root; root.main(['--help'], standalone_mode=False)",
        "from joygrpc.cli.root import root; root.main(['storage', '--help'], standalone_mode=False)",
        "import joygrpc.chores",
    ],
)
def test_what_every_process_begins_with_is_light(code: str) -> None:
    assert imported_by(code) == set()


def every_command(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    paths = []
    for name in group.list_commands(context):
        paths.append((*prefix, name))
        if isinstance(command := group.get_command(context, name), LazyGroup):
            paths += every_command(command, (*prefix, name))
    return paths


@pytest.mark.parametrize("path", every_command(root), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(root, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(root, ["--version"]).output == f"joygrpc, version {__version__}\n"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(root, ["nothing"]).exit_code == 2
