"""What commands print on standard output."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

import click

Form = Literal["text", "table", "json", "yaml"]
FORMS: Final[tuple[Form, ...]] = ("text", "table", "json", "yaml")

_WIDE: Final = 400


def show(answer: Mapping[str, Any], form: Form) -> None:
    """Print an answer: as `json`, as `yaml`, or else as a table of names and values."""
    if form == "json":
        click.echo(json.dumps(answer, indent=2))
    elif form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(json.loads(json.dumps(answer)), sort_keys=False, allow_unicode=True), nl=False)
    else:
        rows = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in answer.items()]
        show_table(("", ""), rows, headed=False)


def show_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, headed: bool = True, err: bool = False, title: str = ""
) -> None:
    """Print a table; numbers look best when the caller has formatted them."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=err, highlight=False)
    if not console.is_terminal:
        # Whoever reads a file or a pipe wants lines whole.
        console = Console(stderr=err, highlight=False, width=_WIDE)
    table = Table(*titles, show_header=headed, box=SIMPLE_HEAD, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    console.print(table)


def form_of(text: str | None) -> Form:
    """A form by its name; text when none was given."""
    return cast("Form", text or "text")
