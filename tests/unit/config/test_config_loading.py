import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from joygrpc.config.distributor import DistributorNodeConfig
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_distributor_config, load_storage_config, render_config

SHIPPED = """
id: test-node
endpoints:
  storageSquid: http://localhost:4352/graphql
  joystreamNodeWs: ws://localhost:9944
directories:
  assets: ./local/data
  cacheState: ./local/cache
logs:
  file: {level: debug, path: ./local/logs, maxFiles: 30, maxSize: 50485760}
  console: {level: verbose}
limits:
  storage: 100G
  maxConcurrentStorageNodeDownloads: 100
  maxConcurrentOutboundConnections: 300
  outboundRequestsTimeoutMs: 5000
  pendingDownloadTimeoutSec: 3600
  maxCachedItemSize: 1G
  dataObjectSourceByObjectIdTTL: 60
  queryNodeCacheTTL: 60
intervals: {saveCacheState: 60, checkStorageNodeResponseTimes: 60, cacheCleanup: 86400}
publicApi: {port: 3334}
operatorApi: {port: 3335, hmacSecret: this-is-not-so-secret}
keys:
  - suri: //Alice
  - keyfile: keys/bob.json
buckets:
  - 1:0
  - 0:1
workerId: 0
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(SHIPPED)
    return path


def load(
    file: Path, environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None
) -> DistributorNodeConfig:
    prefixed = {f"JOYSTREAM_DISTRIBUTOR__{name}": value for name, value in (environ or {}).items()}
    config, warnings = load_distributor_config(flags or {}, file, prefixed)
    assert warnings == []
    return config


def problems(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigInvalid) as invalid:
        load(file, environ)
    return str(invalid.value)


def test_the_references_file_is_read(file: Path) -> None:
    config = load(file)
    assert config.limits.storage == 100 << 30
    assert config.limits.max_cached_item_size == 1 << 30
    assert config.endpoints.storage_squid == "http://localhost:4352/graphql"
    assert config.buckets == ("1:0", "0:1")
    assert config.operator_api is not None
    assert config.operator_api.hmac_secret.get_secret_value() == "this-is-not-so-secret"
    assert config.log.level == "info"
    assert config.log.file is not None
    assert config.log.file.path == Path("local/logs")
    assert config.log.file.prefix == "argus"


def test_paths_start_at_the_files_folder(file: Path) -> None:
    config = load(file)
    assert config.directories.assets == file.parent / "local/data"
    assert config.directories.cache_state == file.parent / "local/cache"
    assert config.keys[1].keyfile == file.parent / "keys/bob.json"


def test_the_older_name_of_the_query_node_is_understood(file: Path) -> None:
    file.write_text(SHIPPED.replace("storageSquid", "queryNode"))
    assert load(file).endpoints.storage_squid == "http://localhost:4352/graphql"


def test_json_is_read_too(file: Path) -> None:
    other = file.with_suffix(".json")
    other.write_text(json.dumps({**yaml.safe_load(SHIPPED), "buckets": ["1:0"]}))
    assert load(other).id == "test-node"


def test_everything_may_come_from_the_environment(tmp_path: Path) -> None:
    config = load(
        tmp_path / "missing.yml",
        {
            "ID": "env-node",
            "ENDPOINTS__STORAGE_SQUID": "http://q",
            "ENDPOINTS__JOYSTREAM_NODE_WS": "ws://n",
            "DIRECTORIES": '{"assets": "a", "cacheState": "c"}',
            "LIMITS__STORAGE": "1T",
            "PUBLIC_API__PORT": "1234",
        },
    )
    assert (config.id, config.limits.storage, config.public_api.port) == ("env-node", 1 << 40, 1234)


def test_environment_beats_file_and_flags_beat_both(file: Path) -> None:
    environ = {
        "LIMITS__MAX_CACHED_ITEM_SIZE": "2G",
        "LIMITS__DATA_OBJECT_SOURCE_BY_OBJECT_ID_TTL": "7",
        "LIMITS__QUERY_NODE_CACHE_TTL": "8",
        "LOGS__FILE__ARCHIVE": "false",
        "KEYS": '[{"suri": "//Bob"}]',
        "BUCKETS": '["4:5"]',
        "WORKER_ID": "9",
        "JOYGRPC__GATEWAY_WORKERS": "3",
    }
    config = load(file, environ, {"publicApi": {"port": 1}, "joygrpc": {"mesh": {"port": 0}}})
    assert config.limits.max_cached_item_size == 2 << 30
    assert config.limits.data_object_source_by_object_id_ttl == 7
    assert config.limits.query_node_cache_ttl == 8
    assert config.logs is not None
    assert config.logs.file is not None
    assert config.logs.file.archive is False
    assert config.buckets == ("4:5",)
    assert config.worker_id == 9
    assert config.public_api.port == 1
    assert (config.joygrpc.gateway_workers, config.joygrpc.mesh.port) == (3, 0)


@pytest.mark.parametrize("text", ["off", "null", "undefined"])
def test_a_setting_is_switched_off_by_the_environment(file: Path, text: str) -> None:
    config = load(file, {"LOGS__CONSOLE": text, "OPERATOR_API": text, "LIMITS__MAX_CACHED_ITEM_SIZE": text})
    assert not config.log.console
    assert config.operator_api is None
    assert config.limits.max_cached_item_size is None


def test_variables_that_name_nothing_are_told(file: Path) -> None:
    environ = {"JOYSTREAM_DISTRIBUTOR__LIMITS__STORRAGE": "1", "JOYSTREAM_DISTRIBUTOR__ID__X": "1", "OTHER": "1"}
    _, warnings = load_distributor_config({}, file, environ)
    assert [warning.split(" ")[0] for warning in warnings] == [
        "JOYSTREAM_DISTRIBUTOR__ID__X",
        "JOYSTREAM_DISTRIBUTOR__LIMITS__STORRAGE",
    ]


def test_a_wrong_value_is_blamed_on_its_variable(file: Path) -> None:
    told = problems(file, {"PUBLIC_API__PORT": "many"})
    assert told.startswith("Invalid env value of JOYSTREAM_DISTRIBUTOR__PUBLIC_API__PORT: ")
    told = problems(file, {"BUCKETS": "1:0"})
    assert told == "Invalid env value of JOYSTREAM_DISTRIBUTOR__BUCKETS: Not a valid JSON"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("id: test-node", "idd: test-node"), "id: is required\nidd: unknown key; did you mean id?"),
        (
            ("assets: ./local", "asets: ./local"),
            "directories.assets: is required\ndirectories.asets: unknown key; did you mean assets?",
        ),
        (
            ("- suri: //Alice", "- zzz: //Alice"),
            "keys.0.zzz: unknown key; known here are keyfile, mnemonic, suri, type",
        ),
        (
            ("100G", "100GB"),
            "limits.storage: not a size: '100GB'; write a whole number and B, K, M, G or T, for instance 100G",
        ),
        (("- 0:1", "- 0-1"), "buckets.1: a distribution bucket is written family:index, for instance 0:1"),
        (("- 0:1", "- 01:0"), "configuration: buckets: at least one, each once"),
    ],
)
def test_what_is_wrong_is_said_by_name(file: Path, change: tuple[str, str], told: str) -> None:
    file.write_text(SHIPPED.replace(*change))
    assert problems(file) == told


def test_problems_show_no_secrets(file: Path) -> None:
    file.write_text(SHIPPED.replace("hmacSecret: this-is-not-so-secret", "hmacSecret: [hunter2]"))
    assert "hunter2" not in problems(file)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.toml", "", "ends with .json, .yml or .yaml"),
        ("config.json", "{", "not valid json"),
        ("config.yml", "a: [", "not valid yml"),
        ("config.yml", "- 1", "must hold a mapping"),
    ],
)
def test_unreadable_files_are_told(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert told in problems(path)


@pytest.mark.parametrize(("form", "read"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_the_result_can_be_printed_and_read_back_without_secrets(file: Path, form: str, read: Any) -> None:
    text = render_config(load(file), form)
    assert "not-so-secret" not in text
    assert "Alice" not in text
    shown = read(text)
    assert shown["operatorApi"]["hmacSecret"] == "***"
    assert DistributorNodeConfig.model_validate(shown).limits == load(file).limits


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_credentials_in_addresses_are_not_printed(form: str) -> None:
    config = load_storage_config({"worker": 1, "uploads": "/d", "chain": {"url": "wss://me:hunter2@host:1/x?y=a@b"}})
    text = render_config(config, form)
    assert "wss://***@host:1/x?y=a@b" in text
    assert "hunter2" not in text


def test_a_distributors_configuration_reaches_a_child_whole(file: Path) -> None:
    config = load(file)
    assert DistributorNodeConfig.from_json(config.to_json()) == config


def test_a_storage_nodes_sources_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "storage.yml"
    path.write_text("worker: 1\nuploads: /data\nsync: {workers: 4, enabled: true, batch_size: 5}\nrest: {workers: 2}\n")
    monkeypatch.setenv("JOYGRPC_STORAGE__SYNC__WORKERS", "9")
    monkeypatch.setenv("JOYGRPC_STORAGE__SYNC__BATCH_SIZE", "6")
    config = load_storage_config({"sync": {"batch_size": 7}}, path)
    assert (config.sync.enabled, config.sync.workers, config.sync.batch_size) == (True, 9, 7)
    assert (config.rest.port, config.rest.workers) == (3333, 2)


def test_a_storage_nodes_problems_are_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as invalid:
        load_storage_config({"worker": -1, "synk": {}})
    assert invalid.value.problems == (
        "worker: Input should be greater than or equal to 0",
        "uploads: is required",
        "synk: unknown key; did you mean sync?",
    )
    with pytest.raises(ConfigInvalid, match="there is no such file"):
        load_storage_config({}, tmp_path / "missing.yml")
