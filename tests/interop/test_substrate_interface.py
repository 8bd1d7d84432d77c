"""substrate-interface as it comes on a devnet, with no more help than two defects of its own need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import scalecodec.types
from substrateinterface import Keypair, SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime

from .devnet import Devnet, running_devnet
from .expectation import fits
from .steps import LIFE, Step

# The preset of scalecodec takes every pallet's calls for the enum of all calls.
_TYPES = {"types": {"*::Call": "Enum"}}
_encode_map = scalecodec.types.Map.process_encode


def _encode_any_map(self: Any, value: Any) -> Any:
    """scalecodec decodes a map that metadata describe, but cannot encode it."""
    if self.map_key is None and self.type_mapping:
        inner = self.runtime_config.create_scale_object(self.type_mapping[0], metadata=self.metadata)
        return inner.encode(sorted(value.items()) if isinstance(value, dict) else value)
    return _encode_map(self, value)


@pytest.fixture(scope="module", autouse=True)
def maps_can_be_encoded() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scalecodec.types.Map, "process_encode", _encode_any_map)
        yield


@contextmanager
def client(devnet: Devnet) -> Iterator[SubstrateInterface]:
    with SubstrateInterface(url=devnet.chain, type_registry=_TYPES, ws_options={"timeout": 30}) as substrate:
        yield substrate


@pytest.fixture(scope="module")
def substrate(devnet: Devnet) -> Iterator[SubstrateInterface]:
    with client(devnet) as connected:
        yield connected


def key(uri: str) -> Keypair:
    return Keypair.create_from_uri(uri, ss58_format=126)


def send(substrate: SubstrateInterface, step: Step) -> Any:
    """The receipt of a step's transaction."""

    def composed(one: Step) -> Any:
        if one.items:
            return substrate.compose_call(one.pallet, one.call, {"calls": [composed(item) for item in one.items]})
        return substrate.compose_call(one.pallet, one.call, dict(one.arguments))

    extrinsic = substrate.create_signed_extrinsic(composed(step), key(step.signer))
    return substrate.submit_extrinsic(extrinsic, wait_for_inclusion=True)


def failed_expectation(step: Step, receipt: Any) -> str | None:
    """What is wrong with a step's outcome."""
    events = [(f"{event.value['module_id']}.{event.value['event_id']}", event) for event in receipt.triggered_events]
    names = [name for name, _ in events]
    if step.error is not None:
        error = receipt.error_message
        return None if error and error["name"] == step.error.split(".")[1] else f"got {error}"
    if not receipt.is_success:
        return f"failed: {receipt.error_message}"
    if step.event is not None:
        wanted, fields = step.event
        found = [event.value["attributes"] for name, event in events if name == wanted]
        # An event of one field has its value alone.
        if not any(fits(fields, data) or (len(fields) == 1 and fits(fields[0], data)) for data in found):
            return f"wanted {wanted} {fields}, got {found or names}"
    if step.events and [name for name in names if name.startswith(("Storage.", "Utility."))] != list(step.events):
        return f"wanted {step.events}, got {names}"
    return None


@pytest.fixture(scope="module")
def receipts(substrate: SubstrateInterface) -> list[Any]:
    return [send(substrate, step) for step in LIFE]


@pytest.mark.parametrize("number", range(len(LIFE)), ids=[str(step) for step in LIFE])
def test_each_call_does_what_the_pallet_does(receipts: list[Any], number: int) -> None:
    assert failed_expectation(LIFE[number], receipts[number]) is None


def test_blocks_with_any_call_decode(substrate: SubstrateInterface, receipts: list[Any]) -> None:
    for step, receipt in zip(LIFE, receipts, strict=True):
        extrinsic = substrate.get_block(block_hash=receipt.block_hash)["extrinsics"][receipt.extrinsic_idx]
        call = extrinsic.value["call"]
        assert (call["call_module"], call["call_function"]) == (step.pallet, step.call)


def test_constants(substrate: SubstrateInterface) -> None:
    found = {item["constant_name"] for item in substrate.get_metadata_constants() if item["module_name"] == "Storage"}
    assert len(found) == 11
    assert substrate.get_constant("Storage", "MaxDataObjectSize").value == Limits().max_object_size


def test_heads(tmp_path: Path) -> None:
    with running_devnet(tmp_path) as devnet, client(devnet) as substrate:
        seen: list[int] = []

        def on_head(head: Any, _update: int, _subscription: str) -> Any:
            seen.append(head["header"]["number"])
            if len(seen) == 4:
                return seen
            devnet.rpc("devnet_seal")
            return None

        assert substrate.subscribe_block_headers(on_head) == seen
    assert seen == list(range(seen[0], seen[0] + 4))


def declared_errors() -> list[tuple[str, str]]:
    runtime = build_runtime(Limits())
    return [
        (name, error)
        for name, pallet in runtime.pallets.items()
        for error in (pallet.errors.by_name if pallet.errors else ())
    ]


def test_every_error_of_every_pallet_has_its_name(substrate: SubstrateInterface, devnet: Devnet) -> None:
    """substrate-interface takes an error's index for its place in the list, so the lists must have no gaps."""
    step = Step("//Alice", "System", "remark", {"remark": "0x00"})
    declared = declared_errors()
    assert {"Storage", "Content", "StorageWorkingGroup", "DistributionWorkingGroup"} <= {name for name, _ in declared}
    nonce = substrate.get_account_nonce(key(step.signer).ss58_address)
    call = substrate.compose_call(step.pallet, step.call, dict(step.arguments))
    for pallet, error in declared:
        devnet.rpc("devnet_setFault", reject={"pallet": pallet, "error": error})
    # All in a few blocks, since only what the blocks say is of interest.
    hashes = []
    for number in range(len(declared)):
        extrinsic = substrate.create_signed_extrinsic(call, key(step.signer), nonce=nonce + number)
        last = number == len(declared) - 1
        hashes.append(substrate.submit_extrinsic(extrinsic, wait_for_inclusion=last).extrinsic_hash)
    found: dict[str, str] = {}
    head = substrate.get_block_number(None)
    while not found.keys() >= set(hashes):
        block_hash = substrate.get_block_hash(head)
        block = substrate.get_block(block_hash=block_hash)
        for event in substrate.get_events(block_hash):
            if event.value["event_id"] == "ExtrinsicFailed":
                extrinsic = block["extrinsics"][event.value["extrinsic_idx"]]
                module = event.value["attributes"]["dispatch_error"]["Module"]
                described = substrate.metadata.get_module_error(
                    module_index=module["index"], error_index=int(module["error"][2:4], 16)
                )
                found["0x" + extrinsic.extrinsic_hash.hex()] = described.name
        head -= 1
    assert [found[extrinsic_hash] for extrinsic_hash in hashes] == [error for _, error in declared]


@pytest.mark.parametrize(
    ("pallet", "error"),
    [
        ("Storage", "CallDisabled"),
        ("Content", "MemberAuthFailed"),
        ("StorageWorkingGroup", "SignerIsNotWorkerRoleAccount"),
        ("DistributionWorkingGroup", "CurrentLeadNotSet"),
        ("Members", "HandleAlreadyRegistered"),
        ("Balances", "InsufficientBalance"),
    ],
)
def test_a_receipt_names_the_error(substrate: SubstrateInterface, devnet: Devnet, pallet: str, error: str) -> None:
    devnet.rpc("devnet_setFault", reject={"pallet": pallet, "error": error})
    receipt = send(substrate, Step("//Alice", "System", "remark", {"remark": "0x00"}))
    assert receipt.error_message["name"] == error


def test_what_is_not_covered_is_told(substrate: SubstrateInterface) -> None:
    with pytest.raises(SubstrateRequestException, match="state_getReadProof is not supported on the devnet"):
        substrate.rpc_request("state_getReadProof", [["0x00"]])
    with pytest.raises(ValueError, match='Pallet "Council" not found'):
        substrate.query("Council", "Stage")
    receipt = send(substrate, Step("//Alice", "Utility", "as_derivative", {"index": 0, "call": _remark(substrate)}))
    assert receipt.error_message["name"] == "CallFiltered"


def _remark(substrate: SubstrateInterface) -> Any:
    return substrate.compose_call("System", "remark", {"remark": "0x00"})
