"""The chain client's settings, from the `chain` section of a program's configuration."""

from datetime import timedelta

from joygrpc.chain.config import ChainConfig, ChainTimeouts
from joygrpc.chain.errors import KeyInvalid
from joygrpc.chain.keys import KeySource
from joygrpc.config import ChainSettings, KeySettings

DEVELOPMENT_ACCOUNT = "//Alice"


def chain_config(settings: ChainSettings) -> ChainConfig:
    """Where the chain is and which keys to unlock. Raises `KeyInvalid` for keys of several kinds, which one program cannot have."""
    return ChainConfig(
        url=settings.url,
        keys=_keys(settings),
        timeouts=ChainTimeouts(
            connect=timedelta(seconds=settings.connect_timeout_s), rpc=timedelta(seconds=settings.rpc_timeout_s)
        ),
    )


def _keys(settings: ChainSettings) -> KeySource:
    if settings.dev:
        return KeySource(suris=(DEVELOPMENT_ACCOUNT,))
    derived = [(key, suri) for key in settings.keys if (suri := _suri(key)) is not None]
    kinds = {key.type for key, _ in derived}
    if len(kinds) > 1:
        raise KeyInvalid("All derived keys of a program must be of one kind")
    return KeySource(
        suris=tuple(suri for _, suri in derived),
        key_files=tuple(key.keyfile for key in settings.keys if key.keyfile is not None),
        key_store=settings.key_store,
        passwords=tuple(password.get_secret_value() for password in settings.passwords),
        key_type=kinds.pop() if kinds else "sr25519",
    )


def _suri(key: KeySettings) -> str | None:
    secret = key.suri or key.mnemonic
    return None if secret is None else secret.get_secret_value()
