"""Command groups that import a command's module only when it is run, so that `--help` and every start are fast."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is (`package.module:attribute`) and its line in the list of commands."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A group of `LazyCommand`s, listed in the order given."""

    def __init__(self, name: str, lazy: Mapping[str, LazyCommand], help: str) -> None:  # noqa: A002 - click's own name
        super().__init__(name, help=help, context_settings={"help_option_names": ["-h", "--help"]})
        self._lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None when there is none of that name. `topic:name`, as the reference spells it, is a command of a group in this one."""
        entry = self._lazy.get(cmd_name)
        if entry is None:
            topic, _, name = cmd_name.partition(":")
            group = self.get_command(ctx, topic) if name and topic in self._lazy else None
            return group.get_command(ctx, name) if isinstance(group, click.Group) else None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands by their summaries, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._lazy.items()])
