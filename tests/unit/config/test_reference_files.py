"""Configuration files of all eras of the reference, as they were shipped."""

from pathlib import Path

import pytest

from joygrpc.config.distributor import DistributorNodeConfig
from joygrpc.config.environment import variables_of
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_distributor_config

FILES = Path(__file__).parent / "files"
GIB = 1 << 30


def load(name: str, **environ: str) -> tuple[DistributorNodeConfig, list[str]]:
    return load_distributor_config(
        {}, FILES / f"{name}.yml", {f"JOYSTREAM_DISTRIBUTOR__{key}": value for key, value in environ.items()}
    )


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def edit(path: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A shipped file with some text in it replaced."""
    text = (FILES / f"{name}.yml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


def problems(path: Path) -> str:
    with pytest.raises(ConfigInvalid) as invalid:
        load_distributor_config({}, path, {})
    return str(invalid.value)


@pytest.mark.parametrize(
    ("name", "query_node", "storage", "cleanup"),
    [
        ("today", "http://localhost:4352/graphql", 500, 86400),
        ("giza", "http://localhost:8081/graphql", 100, 60),
        ("seed", "http://localhost:8081/graphql", 100, 60),
        ("first", "http://localhost:8081/graphql", 100, 86400),
    ],
)
def test_shipped_files_of_every_era_are_read(name: str, query_node: str, storage: int, cleanup: int) -> None:
    config, warnings = load(name)
    assert config.endpoints.storage_squid == query_node
    assert config.endpoints.joystream_node_ws == "ws://localhost:9944"
    assert (config.limits.storage, config.intervals.cache_cleanup) == (storage * GIB, cleanup)
    assert (config.public_api.port, config.worker_id, config.buckets) == (3334, 0, None)
    assert (config.directories.assets, config.directories.cache_state) == (FILES / "local/data", FILES / "local/cache")
    assert [key.suri and key.suri.get_secret_value() for key in config.keys] == ["//Alice"]
    assert bool(warnings) == (name in {"seed", "first"})


def test_every_value_of_todays_file_arrives() -> None:
    config, _ = load("today")
    limits, intervals = config.limits, config.intervals
    assert (limits.max_concurrent_storage_node_downloads, limits.max_concurrent_outbound_connections) == (100, 300)
    assert (limits.outbound_requests_timeout_ms, limits.pending_download_timeout_sec) == (5000, 3600)
    assert (limits.max_cached_item_size, limits.query_node_cache_ttl) == (20 * GIB, 60)
    assert limits.data_object_source_by_object_id_ttl == 60
    assert (intervals.save_cache_state, intervals.check_storage_node_response_times) == (60, 60)
    assert config.operator_api is not None
    assert config.operator_api.hmac_secret.get_secret_value() == "this-is-not-so-secret"
    assert (config.operator_api.port, config.log.level, config.log.elastic) == (3335, "info", None)
    file = config.log.file
    assert file is not None
    assert (file.level, file.path, file.max_files, file.max_size_bytes) == ("debug", Path("local/logs"), 30, 50485760)


def test_the_seed_eras_shape_is_brought_into_todays() -> None:
    config, warnings = load("seed")
    assert config.logs is not None
    assert config.logs.file is not None
    assert (config.logs.file.level, config.logs.file.path) == ("debug", Path("local/logs"))
    assert config.logs.console is not None
    assert (config.logs.console.level, config.logs.elastic) == ("info", None)
    assert [warning.split(" ")[0] for warning in warnings] == ["port", "log", "buckets:"]
    assert load("first")[1][1] == "storageLimit is the old name of limits.storage"


def test_an_elastic_log_of_the_seed_era_has_its_address(edited: Path) -> None:
    config, _ = load_distributor_config(
        {}, edit(edited, "seed", ("elastic: off", "elastic: info"), ("console: info", "console: off")), {}
    )
    assert config.log.elastic is not None
    assert config.log.elastic.endpoint == "http://localhost:9200"
    assert not config.log.console


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("seed", [("buckets: all", "buckets: [1, 2]")], "buckets: numbers are bucket ids from before there were families; write family:index, for instance 0:1"),
        ("seed", [("  logs: ./local/logs\n", "")], "log.file: directories.logs is missing; write logs.file with level and path"),
        ("seed", [("port: 3334", "port: 3334\npublicApi: {port: 1}")], "port: this is the old name of publicApi.port, which is given too; remove it"),
        ("seed", [("log:", "logs: {console: {level: info}}\nlog:")], "log: this is the old name of logs, which is given too; remove it"),
        ("seed", [("  console: info", "  kafka: info")], "logs.kafka: unknown key; known here are console, elastic, file"),
        ("today", [("cacheCleanup: 86400", "cacheClean: 1")], "intervals.cacheClean: unknown key; did you mean cacheCleanup?"),
        ("today", [("storage: 500G", "storage: 500g")], "limits.storage: not a size: '500g'; write a whole number and B, K, M, G or T, for instance 100G"),
        ("today", [("suri: //Alice", "type: ed25519")], "keys.0: a key has exactly one of suri, mnemonic and keyfile"),
        ("today", [("workerId: 0", "workerId: -1")], "workerId: Input should be greater than or equal to 0"),
        ("today", [("workerId: 0", "joygrpc: {cache_polcy: split}")], "joygrpc.cache_polcy: unknown key; did you mean cache_policy?"),
        ("today", [("workerId: 0", "joygrpc: {cache_policy: lru}")], "joygrpc.cache_policy: Input should be 'lru_sp', 's3_fifo' or 'split'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_write(
    edited: Path, name: str, changes: list[tuple[str, str]], told: str
) -> None:
    assert problems(edit(edited, name, *changes)) == told


def test_a_small_cache_is_warned_of_once(edited: Path) -> None:
    config, warnings = load_distributor_config({}, edit(edited, "today", ("storage: 500G", "storage: 1M")), {})
    assert config.limits.storage == 1 << 20
    assert [warning.split(":")[0] for warning in warnings] == ["limits.storage"]


def test_every_variable_of_the_reference_is_known_by_its_name() -> None:
    known = {name.removeprefix("JOYSTREAM_DISTRIBUTOR__") for name in variables_of(DistributorNodeConfig)}
    reference = [
        "ID",
        "ENDPOINTS__STORAGE_SQUID",
        "ENDPOINTS__JOYSTREAM_NODE_WS",
        "DIRECTORIES__ASSETS",
        "DIRECTORIES__CACHE_STATE",
        "LOGS__FILE__LEVEL",
        "LOGS__FILE__PATH",
        "LOGS__FILE__MAX_FILES",
        "LOGS__FILE__MAX_SIZE",
        "LOGS__FILE__FREQUENCY",
        "LOGS__FILE__ARCHIVE",
        "LOGS__CONSOLE__LEVEL",
        "LOGS__ELASTIC__LEVEL",
        "LOGS__ELASTIC__ENDPOINT",
        "LOGS__ELASTIC__INDEX_PREFIX",
        "LOGS__ELASTIC__AUTH__USERNAME",
        "LOGS__ELASTIC__AUTH__PASSWORD",
        "LIMITS__STORAGE",
        "LIMITS__MAX_CONCURRENT_STORAGE_NODE_DOWNLOADS",
        "LIMITS__MAX_CONCURRENT_OUTBOUND_CONNECTIONS",
        "LIMITS__OUTBOUND_REQUESTS_TIMEOUT_MS",
        "LIMITS__PENDING_DOWNLOAD_TIMEOUT_SEC",
        "LIMITS__MAX_CACHED_ITEM_SIZE",
        "LIMITS__DATA_OBJECT_SOURCE_BY_OBJECT_ID_TTL",
        "LIMITS__QUERY_NODE_CACHE_TTL",
        "INTERVALS__SAVE_CACHE_STATE",
        "INTERVALS__CHECK_STORAGE_NODE_RESPONSE_TIMES",
        "INTERVALS__CACHE_CLEANUP",
        "PUBLIC_API__PORT",
        "OPERATOR_API__PORT",
        "OPERATOR_API__HMAC_SECRET",
        "KEYS",
        "BUCKETS",
        "WORKER_ID",
    ]
    assert set(reference) <= known


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.title])
def test_variables_are_known_in_any_case(spelling: object) -> None:
    assert callable(spelling)
    names = ("LIMITS__DATA_OBJECT_SOURCE_BY_OBJECT_ID_TTL", "LIMITS__QUERY_NODE_CACHE_TTL", "ENDPOINTS__QUERY_NODE")
    environ = {spelling(f"JOYSTREAM_DISTRIBUTOR__{name}"): str(number) for number, name in enumerate(names, 7)}
    config, warnings = load_distributor_config({}, FILES / "today.yml", environ)
    assert (config.limits.data_object_source_by_object_id_ttl, config.limits.query_node_cache_ttl) == (7, 8)
    assert (config.endpoints.storage_squid, warnings) == ("9", [])


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_booleans_mean_what_they_say(text: str, value: bool) -> None:
    config, _ = load("today", LOGS__FILE__ARCHIVE=text)
    assert config.logs is not None
    assert config.logs.file is not None
    assert config.logs.file.archive is value


def test_a_variable_that_is_misspelt_is_warned_of_with_the_right_one() -> None:
    _, warnings = load("today", LIMITS__STORRAGE="1G", ZZZ="1")
    assert warnings == [
        "JOYSTREAM_DISTRIBUTOR__LIMITS__STORRAGE names no setting and is ignored; did you mean JOYSTREAM_DISTRIBUTOR__LIMITS__STORAGE?",
        *[warning for warning in warnings if "__ZZZ names no setting" in warning],
    ]
    assert len(warnings) == 2
