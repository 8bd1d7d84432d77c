"""A lead's whole life by the command line alone, against a devnet."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from joygrpc.chain import ChainBag, ChainConfig, ChainStorageBucket, SubstrateChain
from joygrpc.content import multihash_of_bytes
from joygrpc.devnet.accounts import dev_account

JOYGRPC = [sys.executable, "-m", "joygrpc"]
STORAGE_LEAD, DISTRIBUTION_LEAD = "//testing//lead//Storage", "//testing//lead//Distribution"
TIMEOUT_S = 60
BAGS = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Shell:
    """Runs commands against the devnet; `distributor.yml` in `folder` has the distribution lead's and worker's keys."""

    folder: Path
    chain: str
    query_node: str

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "CONFIG_PATH": str(self.folder / "distributor.yml"),
            "ACCOUNT_URI": STORAGE_LEAD if arguments[0] == "storage" else "",
            "AUTO_CONFIRM": "",
            **(env or {}),
        }
        address = ["-u", self.chain] if arguments[0] == "storage" else []
        return subprocess.Popen(
            [*JOYGRPC, *arguments, *address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, *arguments: str, exit_code: int = 0, env: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Standard output and standard error of a command that ends with that code."""
        process = self.start(*arguments, env=env)
        try:
            output, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
        assert process.returncode == exit_code, (arguments, output, errors)
        return output, errors

    def storage(self, *arguments: str, exit_code: int = 0, signer: str = STORAGE_LEAD) -> str:
        return self.run("storage", *arguments, exit_code=exit_code, env={"ACCOUNT_URI": signer})[0]

    def distributor(self, *arguments: str, exit_code: int = 0) -> str:
        return self.run("distributor", *arguments, "-y", exit_code=exit_code)[0]

    def admin(self, method: str, **parameters: Any) -> Any:
        words = [f"{name}={json.dumps(value)}" for name, value in parameters.items()]
        command = [*JOYGRPC, "devnet", "admin", method, *words, "--url", self.chain]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S).stdout)

    async def facts(self) -> tuple[dict[str, ChainBag], dict[int, ChainStorageBucket]]:
        """The bags and buckets that the chain has."""
        async with SubstrateChain(ChainConfig(self.chain)) as chain:
            bags = {str(bag.bag_id): bag for bag in await chain.bags()}
            return bags, {bucket.bucket_id: bucket for bucket in await chain.storage_buckets()}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A devnet with leads and workers, and no bucket."""
    folder = tmp_path_factory.mktemp("lead")
    (folder / "preset.json").write_text('{"storage": [], "distributors": []}')
    command = [*JOYGRPC, "devnet", "start", "--chain-port", "0", "--query-node-port", "0", "--block-time", "0"]
    process = subprocess.Popen(
        [*command, "--json", "--preset-file", str(folder / "preset.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        chain = addresses["chain"]
        keys = [{"suri": DISTRIBUTION_LEAD}, {"suri": "//testing//worker//Distribution//2"}]
        config = {
            "id": "test",
            "endpoints": {"storageSquid": "http://127.0.0.1:9/graphql", "joystreamNodeWs": chain},
            "directories": {"assets": "./assets", "cacheState": "./cache"},
            "limits": {"storage": "1G"},
            "publicApi": {"port": 0},
            "keys": keys,
        }
        # JSON is YAML.
        (folder / "distributor.yml").write_text(json.dumps(config))
        yield Shell(folder, chain, addresses["query_node"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


async def test_a_storage_leads_life(shell: Shell, tmp_path: Path) -> None:
    storage = shell.storage
    # Limits and policies
    storage("leader", "update-voucher-limits", "-o", "100000", "-s", str(10**15))
    storage("leader", "update-bag-limit", "-l", "5")
    storage("leader:update-data-fee", "-f", "7")
    storage("leader:update-dynamic-bag-policy", "-n", "1", "-t", "Channel")
    refused = shell.run("storage", "leader", "update-bag-limit", "-l", "99", exit_code=201)[1]
    assert "Api Error: Storage.StorageBucketsPerBagLimitTooHigh" in refused
    assert "Mainnet takes 3 to 13" in refused

    # Buckets and their operators
    assert storage("leader:create-bucket", "-s", str(10**12), "-n", "1000", "-a").strip() == "0"
    made = json.loads(storage("leader", "create-bucket", "-i", "1", "--output", "json"))
    assert (made["result"], made["arguments"]["invite_worker"], made["arguments"]["accepting_new_bags"]) == (
        1,
        1,
        False,
    )
    storage("leader", "invite-operator", "-i", "0", "-w", "0")
    storage("leader", "cancel-invite", "-i", "1")
    worker = "//testing//worker//Storage//0"
    accept = ("operator", "accept-invitation", "-w", "0", "-i", "0", "-t", dev_account(worker))
    storage(*accept, exit_code=2)
    storage(*accept, signer=worker)
    metadata = tmp_path / "metadata.json"
    metadata.write_text(json.dumps({"endpoint": "http://127.0.0.1:3333", "extra": '{"note": 1}'}))
    described = ("operator:set-metadata", "-w", "0", "-i", "0", "-j", str(metadata), "--mesh-endpoint", "grpc://a:1")
    storage(*described, signer=worker)
    mesh = ("operator:set-metadata", "-w", "0", "-i", "0", "--mesh-endpoint", "grpcs://b:2", "-q", shell.query_node)
    merged = json.loads(storage(*mesh, "--dry-run", "--output", "json", signer=worker))["arguments"]["metadata"]
    assert b'{"note":1,"grpc":"grpcs://b:2"}' in bytes.fromhex(merged[2:])
    storage("operator:set-metadata", "-w", "99", "-i", "0", "-e", "http://a", exit_code=103)
    storage("leader", "set-bucket-limits", "-i", "1", "-s", str(10**12), "-o", "1000")
    storage("leader", "update-bucket-status", "-i", "1", "-s", "on")

    # Bags
    channel = shell.admin("create-channel", member=2, storage_buckets=[0], objects=[_object(1)])
    bag = channel["bag"]
    storage("leader:update-bag", "-i", bag, "-a", "1", "-r", "0")
    storage("leader", "update-bags", "-i", bag, "static:council", "-a", "0", "1", "--skipConfirmation")
    bags, _ = await shell.facts()
    assert bags[bag].stored_by == bags["static:council"].stored_by == {0, 1}
    storage("leader", "delete-bucket", "-i", "1", exit_code=201)
    storage("leader", "empty-bucket", "--id", "1", "--skipConfirmation", "--output", str(tmp_path / "result.json"))
    result = json.loads((tmp_path / "result.json").read_text())
    assert {one["id"] for one in result["buckets"][0]["removed"]["bags"]} == {bag, "static:council"}
    storage("leader", "delete-bucket", "-i", "1")
    storage("leader", "remove-operator", "-i", "0")

    # The whole network
    blacklisted = multihash_of_bytes(b"unwanted")
    storage("leader", "update-blacklist", "-a", blacklisted)
    storage("leader", "set-global-uploading-status", "-s", "on")
    async with SubstrateChain(ChainConfig(shell.chain)) as chain:
        assert await chain.storage_value("Storage", "CurrentBlacklistSize") == 1
        assert await chain.storage_value("Storage", "UploadingBlocked") is True
        assert await chain.storage_value("Storage", "DataObjectPerMegabyteFee") == 7
        bucket = await chain.storage_bucket(0)
        assert bucket is not None
        assert bucket.operator_status == "missing"
        assert await chain.storage_bucket(1) is None
    storage("leader", "set-global-uploading-status", "-s", "off")


def test_a_distribution_leads_life(shell: Shell, tmp_path: Path) -> None:
    distributor = shell.distributor
    distributor("leader:set-buckets-per-bag-limit", "-l", "5")
    family = distributor("leader:create-bucket-family").strip()
    assert family == "1"
    described = tmp_path / "family.json"
    described.write_text(json.dumps({"region": "europe", "areas": [{"countryCode": "DE"}]}))
    distributor("leader", "set-bucket-family-metadata", "-f", family, "-i", str(described))
    assert distributor("leader", "create-bucket", "-f", family, "-a", "yes").strip() == "0"
    bucket = f"{family}:0"
    distributor("leader", "invite-bucket-operator", "-B", bucket, "-w", "2")
    distributor("operator", "accept-invitation", "-B", bucket, "-w", "2")
    distributor("operator:set-metadata", "-B", bucket, "-w", "2", "-e", "http://127.0.0.1:3334")
    distributor("leader", "update-dynamic-bag-policy", "-t", "Member", "-p", f"{family}:1")
    distributor("leader", "update-bag", "-b", "static:council", "-f", family, "-a", "0")
    distributor("leader", "update-bucket-mode", "-B", bucket, "-d", "off")
    distributor("leader", "delete-bucket", "-B", bucket, exit_code=20)
    distributor("leader", "update-bag", "-b", "static:council", "-f", family, "-r", "0")
    distributor("leader", "remove-bucket-operator", "-B", bucket, "-w", "2")
    distributor("leader", "delete-bucket", "-B", bucket)
    _, errors = shell.run("distributor", "leader:delete-bucket-family", "-f", family)
    assert "Nothing was sent" in errors
    errors = shell.run("distributor", "leader:delete-bucket-family", "-f", family, "-y", exit_code=20)[1]
    assert "DistributionFamilyBoundToBagCreationPolicy" in errors
    assert "update-dynamic-bag-policy" in errors


async def test_a_replication_that_was_killed_goes_on(shell: Shell, tmp_path: Path) -> None:
    parameters = {"voucher_max_limits": [10**15, 10**9], "storage_buckets_per_bag_limit": 5}
    shell.admin("set-parameters", parameters=parameters)
    buckets = [shell.admin("create-storage-bucket", worker=worker) for worker in (3, 4, 5)]
    shell.admin("set-parameters", parameters={"channel_storage_buckets": 1})
    made = await _channels(shell, buckets[0], BAGS)

    command = ("storage", "leader", "set-replication", "-r", "2", "-b", "5", "--partial")
    plan = json.loads(shell.storage(*command[1:], "--dry-run", "--format", "json", signer=""))
    planned = [change["id"] for change in plan["changes"]]
    assert set(made) <= set(planned)

    killed = shell.start(*command, "--skipConfirmation", "-o", str(tmp_path / "first.json"))
    assert killed.stderr is not None
    for line in killed.stderr:
        if line.startswith("batch 4/"):
            killed.kill()
            break
    killed.communicate(timeout=TIMEOUT_S)
    assert killed.returncode == -signal.SIGKILL
    first = json.loads((tmp_path / "first.json").read_text())
    done = [update["id"] for sent in first["transactions"] for update in sent["successfulUpdates"]]
    assert done == planned[: len(done)]
    assert 20 <= len(done) < BAGS

    shell.storage(*command[1:], "--skipConfirmation", "-o", str(tmp_path / "second.json"))
    second = json.loads((tmp_path / "second.json").read_text())
    rest = [update["id"] for sent in second["transactions"] for update in sent["successfulUpdates"]]
    # One more batch may have been under way when the command was killed.
    assert rest in (planned[len(done) :], planned[len(done) + 5 :])
    bags, found = await shell.facts()
    assert all(len(bags[bag].stored_by) == 2 for bag in made)
    sizes = {n: sum(bag.objects_total_size for bag in bags.values() if n in bag.stored_by) for n in found}
    assert {n: bucket.size_used for n, bucket in found.items()} == sizes
    assert "nothing to change" in shell.run(*command, "--skipConfirmation")[1]


async def _channels(shell: Shell, bucket: int, count: int) -> list[str]:
    """Channels with an object each, in one bucket."""
    import aiohttp

    bags = []
    url = shell.chain.replace("ws://", "http://")
    async with aiohttp.ClientSession() as session:
        for number in range(count):
            parameters = {"member": 2, "storage_buckets": [bucket], "objects": [_object(1000 + number)]}
            body = {"jsonrpc": "2.0", "id": 1, "method": "devnet_createChannel", "params": parameters}
            async with session.post(url, json=body) as response:
                bags.append((await response.json())["result"]["bag"])
    return bags


def _object(size: int) -> dict[str, object]:
    return {"size": size, "ipfs_content_id": multihash_of_bytes(str(size).encode())}
