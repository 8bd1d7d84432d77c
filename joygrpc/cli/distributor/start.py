"""`joygrpc distributor start`: a distributor node with its gateway, configured by the reference's file and environment."""

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.options import CONTEXT, PORT, nested, node_options
from joygrpc.cli.program import (
    ListenFailed,
    Program,
    ReadyOutput,
    fail,
    gateway_specs,
    listen,
    ready_options,
    stop_grace,
)
from joygrpc.config.distributor import DistributorNodeConfig
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.gateway import GatewayConfig, OperatorSettings
from joygrpc.config.loading import load_distributor_config, render_config
from joygrpc.config.log import LogSettings
from joygrpc.config.storage import PRIVATE_DIRECTORY
from joygrpc.supervisor import ProcessSpec, unix_socket_path, url_of

NODE_TARGET = "joygrpc.distributor.process:main"


@click.command(context_settings=CONTEXT)
@click.option(
    "-c",
    "--configPath",
    "config_path",
    type=click.Path(path_type=Path),
    help="Configuration file (YAML or JSON).  [env CONFIG_PATH; default: ./config.yml]",
)
@click.option("-y", "--yes", is_flag=True, help="Taken for compatibility; nothing is asked.")
@click.option("-o", "--port", type=PORT, help="Port of the REST API; 0: free one.  [default: publicApi.port]")
@click.option(
    "--operator-port", type=PORT, help="Port of the operator's REST API; 0: free one.  [default: operatorApi.port]"
)
@node_options(grpc_port=50061, admin_port=9103)
@ready_options
def start(ready: ReadyOutput, config_path: Path | None, print_config: str | None, yes: bool, **flags: Any) -> None:
    """Run a distributor node with its gateway.

    Settings come from the file, then from environment variables JOYSTREAM_DISTRIBUTOR__…, then from flags; the later one wins.
    """
    file = config_path or Path(os.environ.get("CONFIG_PATH") or "config.yml")
    try:
        config, warnings = load_distributor_config(
            settings_of({**flags, "config_file": str(file.absolute())}), file, os.environ
        )
    except ConfigInvalid as error:
        raise fail(f"the configuration is not valid\n{error}", DistributorExit.UNEXPECTED) from None
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
    if print_config is not None:
        click.echo(render_config(config, print_config), nl=False)
        return
    try:
        code = run_distributor_node(with_log(config, flags), ready)
    except (ListenFailed, OSError) as error:
        raise fail(str(error), DistributorExit.INIT_FAILED) from None
    raise click.exceptions.Exit(code)


def settings_of(flags: dict[str, Any]) -> dict[str, Any]:
    """The part of the configuration that flags give."""
    return nested(
        {
            "publicApi.port": flags["port"],
            "operatorApi.port": flags["operator_port"],
            "joygrpc.host": flags["host"],
            "joygrpc.gateway": False if flags["no_gateway"] else None,
            "joygrpc.gateway_workers": flags["gateway_workers"],
            "joygrpc.mesh.host": flags["grpc_host"],
            "joygrpc.mesh.port": flags["grpc_port"],
            "joygrpc.admin.host": flags["admin_host"],
            "joygrpc.admin.port": flags["admin_port"],
            "joygrpc.admin.grpc_port": flags["admin_grpc_port"],
            "joygrpc.config_file": flags.get("config_file"),
        }
    )


def with_log(config: DistributorNodeConfig, flags: dict[str, Any]) -> DistributorNodeConfig:
    """The configuration with its log settled, for the processes: flags win over `joygrpc.log`, which wins over `logs`."""
    changes: dict[str, Any] = {}
    if flags["log_level"] is not None:
        changes |= {"level": flags["log_level"], "console": True}
    if flags["log_format"] is not None:
        changes["format"] = flags["log_format"]
    log: LogSettings = config.log.model_copy(update=changes)
    return config.model_copy(update={"joygrpc": config.joygrpc.model_copy(update={"log": log})})


def run_distributor_node(config: DistributorNodeConfig, ready: ReadyOutput) -> int:
    """Runs the node and its gateway until the end; gives the exit code. Raises `ListenFailed` or OSError before anything is started."""
    extras = config.joygrpc
    config.directories.assets.mkdir(parents=True, exist_ok=True)
    config.directories.cache_state.mkdir(parents=True, exist_ok=True)
    facts: dict[str, object] = {"kind": "distributor", "id": config.id, "worker": config.worker_id}
    with contextlib.ExitStack() as stack:
        node_socket = extras.node_socket or stack.enter_context(
            unix_socket_path(config.directories.cache_state / PRIVATE_DIRECTORY / "node.sock")
        )
        config = config.model_copy(update={"joygrpc": extras.model_copy(update={"node_socket": node_socket})})
        specs = [
            ProcessSpec(
                name="node",
                target=NODE_TARGET,
                config=config.to_json(),
                ready_timeout=timedelta(seconds=90),
                stop_grace=stop_grace(extras.shutdown),
            )
        ]
        if extras.gateway:
            sockets = {"public": listen(stack, extras.host, config.public_api.port)}
            facts["rest"] = url_of(sockets["public"])
            if config.operator_api is not None:
                sockets["operator"] = listen(stack, extras.operator_host, config.operator_api.port)
                facts["operator"] = url_of(sockets["operator"])
            specs += gateway_specs(gateway_config(config), sockets)
        return Program(specs, config.log, extras.shutdown, facts).run(ready)


def gateway_config(config: DistributorNodeConfig) -> GatewayConfig:
    """The configuration of the node's own gateway."""
    extras = config.joygrpc
    operator = config.operator_api and OperatorSettings(hmac_secret=config.operator_api.hmac_secret)
    return GatewayConfig(
        kind="distributor",
        node_target=f"unix:{extras.node_socket}",
        data_root=config.directories.assets,
        operator=operator,
        workers=extras.gateway_workers,
        trusted_proxies=extras.edge.trusted_proxies,
        forwarded_header=extras.edge.forwarded_header,
        limits=extras.edge.limits.over(stall_timeout_s=extras.read_stall_timeout_s),
        shutdown=extras.shutdown,
        log=config.log,
    )
