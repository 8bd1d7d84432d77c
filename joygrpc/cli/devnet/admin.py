"""`joygrpc devnet admin`."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.dev_file import DEV_VARIABLE, read_dev_file
from joygrpc.cli.options import CONTEXT

PREFIX = "devnet_"
TIMEOUT_S = 300


@click.command("admin", context_settings=CONTEXT)
@click.argument("method", required=False)
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--url", help="Address of the chain, ws:// or http://; that of the network of --dev when absent.")
@click.option(
    "--dev",
    "dev_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=DEV_VARIABLE,
    help="File of `joygrpc dev --json-file`.",
)
def admin_command(method: str | None, parameters: tuple[str, ...], url: str | None, dev_file: Path | None) -> None:
    r"""Change a running devnet. Without METHOD, list the methods with their parameters; `help METHOD` tells more of one.

    A VALUE is JSON, or else a text. Some examples:

    \b
    joygrpc devnet admin create-member controller=//Alice handle=alice
    joygrpc devnet admin create-channel member=2
    joygrpc devnet admin populate member=2 channels=1000 objects=10
    joygrpc devnet admin seal count=3
    joygrpc devnet admin fork depth=1
    joygrpc devnet admin set-fault stalled=true
    joygrpc devnet admin set-fault 'reject={"pallet": "Storage", "error": "UploadingBlocked"}'
    joygrpc devnet admin set-fault query_node_error=null_data
    joygrpc devnet admin set-fault chain_delay_ms=500
    joygrpc devnet admin set-fault clear=true
    """
    address = _http(url or read_dev_file(dev_file)["chain"])
    if method is None:
        for described in _call(address, PREFIX + "methods", {}):
            summary = described["about"].partition("\n")[0]
            click.echo(f"{_usage(described)}\n    {summary}")
        return
    if method == "help":
        _help(address, parameters)
        return
    click.echo(json.dumps(_call(address, PREFIX + _camel(method), dict(map(_parameter, parameters)))))


def _help(address: str, names: tuple[str, ...]) -> None:
    described = {_kebab(item["method"].removeprefix(PREFIX)): item for item in _call(address, PREFIX + "methods", {})}
    for name in names or described:
        if name not in described:
            raise click.UsageError(f"no method {name}; without METHOD, all are listed")
        click.echo(f"{_usage(described[name])}\n\n{described[name]['about']}\n")


def _usage(described: dict[str, Any]) -> str:
    """The method as it is typed; what may be left out is in brackets."""
    parameters = (
        f"[{name.removesuffix('?')}=]" if name.endswith("?") else f"{name}=" for name in described["parameters"]
    )
    return " ".join((_kebab(described["method"].removeprefix(PREFIX)), *parameters))


def _http(address: str) -> str:
    """The chain's address for JSON-RPC by POST: the same port as its WebSocket."""
    return "http" + address.removeprefix("ws") if address.startswith("ws") else address


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"a parameter is written NAME=VALUE, not {text}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _kebab(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: "-" + match[0].lower(), name)


def _call(address: str, method: str, parameters: dict[str, Any]) -> Any:
    """One JSON-RPC call. Raises `click.ClickException` with the chain's words."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - the user's own address
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - as above
            answer = json.load(response)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise click.ClickException(f"{address} does not answer as a devnet: {error}") from error
    if "error" in answer:
        raise click.ClickException(f"{answer['error'].get('message')} {answer['error'].get('data') or ''}".rstrip())
    return answer["result"]
