"""Asking before something is done that costs money or changes the network."""

import os
import sys
from typing import Literal

import click

Confirm = Literal["ask", "ask_at_terminal", "never"]
"""`ask_at_terminal`: scripts are not asked, people are."""

AUTO_CONFIRM = "AUTO_CONFIRM"
"""Environment variable that answers yes: `true`, or a number that is not zero."""


def auto_confirmed() -> bool:
    """Whether the environment has answered already."""
    text = os.environ.get(AUTO_CONFIRM, "").strip().lower()
    try:
        return text == "true" or float(text) != 0
    except ValueError:
        return False


def confirmed(question: str, confirm: Confirm) -> bool:
    """Ask on standard error; an end of the input is a no."""
    if confirm == "never" or auto_confirmed() or (confirm == "ask_at_terminal" and not sys.stdin.isatty()):
        return True
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(f"\nNobody answered; --yes or {AUTO_CONFIRM}=true answers in advance", err=True)
        return False
