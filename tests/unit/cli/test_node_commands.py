"""What the flags of the node commands mean, by way of `--print-config`."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from joygrpc.cli.distributor.start import gateway_config as distributor_gateway_config
from joygrpc.cli.root import root
from joygrpc.cli.storage.server import gateway_config as storage_gateway_config
from joygrpc.config import DistributorNodeConfig, StorageNodeConfig

REFERENCE_ENVIRONMENT = (
    "ACCOUNT_URI",
    "ACCOUNT_PWD",
    "CLEANUP",
    "CLEANUP_INTERVAL",
    "CLEANUP_MIN_REPLICATION_THRESHOLD",
    "CLEANUP_NEW_OBJECT_EXPIRATION_PERIOD",
    "COLOSSUS_DEFAULT_LOG_LEVEL",
    "ELASTIC_ENDPOINT",
    "CONFIG_PATH",
)

DISTRIBUTOR_FILE = """
id: node
endpoints: {storageSquid: http://q, joystreamNodeWs: ws://n}
directories: {assets: data, cacheState: cache}
limits: {storage: 20G}
operatorApi: {port: 3335, hmacSecret: hunter2}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REFERENCE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, arguments)


def server(*arguments: str) -> dict[str, Any]:
    result = run("storage", "server", "-w", "1", "-d", "/data", "--print-config=json", *arguments)
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.output)
    return shown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(DISTRIBUTOR_FILE)
    return path


def test_the_references_defaults_hold() -> None:
    config = server()
    assert config["rest"] == {"enabled": True, "host": "0.0.0.0", "port": 3333, "workers": 1}
    assert config["query_node"]["url"] == "http://localhost:4352/graphql"
    assert config["chain"]["url"] == "ws://localhost:9944"
    sync = config["sync"]
    assert (sync["enabled"], sync["interval_s"], sync["retry_interval_s"]) == (False, 1200, 180)
    assert (sync["workers"], sync["timeout_s"], sync["batch_size"]) == (20, None, 10_000)
    assert config["cleanup"]["enabled"] is False
    assert config["acceptance"]["max_batch_size"] == 20
    assert config["uploading"]["auth"] == "off"


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        (["-o", "1234"], "rest.port", 1234),
        (["-b", "3, 1"], "buckets", [3, 1]),
        (["--tempFolder", "/t"], "temp_folder", "/t"),
        (["--pendingFolder", "/p"], "pending_folder", "/p"),
        (["-s"], "sync.enabled", True),
        (["--sync", "-i", "1"], "sync.interval_s", 60),
        (["--syncInterval", "0.01"], "sync.interval_s", 0.6),
        (["--syncRetryInterval", "2"], "sync.retry_interval_s", 120),
        (["-r", "3"], "sync.workers", 3),
        (["-t", "1"], "sync.timeout_s", 60),
        (["-c"], "cleanup.enabled", True),
        (["--cleanupInterval", "1"], "cleanup.interval_s", 60),
        (["-q", "http://q"], "query_node.url", "http://q"),
        (["--queryNodeEndpoint", "http://q"], "query_node.url", "http://q"),
        (["--maxBatchTxSize", "7"], "acceptance.max_batch_size", 7),
        (["--acceptance", "immediate"], "acceptance.mode", "immediate"),
        (["--upload-auth", "required"], "uploading.auth", "required"),
        (["--upload-auth", "required", "-a"], "uploading.auth", "off"),
        (["-m"], "chain.dev", True),
        (["-u", "ws://n"], "chain.url", "ws://n"),
        (["--keyStore", "/k"], "chain.key_store", "/k"),
        (["-l", "/logs", "-n", "3", "-z", "hourly"], "log.file.max_files", 3),
        (["-e", "http://e"], "log.elastic.index_prefix", "logs-colossus"),
        (["--grpc-host", "127.0.0.1"], "mesh.host", "127.0.0.1"),
        (["--grpc-port", "0"], "mesh.port", 0),
        (["--admin-port", "0"], "admin.port", 0),
        (["--host", "127.0.0.1"], "rest.host", "127.0.0.1"),
        (["--no-gateway"], "rest.enabled", False),
        (["--gateway-workers", "2"], "rest.workers", 2),
        (["--log-level", "error", "--log-format", "json"], "log.format", "json"),
    ],
)
def test_each_flag_sets_its_setting(arguments: list[str], path: str, value: object) -> None:
    found: Any = server(*arguments)
    for part in path.split("."):
        found = found[part]
    assert found == value


def test_the_references_environment_of_cleanups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANUP_INTERVAL", "2")
    monkeypatch.setenv("CLEANUP_MIN_REPLICATION_THRESHOLD", "3")
    monkeypatch.setenv("CLEANUP_NEW_OBJECT_EXPIRATION_PERIOD", "60")
    cleanup = server()["cleanup"]
    assert (cleanup["interval_s"], cleanup["min_replicas"], cleanup["new_object_s"]) == (120, 3, 60)
    assert server("--cleanupInterval", "1")["cleanup"]["interval_s"] == 60
    monkeypatch.setenv("CLEANUP_INTERVAL", "often")
    assert run("storage", "server", "-w", "1", "-d", "/data", "--print-config").exit_code == 2


def test_secrets_come_from_files_too_and_are_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the file\n")
    for name in ("ACCOUNT_URI", "ACCOUNT_PWD"):
        monkeypatch.setenv(f"{name}_FILE", str(secret))
    chain = server()["chain"]
    assert (len(chain["keys"]), len(chain["passwords"])) == (1, 1)
    given = ["--accountUriFile", str(secret), "-y", "//Bob", "--passwordFile", str(secret), "-p", "one", "-p", "two"]
    result = run("storage", "server", "-w", "1", "-d", "/data", "--print-config=json", *given)
    assert "of the file" not in result.output
    assert "Bob" not in result.output
    chain = server(*given)["chain"]
    assert (len(chain["keys"]), len(chain["passwords"])) == (2, 3)
    assert run("storage", "server", "-w", "1", "-d", "/data", "--passwordFile", str(tmp_path)).exit_code == 2


def test_keys_come_from_flags_or_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_URI", "word word word")
    monkeypatch.setenv("ACCOUNT_PWD", "hunter2")
    assert len(server()["chain"]["keys"]) == len(server()["chain"]["passwords"]) == 1
    keys = server("-y", "//Alice", "-y", "//Bob", "-k", "a.json", "-p", "x")["chain"]["keys"]
    assert [(key["suri"], key["keyfile"]) for key in keys] == [("***", None), ("***", None), (None, "a.json")]


def test_cleanup_and_log_level_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANUP", "true")
    monkeypatch.setenv("COLOSSUS_DEFAULT_LOG_LEVEL", "warn")
    config = server()
    assert (config["cleanup"]["enabled"], config["log"]["level"]) == (True, "warning")
    monkeypatch.setenv("CLEANUP", "false")
    assert server()["cleanup"]["enabled"] is False


def test_what_is_required_is_named() -> None:
    result = run("storage", "server")
    assert result.exit_code == 2
    assert "worker: is required\nuploads: is required" in result.output


def test_a_list_of_buckets_is_of_integers() -> None:
    assert run("storage", "server", "-b", "1,a").exit_code == 104


def test_logs_are_kept_apart_from_objects(tmp_path: Path) -> None:
    result = run("storage", "server", "-w", "1", "-d", str(tmp_path), "-l", str(tmp_path))
    assert (result.exit_code, "different directories" in result.output) == (2, True)


def test_a_port_that_is_taken_is_told(tmp_path: Path, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("storage", "server", "-w", "1", "-d", str(tmp_path / "d"), "--host", "127.0.0.1", "-o", port)
        assert (result.exit_code, f"cannot listen on 127.0.0.1:{port}" in result.output) == (105, True)
        result = run("distributor", "start", "-c", str(file), "--host", "127.0.0.1", "-o", port)
        assert (result.exit_code, "cannot listen" in result.output) == (255, True)


def test_a_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("storage", "server", "-w", "1", "-d", str(tmp_path / "file" / "d"))
    assert result.exit_code == 102


def test_the_storage_nodes_gateway_is_told_where_the_node_is() -> None:
    config = StorageNodeConfig.model_validate(
        {"worker": 1, "uploads": "/data", "node_socket": "/data/s", "rest": {"workers": 2}}
    )
    gateway = storage_gateway_config(config)
    assert (gateway.kind, gateway.node_target, str(gateway.data_root)) == ("storage", "unix:/data/s", "/data")
    assert gateway.workers == 2
    assert gateway.operator is None


def start(file: Path, *arguments: str) -> dict[str, Any]:
    result = run("distributor", "start", "-c", str(file), "--print-config=json", *arguments)
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.output)
    return shown


def test_a_distributors_flags_win_over_its_file(file: Path) -> None:
    arguments = [
        "-y",
        "-o",
        "1",
        "--operator-port",
        "2",
        "--grpc-port",
        "3",
        "--admin-port",
        "4",
        "--host",
        "::1",
        "--no-gateway",
    ]
    config = start(file, *arguments)
    assert (config["publicApi"]["port"], config["operatorApi"]["port"]) == (1, 2)
    extras = config["joygrpc"]
    assert (extras["mesh"]["port"], extras["admin"]["port"], extras["host"], extras["gateway"]) == (3, 4, "::1", False)
    assert config["operatorApi"]["hmacSecret"] == "***"


def test_the_file_is_found_by_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_PATH", str(file))
    result = run("distributor", "start", "--print-config")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("id: node\n")


def test_an_invalid_distributor_configuration_is_told(tmp_path: Path) -> None:
    result = run("distributor", "start", "-c", str(tmp_path / "config.yml"))
    assert (result.exit_code, "id: is required" in result.output) == (1, True)


def test_variables_without_meaning_are_warned_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOYSTREAM_DISTRIBUTOR__LIMIT", "1")
    result = run("distributor", "start", "-c", str(file), "--print-config")
    assert "JOYSTREAM_DISTRIBUTOR__LIMIT names no setting" in result.stderr


def test_the_distributors_gateway_gets_the_operators_secret(file: Path) -> None:
    config = DistributorNodeConfig.model_validate(
        {
            "id": "n",
            "endpoints": {"storageSquid": "q", "joystreamNodeWs": "w"},
            "directories": {"assets": "/a", "cacheState": "/c"},
            "limits": {"storage": 1},
            "operatorApi": {"port": 0, "hmacSecret": "hunter2"},
            "joygrpc": {"node_socket": "/c/s"},
        }
    )
    gateway = distributor_gateway_config(config)
    assert gateway.operator is not None
    assert gateway.operator.hmac_secret.get_secret_value() == "hunter2"
    assert (gateway.node_target, str(gateway.data_root)) == ("unix:/c/s", "/a")


def test_config_check_shows_what_a_node_would_run_with(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOYSTREAM_DISTRIBUTOR__LIMITS__STORAGE", "1G")
    result = run("distributor", "config", "check", str(file), "--format", "json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["limits"]["storage"], shown["operatorApi"]["hmacSecret"]) == (1 << 30, "***")
    assert "hunter2" not in result.output
    assert "Warning: limits.storage: the reference refuses less than 20G" in result.stderr
    assert result.stderr.endswith("config.yml: valid, 1 warning\n")


def test_config_check_takes_the_file_that_start_takes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_PATH", str(file))
    result = run("distributor", "config", "check")
    assert (result.exit_code, result.stdout.startswith("id: node\n")) == (0, True)


@pytest.mark.parametrize(
    ("addition", "exit_code", "told"),
    [
        ("idd: 1", 1, "idd: unknown key; did you mean id?"),
        ("keys: [{keyfile: missing.json}]", 41, "missing.json cannot be read"),
        ("keys: [{keyfile: config.yml}]", 42, "config.yml is not a key file"),
    ],
)
def test_config_check_ends_with_the_references_exit_codes(file: Path, addition: str, exit_code: int, told: str) -> None:
    file.write_text(DISTRIBUTOR_FILE + addition)
    result = run("distributor", "config", "check", str(file))
    assert (result.exit_code, told in result.output) == (exit_code, True), result.output


def test_config_check_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("distributor", "config", "check", str(tmp_path / "config.yml"))
    assert (result.exit_code, "there is no such file" in result.output) == (41, True)
