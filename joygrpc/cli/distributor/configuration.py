"""What the commands of distribution leads and operators take from the node's configuration."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from joygrpc.chain.keys import KeyType
from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.onchain.access import Access, Keys
from joygrpc.cli.onchain.answers import form_of
from joygrpc.cli.onchain.commands import U64, ChainCommand, Decorator, shared_options
from joygrpc.cli.onchain.exits import DISTRIBUTOR_EXITS, CommandFailed
from joygrpc.cli.onchain.values import distribution_bucket_of_text
from joygrpc.cli.options import CONTEXT
from joygrpc.config.distributor import DistributorNodeConfig
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_distributor_config

_PATH = click.Path(path_type=Path)

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

BUCKET: Option = click.option(
    "-B",
    "--bucketId",
    "bucket_id",
    required=True,
    callback=distribution_bucket_of_text,
    metavar="FAMILY:INDEX",
    help="Bucket.",
)
FAMILY: Option = click.option("-f", "--familyId", "family_id", type=U64, required=True, help="Family.")
WORKER: Option = click.option("-w", "--workerId", "worker_id", type=U64, required=True, help="Distribution worker.")


def config_option() -> click.Option:
    """The reference's option of every distributor command."""
    return click.Option(
        ["-c", "--configPath", "config_path"],
        type=_PATH,
        help="Configuration file (YAML or JSON).  [env CONFIG_PATH; default: ./config.yml]",
    )


def distributor_command(name: str) -> Decorator:
    """A command of distribution leads and operators; the function gets an `Access` first."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def invoke(**values: Any) -> Any:
            return function(distributor_access(values), **values)

        command = click.command(name, cls=ChainCommand, context_settings=CONTEXT)(invoke)
        command.params += [
            config_option(),
            click.Option(
                ["--apiUrl", "api_url"],
                help="WebSocket address of a chain node.  [default: endpoints.joystreamNodeWs]",
            ),
            click.Option(
                ["--keyFile", "key_files"], type=_PATH, multiple=True, help="Key file beside those of `keys`."
            ),
            click.Option(["--keyStore", "key_store"], type=_PATH, help="Directory with key files."),
            click.Option(
                ["--accountUri", "account_uris"],
                multiple=True,
                help="Secret URI beside those of `keys`.  [env ACCOUNT_URI]",
            ),
            *shared_options(yes=["-y", "--yes"], output=True),
        ]
        return command

    return decorate


def distributor_access(values: dict[str, Any]) -> Access:
    """Takes the shared options out of a command's values, and reads the configuration. Raises `CommandFailed`."""
    config_path: Path | None = values.pop("config_path")
    api_url: str | None = values.pop("api_url")
    config = None
    if config_path is not None or api_url is None or config_file(None).exists():
        config = load_config(config_path)
    suris = values.pop("account_uris") or tuple(filter(None, [os.environ.get("ACCOUNT_URI")]))
    extra = Keys(suris, values.pop("key_files"), values.pop("key_store"), _passwords())
    return Access(
        url=api_url or (config.endpoints.joystream_node_ws if config else ""),
        keys=extra if config is None else _with_configured(config, extra),
        group="distribution",
        exits=DISTRIBUTOR_EXITS,
        confirm="never" if values.pop("yes") else "ask",
        form=form_of(values.pop("form")),
        dry_run=values.pop("dry_run"),
        finalized=values.pop("finalized"),
    )


def config_file(path: Path | None) -> Path:
    """The configuration file that is meant."""
    return path or Path(os.environ.get("CONFIG_PATH") or "config.yml")


def load_config(path: Path | None) -> DistributorNodeConfig:
    """The node's configuration, from its file and the environment. Raises `CommandFailed`."""
    try:
        config, _ = load_distributor_config({}, config_file(path), os.environ)
    except ConfigInvalid as error:
        raise CommandFailed(f"the configuration is not valid\n{error}", DistributorExit.UNEXPECTED) from None
    return config


def _passwords() -> tuple[str, ...]:
    return tuple(filter(None, [os.environ.get("ACCOUNT_PWD")]))


def _with_configured(config: DistributorNodeConfig, extra: Keys) -> Keys:
    derived = [(key, secret) for key in config.keys if (secret := key.suri or key.mnemonic) is not None]
    kinds: set[KeyType] = {key.type for key, _ in derived}
    if extra.suris:
        kinds.add("sr25519")
    if len(kinds) > 1:
        raise CommandFailed("all derived keys of a program must be of one kind", DistributorExit.UNEXPECTED)
    return Keys(
        suris=(*(secret.get_secret_value() for _, secret in derived), *extra.suris),
        files=(*(key.keyfile for key in config.keys if key.keyfile is not None), *extra.files),
        store=extra.store,
        passwords=extra.passwords,
        kind=next(iter(kinds), "sr25519"),
    )
