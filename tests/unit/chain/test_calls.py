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
]


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
