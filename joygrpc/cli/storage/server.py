"""`joygrpc storage server`: a storage node with its gateway, under the reference's flags."""

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.options import CONTEXT, PORT, integer_list, nested, node_options, truthy_environment
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
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.gateway import GatewayConfig
from joygrpc.config.loading import load_storage_config, render_config
from joygrpc.config.storage import StorageNodeConfig
from joygrpc.supervisor import ProcessSpec, unix_socket_path, url_of

NODE_TARGET = "joygrpc.storage.process:main"
_COUNT = click.IntRange(min=1)
_MINUTES = click.FloatRange(min=0, min_open=True)
_PATH = click.Path(path_type=Path)


@click.command(context_settings=CONTEXT)
@click.option("--config", "config_file", type=_PATH, help="File with settings (YAML or JSON); flags win over it.")
@click.option("-w", "--worker", type=click.IntRange(min=0), help="Storage worker id of the operator.  [required]")
@click.option("-d", "--uploads", type=_PATH, help="Data directory.  [required]")
@click.option("-o", "--port", type=PORT, help="Port of the REST API; 0: free one.  [default: 3333]")
@click.option(
    "-b",
    "--buckets",
    callback=integer_list,
    metavar="LIST",
    help="Buckets to serve, comma separated; all of the worker by default.",
)
@click.option(
    "--tempFolder", "temp_folder", type=_PATH, help="Directory for arriving bytes; below the data directory by default."
)
@click.option("--pendingFolder", "pending_folder", type=_PATH, help="Directory for objects not accepted yet; as above.")
@click.option("-s", "--sync", is_flag=True, default=None, help="Replicate what the buckets owe.")
@click.option("-i", "--syncInterval", "sync_interval", type=_MINUTES, help="Minutes between two syncs.  [default: 20]")
@click.option(
    "--syncRetryInterval", "sync_retry", type=_MINUTES, help="Minutes after an incomplete sync.  [default: 3]"
)
@click.option("--syncBatchSize", "sync_batch", type=_COUNT, help="Objects looked up at a time.  [default: 10000]")
@click.option("-r", "--syncWorkersNumber", "sync_workers", type=_COUNT, help="Downloads at a time.  [default: 20]")
@click.option(
    "-t",
    "--syncWorkersTimeout",
    "sync_timeout",
    type=_MINUTES,
    help="Minutes for one request to a peer; no bound by default.",
)
@click.option(
    "-c", "--cleanup", is_flag=True, default=None, help="Remove what the buckets no longer owe.  [env CLEANUP]"
)
@click.option(
    "--cleanupInterval",
    "cleanup_interval",
    type=_MINUTES,
    help="Minutes between two cleanups.  [env CLEANUP_INTERVAL; default: 360]",
)
@click.option("--cleanupBatchSize", "cleanup_batch", type=_COUNT, help="Objects looked up at a time.  [default: 10000]")
@click.option("--cleanupWorkersNumber", "cleanup_workers", type=_COUNT, help="Removals at a time.  [default: 100]")
@click.option(
    "-q",
    "--storageSquidEndpoint",
    "--queryNodeEndpoint",
    "query_node",
    help="GraphQL address of the query node.  [default: http://localhost:4352/graphql]",
)
@click.option("--maxBatchTxSize", "max_batch", type=_COUNT, help="Objects in one transaction at most.  [default: 20]")
@click.option("-a", "--disableUploadAuth", "disable_upload_auth", is_flag=True, help="The same as --upload-auth off.")
@click.option(
    "--upload-auth", type=click.Choice(["off", "optional", "required"]), help="Tokens of uploads.  [default: off]"
)
@click.option(
    "--acceptance", type=click.Choice(["batched", "immediate"]), help="When an upload is answered.  [default: batched]"
)
@click.option(
    "--acceptance-interval",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds between two reports.  [default: 60]",
)
@click.option("-m", "--dev", is_flag=True, default=None, help="Act as //Alice alone; on a development chain only.")
@click.option("-u", "--apiUrl", "api_url", help="WebSocket address of a chain node.  [default: ws://localhost:9944]")
@click.option(
    "-k", "--keyFile", "key_files", type=_PATH, multiple=True, help="Key file (polkadot.js JSON); repeatable."
)
@click.option(
    "-p", "--password", "passwords", multiple=True, help="Password of key files; repeatable.  [env ACCOUNT_PWD]"
)
@click.option("-y", "--accountUri", "account_uris", multiple=True, help="Secret URI; repeatable.  [env ACCOUNT_URI]")
@click.option(
    "--passwordFile", "password_files", type=_PATH, multiple=True, help="File with a password.  [env ACCOUNT_PWD_FILE]"
)
@click.option(
    "--accountUriFile",
    "account_uri_files",
    type=_PATH,
    multiple=True,
    help="File with a secret URI.  [env ACCOUNT_URI_FILE]",
)
@click.option("--keyStore", "key_store", type=_PATH, help="Directory with key files.")
@click.option("-l", "--logFilePath", "log_path", type=_PATH, help="Directory for log files (JSON lines).")
@click.option("-n", "--logMaxFileNumber", "log_max_files", type=_COUNT, help="Log files kept.  [default: 7]")
@click.option(
    "-x",
    "--logMaxFileSize",
    "log_max_size",
    type=click.IntRange(min=1024),
    help="Bytes per log file.  [default: 50000000]",
)
@click.option(
    "-z",
    "--logFileChangeFrequency",
    "log_frequency",
    type=click.Choice(["yearly", "monthly", "daily", "hourly", "none"]),
    help="How often a new log file is begun.  [default: daily]",
)
@click.option(
    "-e", "--elasticSearchEndpoint", "elastic_endpoint", help="Elasticsearch address.  [env ELASTIC_ENDPOINT]"
)
@click.option(
    "--elasticSearchIndexPrefix", "elastic_prefix", help="Begin of the index's name.  [env ELASTIC_INDEX_PREFIX]"
)
@click.option("--elasticSearchUser", "elastic_user", help="User.  [env ELASTIC_USER]")
@click.option("--elasticSearchPassword", "elastic_password", help="Password.  [env ELASTIC_PASSWORD]")
@node_options(grpc_port=50051, admin_port=9101)
@ready_options
def server(ready: ReadyOutput, config_file: Path | None, print_config: str | None, **flags: Any) -> None:
    """Run a storage node with its gateway.

    Settings come from --config, then from environment variables JOYGRPC_STORAGE__…, then from flags; the later one wins.
    """
    try:
        config = load_storage_config(settings_of(flags), config_file)
    except ConfigInvalid as error:
        raise fail(f"the configuration is not valid\n{error}", StorageExit.USAGE) from None
    if print_config is not None:
        click.echo(render_config(config, print_config), nl=False)
        return
    if config.log.file is not None and config.log.file.path.absolute() == config.uploads.absolute():
        raise fail("log files and objects need different directories", StorageExit.USAGE)
    try:
        code = run_storage_node(config, ready)
    except ListenFailed as error:
        raise fail(str(error), StorageExit.SERVER_ERROR) from None
    except OSError as error:
        raise fail(f"the data directory cannot be used: {error}", StorageExit.FILE_ERROR) from None
    raise click.exceptions.Exit(code)


def settings_of(flags: dict[str, Any]) -> dict[str, Any]:
    """The configuration that flags, and the reference's environment variables where a flag is absent, give."""
    environ = os.environ
    uris = _secrets(flags["account_uris"], flags["account_uri_files"], "ACCOUNT_URI")
    passwords = _secrets(flags["passwords"], flags["password_files"], "ACCOUNT_PWD")
    keys = [*({"suri": uri} for uri in uris), *({"keyfile": path} for path in flags["key_files"])]
    elastic_endpoint = flags["elastic_endpoint"] or environ.get("ELASTIC_ENDPOINT")
    cleanup = truthy_environment("CLEANUP") if flags["cleanup"] is None else flags["cleanup"]
    return nested(
        {
            "worker": flags["worker"],
            "uploads": flags["uploads"],
            "temp_folder": flags["temp_folder"],
            "pending_folder": flags["pending_folder"],
            "buckets": flags["buckets"],
            "rest.host": flags["host"],
            "rest.port": flags["port"],
            "rest.workers": flags["gateway_workers"],
            "rest.enabled": False if flags["no_gateway"] else None,
            "mesh.host": flags["grpc_host"],
            "mesh.port": flags["grpc_port"],
            "admin.host": flags["admin_host"],
            "admin.port": flags["admin_port"],
            "admin.grpc_port": flags["admin_grpc_port"],
            "sync.enabled": flags["sync"],
            "sync.interval_s": _seconds(flags["sync_interval"]),
            "sync.retry_interval_s": _seconds(flags["sync_retry"]),
            "sync.batch_size": flags["sync_batch"],
            "sync.workers": flags["sync_workers"],
            "sync.timeout_s": _seconds(flags["sync_timeout"]),
            "cleanup.enabled": cleanup,
            "cleanup.interval_s": _seconds(
                (environ.get("CLEANUP_INTERVAL") or None)
                if flags["cleanup_interval"] is None
                else flags["cleanup_interval"]
            ),
            "cleanup.min_replicas": environ.get("CLEANUP_MIN_REPLICATION_THRESHOLD") or None,
            "cleanup.new_object_s": environ.get("CLEANUP_NEW_OBJECT_EXPIRATION_PERIOD") or None,
            "cleanup.batch_size": flags["cleanup_batch"],
            "cleanup.workers": flags["cleanup_workers"],
            "query_node.url": flags["query_node"],
            "acceptance.max_batch_size": flags["max_batch"],
            "acceptance.mode": flags["acceptance"],
            "acceptance.interval_s": flags["acceptance_interval"],
            "uploading.auth": "off" if flags["disable_upload_auth"] else flags["upload_auth"],
            "chain.url": flags["api_url"],
            "chain.dev": flags["dev"],
            "chain.keys": keys or None,
            "chain.passwords": passwords or None,
            "chain.key_store": flags["key_store"],
            "log.level": flags["log_level"] or environ.get("COLOSSUS_DEFAULT_LOG_LEVEL"),
            "log.format": flags["log_format"],
            **(_log_file(flags) if flags["log_path"] is not None else {}),
            **(_elastic(flags, elastic_endpoint) if elastic_endpoint else {}),
        }
    )


def _secrets(given: tuple[str, ...], files: tuple[Path, ...], variable: str) -> tuple[str, ...]:
    """Secrets of flags and of the files that flags name; else of the environment, or of the file that it names. Raises `ConfigInvalid`."""
    from_files = tuple(_secret_of(file) for file in files)
    if given or from_files:
        return (*given, *from_files)
    if text := os.environ.get(variable):
        return (text,)
    if file := os.environ.get(f"{variable}_FILE"):
        return (_secret_of(Path(file)),)
    return ()


def _secret_of(file: Path) -> str:
    try:
        return file.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigInvalid(f"{file}: the secret cannot be read") from None


def _seconds(minutes: float | str | None) -> float | None:
    if isinstance(minutes, str):
        try:
            minutes = float(minutes)
        except ValueError:
            raise click.UsageError(f"not a number of minutes: {minutes}") from None
    return None if minutes is None else minutes * 60


def _log_file(flags: dict[str, Any]) -> dict[str, Any]:
    return {
        "log.file.path": flags["log_path"],
        "log.file.prefix": "colossus",
        "log.file.max_files": flags["log_max_files"] or 7,
        "log.file.max_size_bytes": flags["log_max_size"] or 50_000_000,
        "log.file.frequency": flags["log_frequency"],
        "log.file.archive": True,
    }


def _elastic(flags: dict[str, Any], endpoint: str) -> dict[str, Any]:
    environ = os.environ
    return {
        "log.elastic.endpoint": endpoint,
        "log.elastic.level": environ.get("ELASTIC_LOG_LEVEL"),
        "log.elastic.index_prefix": flags["elastic_prefix"] or environ.get("ELASTIC_INDEX_PREFIX") or "logs-colossus",
        "log.elastic.username": flags["elastic_user"] or environ.get("ELASTIC_USER"),
        "log.elastic.password": flags["elastic_password"] or environ.get("ELASTIC_PASSWORD"),
    }


def run_storage_node(config: StorageNodeConfig, ready: ReadyOutput) -> int:
    """Runs the node and its gateway until the end; gives the exit code. Raises `ListenFailed` or OSError before anything is started."""
    uploads = config.uploads.absolute()
    uploads.mkdir(parents=True, exist_ok=True)
    facts: dict[str, object] = {"kind": "storage", "worker": config.worker}
    with contextlib.ExitStack() as stack:
        node_socket = config.node_socket or stack.enter_context(
            unix_socket_path(uploads / config.private_directory.name / "node.sock")
        )
        config = config.model_copy(update={"uploads": uploads, "node_socket": node_socket})
        specs = [
            ProcessSpec(
                name="node",
                target=NODE_TARGET,
                config=config.to_json(),
                ready_timeout=timedelta(seconds=config.chain.start_timeout_s + 30),
                stop_grace=stop_grace(config.shutdown),
            )
        ]
        if config.rest.enabled:
            public = listen(stack, config.rest.host, config.rest.port)
            facts["rest"] = url_of(public)
            specs += gateway_specs(gateway_config(config), {"public": public})
        return Program(specs, config.log, config.shutdown, facts).run(ready)


def gateway_config(config: StorageNodeConfig) -> GatewayConfig:
    """The configuration of the node's own gateway."""
    limits = config.edge.limits.over(
        max_concurrent_uploads=config.limits.max_concurrent_uploads,
        stall_timeout_s=config.limits.upload_stall_timeout_s,
    )
    return GatewayConfig(
        kind="storage",
        node_target=f"unix:{config.node_socket}",
        data_root=config.uploads,
        workers=config.rest.workers,
        trusted_proxies=config.edge.trusted_proxies,
        forwarded_header=config.edge.forwarded_header,
        limits=limits,
        shutdown=config.shutdown,
        log=config.log,
    )
