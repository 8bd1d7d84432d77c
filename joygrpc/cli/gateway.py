"""`joygrpc gateway`: the REST edge alone, for a node that is elsewhere."""

import contextlib
import json
from pathlib import Path

import click
from pydantic import ValidationError

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.options import CONTEXT, PORT
from joygrpc.cli.program import ListenFailed, Program, ReadyOutput, fail, gateway_specs, listen, ready_options
from joygrpc.config.errors import problems_of
from joygrpc.config.gateway import GatewayConfig, GatewayKind, OperatorSettings
from joygrpc.config.log import LogFormat, LogLevel, LogSettings
from joygrpc.supervisor import url_of

_PORTS: dict[GatewayKind, int] = {"storage": 3333, "distributor": 3334}


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, object], ...]:
    """The bounds that are given as KEY=VALUE; a value is JSON or else text."""
    return tuple(_pair(value) for value in values)


def _pair(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@click.command(context_settings=CONTEXT)
@click.argument("kind", type=click.Choice(["storage", "distributor"]))
@click.option("--node", required=True, help="The node: host:port, or unix:/path.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address of the REST API.")
@click.option("-o", "--port", type=PORT, help="Port of the REST API; 0: free one.  [default: 3333, or 3334]")
@click.option("--operator-host", default="127.0.0.1", show_default=True, help="Address of the operator's REST API.")
@click.option("--operator-port", type=PORT, default=3335, show_default=True, help="Port of the operator's REST API.")
@click.option(
    "--operator-secret",
    envvar="JOYGRPC_OPERATOR_SECRET",
    show_envvar=True,
    help="Key of the operator's tokens; without it that API is off.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that share the ports."
)
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="The node's data directory, when this machine has it too."
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="CIDR",
    help="Network of proxies that are believed about whose requests they forward; repeatable.",
)
@click.option(
    "--forwarded-header",
    type=click.Choice(["x-forwarded-for", "forwarded"]),
    default="x-forwarded-for",
    show_default=True,
    help="Header in which they tell it.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="A bound of the edge, such as max_requests_per_s_per_client=50; repeatable.",
)
@click.option("--admin-host", default="127.0.0.1", show_default=True, help="Address of metrics and health.")
@click.option(
    "--admin-port", type=PORT, default=9105, show_default=True, help="Port of metrics and health; 0: free one."
)
@click.option(
    "--log-level", type=click.Choice(["error", "warning", "info", "debug"]), default="info", show_default=True
)
@click.option("--log-format", type=click.Choice(["console", "json"]), default="console", show_default=True)
@ready_options
def gateway(
    ready: ReadyOutput,
    kind: GatewayKind,
    node: str,
    host: str,
    port: int | None,
    operator_host: str,
    operator_port: int,
    operator_secret: str | None,
    workers: int,
    data_root: Path | None,
    trusted_proxies: tuple[str, ...],
    forwarded_header: str,
    limits: tuple[tuple[str, object], ...],
    admin_host: str,
    admin_port: int,
    log_level: LogLevel,
    log_format: LogFormat,
) -> None:
    """Run the REST edge of a node that is elsewhere."""
    values: dict[str, object] = {
        "kind": kind,
        "node_target": node,
        "data_root": data_root.absolute() if data_root else None,
        "operator": OperatorSettings.model_validate({"hmac_secret": operator_secret}) if operator_secret else None,
        "workers": workers,
        "trusted_proxies": trusted_proxies,
        "forwarded_header": forwarded_header,
        "limits": dict(limits),
        "log": LogSettings(level=log_level, format=log_format),
    }
    try:
        config = GatewayConfig.model_validate(values)
    except ValidationError as error:
        raise fail("\n".join(problems_of(error, GatewayConfig)), StorageExit.USAGE) from None
    facts: dict[str, object] = {"kind": "gateway", "node": node}
    with contextlib.ExitStack() as stack:
        try:
            sockets = {"public": listen(stack, host, _PORTS[kind] if port is None else port)}
            facts["rest"] = url_of(sockets["public"])
            if kind == "distributor" and config.operator is not None:
                sockets["operator"] = listen(stack, operator_host, operator_port)
                facts["operator"] = url_of(sockets["operator"])
            sockets["admin"] = listen(stack, admin_host, admin_port)
            facts["admin"] = url_of(sockets["admin"])
        except ListenFailed as error:
            raise fail(str(error), StorageExit.SERVER_ERROR) from None
        code = Program(gateway_specs(config, sockets), config.log, config.shutdown, facts).run(ready)
    raise click.exceptions.Exit(code)
