"""Making the commands of the two programs: their shared options, and options that take several values."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.onchain.access import Access, Keys
from joygrpc.cli.onchain.answers import FORMS, form_of
from joygrpc.cli.onchain.exits import STORAGE_EXITS
from joygrpc.cli.options import CONTEXT

DEVELOPMENT_ACCOUNT = "//Alice"
U32 = click.IntRange(0, 2**32 - 1)
U64 = click.IntRange(0, 2**64 - 1)
U128 = click.IntRange(0, 2**128 - 1)

_PATH = click.Path(path_type=Path)

Decorator = Callable[[Callable[..., Any]], click.Command]


class ChainCommand(click.Command):
    """A command whose repeatable options take several values in a row too, as the reference's do: `--add 1 2 --add 3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeats the option before each further value."""
        many = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        return super().parse_args(ctx, list(spread(args, many)))


def spread(args: Iterable[str], many: set[str]) -> Iterable[str]:
    """The arguments with the options in `many` written once for each of their values."""
    repeated: str | None = None
    awaiting = False
    for argument in args:
        if argument.startswith("-") and len(argument) > 1:
            name, equals, _ = argument.partition("=")
            repeated = name if name in many else None
            awaiting = repeated is not None and not equals
        elif awaiting:
            awaiting = False
        elif repeated is not None:
            yield repeated
        yield argument


def shared_options(*, yes: Sequence[str], output: bool) -> list[click.Parameter]:
    """Options of every command that sends something."""
    options: list[click.Parameter] = [
        click.Option([*yes, "yes"], is_flag=True, help="Ask nothing.  [env AUTO_CONFIRM]"),
        click.Option(
            ["--dry-run", "--dryRun", "dry_run"], is_flag=True, help="Send nothing; print what would be sent."
        ),
        click.Option(["--finalized"], is_flag=True, help="Wait until the block is final."),
    ]
    names = ["--format", "--output", "form"] if output else ["--format", "form"]
    options.append(click.Option(names, type=click.Choice(FORMS), help="Form of the answer.  [default: text]"))
    return options


def storage_command(name: str, *, output_is_form: bool = True) -> Decorator:
    """A command of storage leads and operators; the function gets an `Access` first.

    `output_is_form`: whether `--output` names the form of the answer; bulk commands have it for a file.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def invoke(**values: Any) -> Any:
            return function(storage_access(values), **values)

        command = click.command(name, cls=ChainCommand, context_settings=CONTEXT)(invoke)
        command.params += storage_options() + shared_options(yes=["--yes"], output=output_is_form)
        return command

    return decorate


def storage_options() -> list[click.Parameter]:
    """The reference's options of every storage command that uses the chain."""
    return [
        click.Option(["-m", "--dev", "dev"], is_flag=True, help="Sign as //Alice; on a development chain only."),
        click.Option(
            ["-u", "--apiUrl", "api_url"],
            default="ws://localhost:9944",
            show_default=True,
            help="WebSocket address of a chain node.",
        ),
        click.Option(
            ["-k", "--keyFile", "key_files"], type=_PATH, multiple=True, help="Key file (polkadot.js JSON); repeatable."
        ),
        click.Option(
            ["-p", "--password", "passwords"],
            multiple=True,
            help="Password of key files; repeatable. Asked for at a terminal.  [env ACCOUNT_PWD]",
        ),
        click.Option(
            ["-y", "--accountUri", "account_uris"], multiple=True, help="Secret URI; repeatable.  [env ACCOUNT_URI]"
        ),
        click.Option(["--keyStore", "key_store"], type=_PATH, help="Directory with key files."),
    ]


def storage_access(values: dict[str, Any]) -> Access:
    """Takes the shared options out of a command's values."""
    development = values.pop("dev")
    suris = values.pop("account_uris") or tuple(filter(None, [os.environ.get("ACCOUNT_URI")]))
    passwords = values.pop("passwords") or tuple(filter(None, [os.environ.get("ACCOUNT_PWD")]))
    keys = Keys(suris, values.pop("key_files"), values.pop("key_store"), passwords)
    return Access(
        url=values.pop("api_url"),
        keys=Keys(suris=(DEVELOPMENT_ACCOUNT,)) if development else keys,
        group="storage",
        exits=STORAGE_EXITS,
        # The reference asks nothing here, so scripts must not be stopped.
        confirm="never" if values.pop("yes") else "ask_at_terminal",
        form=form_of(values.pop("form")),
        dry_run=values.pop("dry_run"),
        finalized=values.pop("finalized"),
        development=development,
    )
