import json
import os
from pathlib import Path
from typing import Any

import pytest
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from joygrpc.chain import calls
from joygrpc.chain.event_fields import EVENT_FIELDS
from joygrpc.chain.port import Call
from joygrpc.content import BagId

BAG = BagId.channel(7)
FEES = calls.AssetFees(per_megabyte=3, bloat_bond=5)
CID = "gW" + "z" * 44
ACCOUNT = "0x" + "11" * 32

ALL_CALLS = [
    calls.accept_pending_data_objects(1, 0, BAG, [4, 2, 2]),
    calls.set_storage_operator_metadata(1, 0, b"\x0a\xff"),
    calls.accept_storage_bucket_invitation(1, 0, ACCOUNT),
    calls.set_distribution_operator_metadata(1, "0:1", b"meta"),
    calls.accept_distribution_bucket_invitation(1, "0:1"),
    calls.update_storage_buckets_for_bag(BAG, [2, 1], []),
    calls.update_distribution_buckets_for_bag(BAG, 0, [], [1]),
    calls.create_channel_of_member(3, [calls.NewObject(5, CID)], [1, 0], ["1:0", "0:10", "0:9"], 7, FEES, b"\x01"),
    calls.update_channel_of_member(3, 7, FEES, add=[calls.NewObject(5, CID)], remove=[9], storage_buckets_num=2),
    calls.create_storage_bucket(None, True, 2**64 - 1, 0),
    calls.create_storage_bucket(3, False, 5, 6),
    calls.delete_storage_bucket(1),
    calls.invite_storage_bucket_operator(1, 2),
    calls.cancel_storage_bucket_operator_invite(1),
    calls.remove_storage_bucket_operator(1),
    calls.update_storage_bucket_status(1, False),
    calls.set_storage_bucket_voucher_limits(1, 2**63, 9),
    calls.update_storage_buckets_voucher_max_limits(2**63, 9),
    calls.update_storage_buckets_per_bag_limit(13),
    calls.update_data_size_fee(2**127),
    calls.update_data_object_state_bloat_bond(2**127),
    calls.update_number_of_storage_buckets_in_dynamic_bag_creation_policy("Channel", 5),
    calls.update_uploading_blocked_status(True),
    calls.update_blacklist([CID], [CID, "gW" + "a" * 44]),
    calls.storage_operator_remark(1, 2, b"\xff"),
    calls.create_distribution_bucket_family(),
    calls.delete_distribution_bucket_family(1),
    calls.set_distribution_bucket_family_metadata(1, b"\x0a"),
    calls.create_distribution_bucket(1, True),
    calls.delete_distribution_bucket("0:1"),
    calls.update_distribution_bucket_status("0:1", False),
    calls.update_distribution_bucket_mode("0:1", True),
    calls.update_distribution_buckets_per_bag_limit(51),
    calls.update_families_in_dynamic_bag_creation_policy("Member", {4: 1, 0: 2}),
    calls.invite_distribution_bucket_operator("0:1", 2),
    calls.cancel_distribution_bucket_operator_invite("0:1", 2),
    calls.remove_distribution_bucket_operator("0:1", 2),
    calls.distribution_operator_remark(1, "0:1", b"hello"),
]


def test_every_call_of_the_storage_pallet_can_be_made() -> None:
    from joygrpc.devnet.limits import Limits
    from joygrpc.devnet.metadata.runtime import build_runtime

    declared = build_runtime(Limits()).pallets["Storage"].calls
    assert declared is not None
    assert {call.function for call in ALL_CALLS if call.pallet == "Storage"} == set(declared.by_name)
    for call in ALL_CALLS:
        if call.pallet == "Storage":
            assert list(call.args) == list(declared.by_name[call.function].fields), call.function


def test_sets_are_sorted_and_unique() -> None:
    assert ALL_CALLS[0].args["data_objects"] == [2, 4]
    params = ALL_CALLS[7].args["params"]
    assert isinstance(params, dict)
    assert params["storage_buckets"] == [0, 1]
    assert [tuple(bucket.values()) for bucket in params["distribution_buckets"]] == [(0, 9), (0, 10), (1, 0)]


def test_no_assets_are_none() -> None:
    params = calls.update_channel_of_member(3, 7, FEES).args["params"]
    assert isinstance(params, dict)
    assert params["assets_to_upload"] is None


def test_bytes_travel_as_hex() -> None:
    assert ALL_CALLS[1].args["metadata"] == "0x0aff"


@pytest.fixture(scope="module")
def mainnet() -> Any:
    folder = os.environ.get("JOYGRPC_REFERENCE_DATA")
    if not folder:
        pytest.skip("JOYGRPC_REFERENCE_DATA does not name a folder with the chain's metadata")
    text = (Path(folder) / "joystream-metadata-2004.json").read_text()
    runtime = RuntimeConfigurationObject(ss58_format=126)
    runtime.update_type_registry(load_type_registry_preset("core"))
    runtime.update_type_registry({"types": {"*::Call": "Enum"}})
    metadata = runtime.create_scale_object("MetadataVersioned", data=ScaleBytes(json.loads(text)["result"]))
    metadata.decode()
    runtime.implements_scale_info = True
    runtime.add_portable_registry(metadata)
    return metadata


def test_all_calls_fit_the_real_runtime(mainnet: Any) -> None:
    import joygrpc.chain.worker.connection  # noqa: F401 - teaches the codec to encode maps

    for call in ALL_CALLS:
        encoded = mainnet.runtime_config.create_scale_object("Call", metadata=mainnet)
        encoded.encode({"call_module": call.pallet, "call_function": call.function, "call_args": dict(call.args)})
        again = mainnet.runtime_config.create_scale_object("Call", data=encoded.data, metadata=mainnet)
        again.data.reset()
        assert again.decode()["call_function"] == call.function, call


def test_named_events_have_the_real_runtimes_number_of_fields(mainnet: Any) -> None:
    for pallet in mainnet.pallets:
        for event in pallet.events or ():
            ours = EVENT_FIELDS.get(pallet.name, {}).get(event.value["name"])
            assert ours is None or len(ours) == len(event.value["fields"]), event.value["name"]
    names = {event.value["name"] for event in mainnet.get_metadata_pallet("Storage").events}
    assert names == set(EVENT_FIELDS["Storage"])


def test_calls_are_values() -> None:
    assert calls.accept_distribution_bucket_invitation(1, "0:1") == Call(
        "Storage",
        "accept_distribution_bucket_invitation",
        {"worker_id": 1, "bucket_id": {"distribution_bucket_family_id": 0, "distribution_bucket_index": 1}},
    )
