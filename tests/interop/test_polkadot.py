"""polkadot.js with Joystream's types, as both come from npm, on a devnet."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime

from .devnet import Devnet, running_devnet
from .expectation import fits
from .steps import CHANNELS, DISTRIBUTION_BUCKETS, LIFE, PARAMETERS, STORAGE_BUCKETS, Step

_SCENARIOS = Path(__file__).parent / "polkadot"
pytestmark = pytest.mark.usefixtures("npm_packages")


def run(scenario: str, devnet: Devnet, message: object = None) -> list[Any]:
    """The lines that a scenario reports."""
    done = subprocess.run(
        ["node", _SCENARIOS / f"{scenario}.cjs", devnet.chain],
        input=json.dumps(message), check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def spelled(name: str) -> str:
    """`Pallet.Name` as polkadot.js spells it."""
    return name[0].lower() + name[1:]


def failed_expectation(step: Step, outcome: Any) -> str | None:
    """What is wrong with a step's outcome."""
    events = [event["name"] for event in outcome.get("events", ())]
    if outcome.get("error") != (step.error and spelled(step.error)):
        return f"{outcome}"
    if events[-1] != ("system.ExtrinsicFailed" if step.error else "system.ExtrinsicSuccess"):
        return f"ends with {events[-1]}"
    if step.event is not None:
        name, fields = step.event
        found = [event["data"] for event in outcome["events"] if event["name"] == spelled(name)]
        if not any(fits(fields, data) for data in found):
            return f"wanted {name} {fields}, got {found or events}"
    if step.events and [name for name in events if name.startswith(("storage.", "utility."))] != [
        spelled(name) for name in step.events
    ]:
        return f"wanted {step.events}, got {events}"
    return None


@pytest.fixture(scope="module")
def outcomes(devnet: Devnet, npm_packages: None) -> list[Any]:
    return run("steps", devnet, [step.as_json() for step in LIFE])


@pytest.mark.parametrize("number", range(len(LIFE)), ids=[str(step) for step in LIFE])
def test_each_call_does_what_the_pallet_does(outcomes: list[Any], number: int) -> None:
    assert failed_expectation(LIFE[number], outcomes[number]) is None


def test_the_life_has_every_call_once_passing_and_once_refused() -> None:
    calls = build_runtime(Limits()).pallets["Storage"].calls
    assert calls is not None
    storage = [step for step in LIFE if step.pallet == "Storage"]
    assert {step.call for step in storage if step.error is None} == set(calls.by_name)
    assert {step.call for step in storage if step.error is not None} == set(calls.by_name)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, npm_packages: None) -> Any:
    with running_devnet(tmp_path_factory.mktemp("read")) as devnet:
        steps = [*PARAMETERS, *STORAGE_BUCKETS, *DISTRIBUTION_BUCKETS, *CHANNELS]
        run("steps", devnet, [step.as_json() for step in steps])
        (found,) = run("reading", devnet)
        assert found["genesis"] == devnet.rpc("chain_getBlockHash", number=0)
        return found


class TestReading:
    def test_the_chain_describes_itself(self, found: Any) -> None:
        assert (found["chain"], found["prefix"], found["specVersion"]) == ("Joystream devnet", 126, 2004)
        assert found["syncing"] is False
        assert found["fee"] == Limits().transaction_fee

    def test_constants(self, found: Any) -> None:
        limits = Limits()
        assert found["constants"] == {
            "blacklistSizeLimit": limits.blacklist_size,
            "minStorageBucketsPerBag": limits.min_storage_buckets_per_bag,
            "maxStorageBucketsPerBag": limits.max_storage_buckets_per_bag,
            "minDistributionBucketsPerBag": limits.min_distribution_buckets_per_bag,
            "maxDistributionBucketsPerBag": limits.max_distribution_buckets_per_bag,
            "defaultMemberDynamicBagNumberOfStorageBuckets": limits.default_storage_buckets_per_member_bag,
            "defaultChannelDynamicBagNumberOfStorageBuckets": limits.default_storage_buckets_per_channel_bag,
            "maxDistributionBucketFamilyNumber": limits.max_distribution_families,
            "maxNumberOfPendingInvitationsPerDistributionBucket": limits.max_pending_invitations,
            "maxNumberOfOperatorsPerDistributionBucket": limits.max_distribution_operators,
            "maxDataObjectSize": limits.max_object_size,
        }

    def test_single_values(self, found: Any) -> None:
        assert {name: value for name, value in found["storage"].items() if value is not None} == {
            "uploadingBlocked": False,
            "nextStorageBucketId": 2,
            "nextDataObjectId": 3,
            "currentBlacklistSize": 1,
            "dataObjectPerMegabyteFee": 8_333_331,
            "storageBucketsPerBagLimit": 3,
            "voucherMaxObjectsSizeLimit": 10**12,
            "voucherMaxObjectsNumberLimit": 10**6,
            "dataObjectStateBloatBondValue": 15_000_001,
            "nextDistributionBucketFamilyId": 2,
            "distributionBucketFamilyNumber": 2,
            "distributionBucketsPerBagLimit": 4,
        }
        assert found["several"] == [2, 3]

    def test_maps(self, found: Any) -> None:
        assert fits(
            {
                "stored_by": [0],
                "distributed_by": [{"distribution_bucket_family_id": 0, "distribution_bucket_index": 0}],
                "objects_total_size": 50,
                "objects_number": 2,
            },
            found["bag"],
        )
        assert (found["emptyBag"]["objectsNumber"], found["noBucket"]) == (0, True)
        assert sorted(keys for keys, _ in found["buckets"]) == [[0], [1]]
        assert {keys[0]: value for keys, value in found["families"]} == {
            0: {"nextDistributionBucketIndex": 2},
            1: {"nextDistributionBucketIndex": 0},
        }
        assert (found["lead"], found["workers"], found["objectCount"]) == (8, 9, 1)

    def test_double_maps(self, found: Any) -> None:
        delivering = {keys[1]: value for keys, value in found["distributionBuckets"]}
        assert (delivering[0]["operators"], delivering[1]["distributing"]) == ([0], False)
        objects = {keys[1]: value for keys, value in found["objects"]}
        assert {number: (value["accepted"], value["size"]) for number, value in objects.items()} == {
            1: (False, 20),
            2: (False, 30),
        }


def test_heads_events_and_a_fork(tmp_path: Path) -> None:
    with running_devnet(tmp_path, "--manual", "--finality-lag", "2") as devnet:
        (seen,) = run("heads", devnet)
    numbers = [number for number, _ in seen["heads"]]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(set(numbers)) + 1, "the fork's block has the height of the one that it replaced"
    assert len({block for _, block in seen["heads"]}) == len(numbers)
    assert [name for name, _ in seen["statuses"]] == ["Ready", "InBlock", "Retracted", "InBlock", "Finalized"]
    (_, first), (_, retracted), (_, second), (_, final) = seen["statuses"][1:]
    assert (first, second) == (retracted, final)
    assert first != second
    assert seen["finalized"] == sorted(seen["finalized"])
    assert "system.Remarked" in seen["events"]
    assert (seen["oldBlock"], "system.Remarked" in seen["oldEvents"]) == (2, True)


def test_every_error_has_its_name(devnet: Devnet) -> None:
    (found,) = run("errors", devnet)
    runtime = build_runtime(Limits())
    for pallet, names in found.items():
        assert [runtime.error_index(pallet, name)[1] for name in names] == list(range(len(names))), pallet
    assert {"Storage": 65, "StorageWorkingGroup": len(found["DistributionWorkingGroup"])}.items() <= {
        pallet: len(names) for pallet, names in found.items()
    }.items()


def test_what_is_not_covered_is_told(devnet: Devnet) -> None:
    (told,) = run("uncovered", devnet)
    assert told["pallets"] == [True, True, True]
    for name, part in (
        ("method", "babe_epochAuthorship is not supported on the devnet"),
        ("proof", "state_getReadProof is not supported on the devnet"),
        ("runtimeCall", "BabeApi_configuration is not found: not supported on the devnet"),
        ("unknownBlock", "Header was not found in the database"),
        ("parameters", "Invalid params: missing a required argument: 'key'"),
        ("poor", "Inability to pay some fees"),
        ("broken", "bad signature"),
        ("garbage", "Extrinsic has invalid format"),
    ):
        assert part in told[name], (name, told[name])
