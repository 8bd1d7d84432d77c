"""The devnet's chain as clients meet it: substrate-interface as it comes, and plain JSON-RPC."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from substrateinterface import Keypair, SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from joygrpc.devnet.config import DevnetAddresses, DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.devnet.server import run_devnet

BAG = {"Dynamic": {"Channel": 1}}
BAG_TEXT = "dynamic:channel:1"
PRESET = DevPreset((b"", b""), (b"",))
HANDLE = "gW" + "a" * 44


def uri_key(uri: str) -> Keypair:
    return Keypair.create_from_uri(uri, ss58_format=126)


OWNER = uri_key("//Charlie")
WORKER = uri_key("//testing//worker//Storage//0")


@contextmanager
def devnet(**options: Any) -> Iterator[DevnetAddresses]:
    """A devnet in a thread with a loop of its own, on free ports; instant blocks and no idle ones."""
    config = DevnetConfig(**{"chain_port": 0, "query_node_port": 0, "block_time_ms": 0, "seal_delay_ms": 5} | options)
    started = threading.Event()
    found: list[DevnetAddresses] = []
    stop: list[Any] = []

    def ready(addresses: DevnetAddresses) -> None:
        found.append(addresses)
        started.set()

    async def main() -> None:
        task = asyncio.create_task(run_devnet(config, ready))
        stop.append((asyncio.get_running_loop(), task))
        try:
            await task
        except asyncio.CancelledError:
            pass
        finally:
            started.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="devnet")
    thread.start()
    try:
        assert started.wait(20)
        yield found[0]
    finally:
        loop, task = stop[0]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def client(addresses: DevnetAddresses) -> Iterator[SubstrateInterface]:
    """substrate-interface with no more than the type that its preset gets wrong."""
    with SubstrateInterface(
        url=addresses.chain, type_registry={"types": {"*::Call": "Enum"}}, ws_options={"timeout": 20}
    ) as substrate:
        yield substrate


@pytest.fixture(scope="module")
def addresses() -> Iterator[DevnetAddresses]:
    with devnet(preset=PRESET) as found:
        yield found


@pytest.fixture(scope="module")
def substrate(addresses: DevnetAddresses) -> Iterator[SubstrateInterface]:
    with client(addresses) as found:
        yield found


def rpc(addresses: DevnetAddresses, method: str, *params: Any, **named: Any) -> Any:
    """One request by POST; the whole answer."""

    async def post() -> Any:
        async with aiohttp.ClientSession() as session:
            body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": named or list(params)}
            async with session.post(addresses.chain.replace("ws:", "http:"), json=body) as response:
                assert response.status == 200
                return await response.json()

    answer = asyncio.run(post())
    assert answer["id"] == 7
    return answer


def result(addresses: DevnetAddresses, method: str, *params: Any, **named: Any) -> Any:
    answer = rpc(addresses, method, *params, **named)
    assert "error" not in answer, answer
    return answer["result"]


def send(substrate: SubstrateInterface, key: Keypair, pallet: str, call: str, arguments: Any, **options: Any) -> Any:
    extrinsic = substrate.create_signed_extrinsic(substrate.compose_call(pallet, call, arguments), key, **options)
    return substrate.submit_extrinsic(extrinsic, wait_for_inclusion=True)


def event_names(receipt: Any) -> list[str]:
    return [f"{event.value['module_id']}.{event.value['event_id']}" for event in receipt.triggered_events]


def acceptance(*objects: int, worker: int = 0) -> dict[str, Any]:
    return {"worker_id": worker, "storage_bucket_id": 0, "bag_id": BAG, "data_objects": list(objects)}


def new_objects(addresses: DevnetAddresses, count: int) -> list[int]:
    objects = [{"size": 10, "ipfs_content_id": HANDLE}] * count
    return list(result(addresses, "devnet_createObjects", BAG_TEXT, objects))


class TestSubstrateInterface:
    def test_it_knows_the_chain(self, substrate: SubstrateInterface) -> None:
        substrate.init_runtime()
        assert (substrate.ss58_format, substrate.token_symbol, substrate.token_decimals) == (126, "JOY", 10)
        assert substrate.runtime_version == 2004
        assert substrate.get_constant("Storage", "MaxDataObjectSize").value == 60 * 2**30

    def test_it_reads_storage(self, substrate: SubstrateInterface) -> None:
        bag = substrate.query("Storage", "Bags", [BAG]).value
        assert bag["stored_by"] == [0, 1]
        assert bag["distributed_by"] == [{"distribution_bucket_family_id": 0, "distribution_bucket_index": 0}]
        assert sorted(key.value for key, _ in substrate.query_map("Storage", "StorageBucketById")) == [0, 1]
        operator = substrate.query("Storage", "StorageBucketById", [0]).value["operator_status"]
        assert operator == {"StorageWorker": (0, WORKER.ss58_address)}
        assert substrate.query("Storage", "StorageBucketById", [99]).value is None
        assert substrate.query("Storage", "DistributionBucketByFamilyIdById", [0, 0]).value["operators"] == [0]
        assert substrate.query("Members", "MembershipById", [2]).value["controller_account"] == OWNER.ss58_address
        assert substrate.query("Content", "ChannelById", [1]).value["owner"] == {"Member": 2}

    def test_it_pages_through_maps(self, addresses: DevnetAddresses, substrate: SubstrateInterface) -> None:
        made = set(new_objects(addresses, 30))
        rows = substrate.query_map("Storage", "DataObjectsById", [BAG], page_size=7)
        assert made <= {key.value for key, _ in rows}

    def test_an_owner_adds_objects_and_an_operator_accepts_them(self, substrate: SubstrateInterface) -> None:
        fee = substrate.query("Storage", "DataObjectPerMegabyteFee").value
        bond = substrate.query("Storage", "DataObjectStateBloatBondValue").value
        upload = {"object_creation_list": [{"size": 5, "ipfs_content_id": HANDLE}], "expected_data_size_fee": fee}
        params = {
            "assets_to_upload": upload,
            "new_meta": None,
            "assets_to_remove": [],
            "collaborators": None,
            "expected_data_object_state_bloat_bond": bond,
            "storage_buckets_num_witness": 2,
        }
        arguments = {"actor": {"Member": 2}, "channel_id": 1, "params": params}
        receipt = send(substrate, OWNER, "Content", "update_channel", arguments)
        assert receipt.is_success, receipt.error_message
        updated = next(
            event.value["attributes"]
            for event in receipt.triggered_events
            if event.value["event_id"] == "ChannelUpdated"
        )
        (object_id,) = updated[3]
        stored = substrate.query("Storage", "DataObjectsById", [BAG, object_id]).value
        assert (stored["accepted"], stored["size"], stored["ipfs_content_id"]) == (False, 5, HANDLE)

        receipt = send(substrate, WORKER, "Storage", "accept_pending_data_objects", acceptance(object_id))
        assert event_names(receipt) == [
            "Balances.Withdraw",
            "Storage.PendingDataObjectsAccepted",
            "TransactionPayment.TransactionFeePaid",
            "System.ExtrinsicSuccess",
        ]
        assert substrate.query("Storage", "DataObjectsById", [BAG, object_id]).value["accepted"]

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (acceptance(10**9), "DataObjectDoesntExist"),
            (acceptance(0, worker=1), "InvalidStorageProvider"),
            (acceptance(), "DataObjectIdParamsAreEmpty"),
        ],
    )
    def test_failures_have_names(self, substrate: SubstrateInterface, arguments: Any, error: str) -> None:
        receipt = send(substrate, WORKER, "Storage", "accept_pending_data_objects", arguments)
        assert not receipt.is_success
        assert receipt.error_message["name"] == error

    def test_a_batch_reports_each_item(self, addresses: DevnetAddresses, substrate: SubstrateInterface) -> None:
        (object_id,) = new_objects(addresses, 1)
        calls = [
            substrate.compose_call("Storage", "accept_pending_data_objects", acceptance(number))
            for number in (object_id, 10**9)
        ]
        receipt = send(substrate, WORKER, "Utility", "force_batch", {"calls": calls})
        assert event_names(receipt)[1:5] == [
            "Storage.PendingDataObjectsAccepted",
            "Utility.ItemCompleted",
            "Utility.ItemFailed",
            "Utility.BatchCompletedWithErrors",
        ]
        failed = next(event.value for event in receipt.triggered_events if event.value["event_id"] == "ItemFailed")
        assert failed["attributes"] == {"error": {"Module": {"index": 27, "error": "0x13000000"}}}

    def test_mortal_transactions_and_finality(self, substrate: SubstrateInterface) -> None:
        call = substrate.compose_call("Balances", "transfer", {"dest": WORKER.ss58_address, "value": 10**10})
        extrinsic = substrate.create_signed_extrinsic(call, OWNER, era={"period": 64})
        receipt = substrate.submit_extrinsic(extrinsic, wait_for_finalization=True)
        assert receipt.is_success
        assert receipt.finalized
        block = substrate.get_block(receipt.block_hash)
        assert [item.value["call"]["call_function"] for item in block["extrinsics"]] == ["set", "transfer"]

    def test_nonces_and_fees(self, substrate: SubstrateInterface) -> None:
        before = substrate.get_account_nonce(OWNER.ss58_address)
        call = substrate.compose_call("System", "remark", {"remark": "hello"})
        assert substrate.get_payment_info(call, OWNER)["partialFee"] == 10_000_000
        substrate.submit_extrinsic(substrate.create_signed_extrinsic(call, OWNER), wait_for_inclusion=True)
        assert substrate.get_account_nonce(OWNER.ss58_address) == before + 1
        with pytest.raises(SubstrateRequestException, match="outdated"):
            substrate.submit_extrinsic(substrate.create_signed_extrinsic(call, OWNER, nonce=before))

    def test_past_states(self, substrate: SubstrateInterface) -> None:
        then = substrate.get_chain_head()
        nonce = substrate.query("System", "Account", [OWNER.ss58_address]).value["nonce"]
        send(substrate, OWNER, "System", "remark", {"remark": "x"})
        assert substrate.query("System", "Account", [OWNER.ss58_address], block_hash=then).value["nonce"] == nonce
        assert substrate.query("System", "Account", [OWNER.ss58_address]).value["nonce"] == nonce + 1

    def test_injected_errors(self, addresses: DevnetAddresses, substrate: SubstrateInterface) -> None:
        rule = {"pallet": "Storage", "error": "UploadingBlocked", "call": "Storage.accept_pending_data_objects"}
        result(addresses, "devnet_setFault", reject=rule)
        (object_id,) = new_objects(addresses, 1)
        receipts = [
            send(substrate, WORKER, "Storage", "accept_pending_data_objects", acceptance(object_id)) for _ in range(2)
        ]
        assert receipts[0].error_message["name"] == "UploadingBlocked"
        assert receipts[1].is_success


@asynccontextmanager
async def socket(addresses: DevnetAddresses) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(addresses.chain) as connection:
        yield connection


async def ask(connection: aiohttp.ClientWebSocketResponse, method: str, *params: Any) -> Any:
    """A request whose answer comes before any notification."""
    await connection.send_json({"jsonrpc": "2.0", "id": method, "method": method, "params": list(params)})
    answer = await connection.receive_json(timeout=10)
    assert answer["id"] == method
    return answer["result"]


async def told(connection: aiohttp.ClientWebSocketResponse, method: str) -> Any:
    message = await connection.receive_json(timeout=10)
    assert message["method"] == method
    return message["params"]["result"]


class TestJsonRpc:
    async def test_heads(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection, socket(addresses) as other:
            subscription = await ask(connection, "chain_subscribeNewHeads")
            first = await told(connection, "chain_newHead")
            await ask(other, "devnet_seal", 2)
            numbers = [int((await told(connection, "chain_newHead"))["number"], 16) for _ in range(2)]
            assert numbers == [int(first["number"], 16) + 1, int(first["number"], 16) + 2]
            assert await ask(connection, "chain_unsubscribeNewHeads", subscription) is True
            assert await ask(connection, "chain_unsubscribeNewHeads", subscription) is False
            assert int((await ask(connection, "chain_getHeader"))["number"], 16) == numbers[1]

    async def test_storage(self, addresses: DevnetAddresses) -> None:
        key = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"  # System.Number
        async with socket(addresses) as connection, socket(addresses) as other:
            await ask(connection, "state_subscribeStorage", [key])
            before = await told(connection, "state_storage")
            await ask(other, "devnet_seal")
            after = await told(connection, "state_storage")
            ((_, old),), ((_, new),) = before["changes"], after["changes"]
            number = {
                name: int.from_bytes(bytes.fromhex(text[2:]), "little") for name, text in (("a", old), ("b", new))
            }
            assert number["b"] == number["a"] + 1

    async def test_runtime_version_and_finalized_heads(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            await ask(connection, "state_subscribeRuntimeVersion")
            assert (await told(connection, "state_runtimeVersion"))["specVersion"] == 2004
            await ask(connection, "chain_subscribeFinalizedHeads")
            assert "parentHash" in await told(connection, "chain_finalizedHead")

    async def test_errors(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            for request, code in (
                ("no json", -32700),
                ("{}", -32600),
                ("[]", -32600),
                (json.dumps({"id": 1, "method": "offchain_localStorageGet"}), -32601),
                (json.dumps({"id": 1, "method": "state_getStorage", "params": []}), -32602),
                (json.dumps({"id": 1, "method": "state_getStorage", "params": ["zz"]}), -32602),
                (json.dumps({"id": 1, "method": "state_getStorage", "params": ["0x00", "0x" + "00" * 32]}), 4003),
                (json.dumps({"id": 1, "method": "system_accountNextIndex", "params": ["nobody"]}), -32602),
                (json.dumps({"id": 1, "method": "author_submitExtrinsic", "params": ["0x00"]}), 1001),
                (json.dumps({"id": 1, "method": "author_submitAndWatchExtrinsic", "params": ["0x00"]}), 1001),
                (json.dumps({"id": 1, "method": "devnet_dispatch", "params": [None, "Storage", "nothing"]}), -32602),
                (json.dumps({"id": 1, "method": "devnet_hire", "params": ["council", 0, "//Alice"]}), -32602),
            ):
                await connection.send_str(request)
                answer = await connection.receive_json(timeout=10)
                assert answer["error"]["code"] == code, (request, answer)

    async def test_unsupported_methods_say_so(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            await connection.send_json({"id": 1, "method": "babe_epochAuthorship"})
            message = (await connection.receive_json(timeout=10))["error"]["message"]
            assert message == "Method not found: babe_epochAuthorship is not supported on the devnet"

    async def test_batches_of_requests(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            await connection.send_json([{"id": 1, "method": "system_chain"}, {"id": 2, "method": "system_health"}])
            answers = await connection.receive_json(timeout=10)
            assert [answer["id"] for answer in answers] == [1, 2]

    async def test_every_listed_method_answers(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            methods = (await ask(connection, "rpc_methods"))["methods"]
            assert not any(method.startswith("devnet_") for method in methods)
            for method in methods:
                await connection.send_json({"id": method, "method": method, "params": []})
                answer = {}
                while answer.get("id") != method:
                    answer = await connection.receive_json(timeout=10)
                assert answer.get("error", {}).get("code") in (None, -32602), answer

    def test_a_browser_is_told_what_this_is(self, addresses: DevnetAddresses) -> None:
        async def get() -> int:
            async with (
                aiohttp.ClientSession() as session,
                session.get(addresses.chain.replace("ws:", "http:")) as response,
            ):
                return response.status

        assert asyncio.run(get()) == 426

    def test_subscriptions_need_a_websocket(self, addresses: DevnetAddresses) -> None:
        assert rpc(addresses, "chain_subscribeNewHeads")["error"]["code"] == -32601


class TestAdministration:
    def test_a_whole_operator_in_one_step_each(self, addresses: DevnetAddresses) -> None:
        member = result(addresses, "devnet_createMember", controller="//newcomer", handle="newcomer")
        worker = result(addresses, "devnet_hire", "storage", member, "//newcomer//role")
        bucket = result(
            addresses, "devnet_createStorageBucket", worker=worker, transactor="//newcomer//tx", metadata="0x0a"
        )
        family = result(addresses, "devnet_createFamily", metadata="0x0a")
        carrier = result(addresses, "devnet_hire", "distribution", member, "//newcomer//role")
        delivering = result(
            addresses, "devnet_createDistributionBucket", family=family, worker=carrier, metadata="0x0a"
        )
        assert delivering == f"{family}:0"
        result(addresses, "devnet_bindBag", bag=BAG_TEXT, add_storage=[bucket], add_distribution=[delivering])
        result(addresses, "devnet_bindBag", bag=BAG_TEXT, remove_storage=[bucket], remove_distribution=[delivering])

    def test_objects_come_move_and_go(self, addresses: DevnetAddresses) -> None:
        first, second = new_objects(addresses, 2)
        result(addresses, "devnet_moveObjects", BAG_TEXT, "static:council", [first])
        answer = rpc(addresses, "devnet_deleteObjects", BAG_TEXT, [first])
        assert (answer["error"]["code"], answer["error"]["data"]) == (9001, "Storage.DataObjectDoesntExist")
        result(addresses, "devnet_deleteObjects", BAG_TEXT, [second])

    def test_any_call_as_anybody(self, addresses: DevnetAddresses) -> None:
        answer = result(
            addresses,
            "devnet_dispatch",
            origin="//testing//lead//Storage",
            pallet="Storage",
            call="update_blacklist",
            arguments={"remove_hashes": [], "add_hashes": ["gW" + "b" * 44]},
        )
        assert answer["events"] == [
            {
                "pallet": "Storage",
                "name": "UpdateBlacklist",
                "fields": {"remove_hashes": [], "add_hashes": ["0x" + ("gW" + "b" * 44).encode().hex()]},
            }
        ]

    def test_parameters(self, addresses: DevnetAddresses, substrate: SubstrateInterface) -> None:
        result(addresses, "devnet_setParameters", {"data_size_fee": 77, "channel_families": {"0": 1}})
        assert substrate.query("Storage", "DataObjectPerMegabyteFee").value == 77
        assert rpc(addresses, "devnet_setParameters", {"nonsense": 1})["error"]["code"] == -32602

    def test_accounts_are_listed(self, addresses: DevnetAddresses) -> None:
        assert result(addresses, "devnet_accounts")["storage_worker_0"] == "//testing//worker//Storage//0"

    def test_ten_thousand_objects_at_once(self, addresses: DevnetAddresses) -> None:
        ids = new_objects(addresses, 10_000)
        assert ids == list(range(ids[0], ids[0] + 10_000))


class TestFaults:
    def test_a_stall_holds_transactions_back_until_it_ends(
        self, addresses: DevnetAddresses, substrate: SubstrateInterface
    ) -> None:
        result(addresses, "devnet_setFault", stalled=True)
        assert rpc(addresses, "devnet_seal")["error"]["code"] == 9002
        call = substrate.compose_call("System", "remark", {"remark": "x"})
        substrate.submit_extrinsic(substrate.create_signed_extrinsic(call, OWNER))
        assert len(result(addresses, "author_pendingExtrinsics")) == 1
        assert result(addresses, "devnet_setFault", stalled=False)["stalled"] is False
        send(substrate, WORKER, "System", "remark", {"remark": "x"})
        assert result(addresses, "author_pendingExtrinsics") == []

    def test_rules_are_checked_and_cleared(self, addresses: DevnetAddresses) -> None:
        for wrong in (
            {"reject": {"pallet": "Storage", "error": "Nonsense"}},
            {"reject": {"pallet": "Storage"}},
            {"drop": {"nonsense": 1}},
            {"query_node_error": "nonsense"},
            {"query_node_lag_blocks": -1},
            {"chain_delay_ms": -1},
        ):
            assert rpc(addresses, "devnet_setFault", **wrong)["error"]["code"] == -32602
        result(addresses, "devnet_setFault", drop={"call": "System.remark"}, query_node_lag_blocks=5)
        assert result(addresses, "devnet_faults")["query_node_lag_blocks"] == 5
        cleared = result(addresses, "devnet_setFault", clear=True)
        assert cleared == {
            "stalled": False,
            "reject": [],
            "drop": [],
            "query_node_lag_blocks": 0,
            "query_node_error": "none",
            "chain_delay_ms": 0,
        }

    async def test_a_slow_chain_answers_late_but_acts_at_once(self, addresses: DevnetAddresses) -> None:
        loop = asyncio.get_running_loop()
        async with socket(addresses) as connection, socket(addresses) as other:
            await ask(other, "devnet_setFault", None, None, None, None, None, 300)
            started = loop.time()
            for number in range(3):
                await connection.send_json({"id": number, "method": "devnet_seal", "params": []})
            answers = [await connection.receive_json(timeout=10) for _ in range(3)]
            assert [answer["id"] for answer in answers] == [0, 1, 2]
            # Each is late by as much, not by all before it.
            assert 0.3 <= loop.time() - started < 0.8
            cleared = await ask(other, "devnet_setFault", None, None, None, None, None, 0)
            assert cleared["chain_delay_ms"] == 0

    def test_a_chain_without_a_lag_does_not_fork(self, addresses: DevnetAddresses) -> None:
        answer = rpc(addresses, "devnet_fork")
        assert (answer["error"]["code"], "0 blocks are not final" in answer["error"]["message"]) == (9003, True)


class TestForks:
    async def test_subscriptions_follow_the_new_blocks(self) -> None:
        key = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"  # System.Number
        options = {"preset": PRESET, "finality_lag": 2, "seal_delay_ms": None}
        with devnet(**options) as addresses:
            async with socket(addresses) as heads, socket(addresses) as storage, socket(addresses) as admin:
                await ask(admin, "devnet_seal", 2)
                await ask(heads, "chain_subscribeNewHeads")
                await ask(storage, "state_subscribeStorage", [key])
                old = await told(heads, "chain_newHead")
                await told(storage, "state_storage")
                old_hash = await ask(admin, "chain_getBlockHash")
                new_hash = await ask(admin, "devnet_fork")
                new = await told(heads, "chain_newHead")
                assert (new["number"], new["parentHash"]) == (old["number"], old["parentHash"])
                assert (await told(storage, "state_storage"))["block"] == new_hash
                assert await ask(admin, "chain_getBlockHash", int(new["number"], 16)) == new_hash
                assert (await ask(admin, "chain_getHeader", old_hash))["stateRoot"] == old["stateRoot"]
                assert await ask(admin, "state_getStorage", key, old_hash) == await ask(admin, "state_getStorage", key)


class TestMethods:
    def test_methods_describe_themselves(self, addresses: DevnetAddresses) -> None:
        described = {item["method"]: item for item in result(addresses, "devnet_methods")}
        assert described["devnet_fork"]["parameters"] == ["depth?", "again?"]
        assert described["devnet_createMember"]["parameters"] == ["controller", "handle?", "root?"]
        assert all(item["about"] for item in described.values())

    def test_a_population_has_its_objects(self, addresses: DevnetAddresses, substrate: SubstrateInterface) -> None:
        first = result(addresses, "devnet_populate", member=2, channels=3, objects=2, accepted=True)
        bag = {"Dynamic": {"Channel": first["channel"] + 2}}
        rows = {key.value: row.value for key, row in substrate.query_map("Storage", "DataObjectsById", [bag])}
        assert sorted(rows) == [first["object"] + 4, first["object"] + 5]
        assert {(row["accepted"], row["size"]) for row in rows.values()} == {(True, 1000)}
        assert len({row["ipfs_content_id"] for row in rows.values()}) == 2
        assert rpc(addresses, "devnet_populate", member=2, channels=0)["error"]["code"] == -32602


async def query(addresses: DevnetAddresses, text: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(addresses.query_node, json={"query": text}) as response,
    ):
        return (await response.json())["data"]


class TestQueryNode:
    async def test_it_follows_the_chain(self, addresses: DevnetAddresses) -> None:
        async with socket(addresses) as connection:
            await ask(connection, "devnet_seal")
            head = int((await ask(connection, "chain_getHeader"))["number"], 16)
        height = 0
        async with asyncio.timeout(10):
            while height < head:
                height = (await query(addresses, "{ squidStatus { height } }"))["squidStatus"]["height"]


def test_state_survives_a_restart(tmp_path: Path) -> None:
    with devnet(preset=PRESET, data=tmp_path) as addresses:
        (object_id,) = new_objects(addresses, 1)
        head = int(result(addresses, "chain_getHeader")["number"], 16)
    with devnet(preset=PRESET, data=tmp_path) as addresses, client(addresses) as substrate:
        # One more block: the preset says anew where its nodes are.
        assert int(result(addresses, "chain_getHeader")["number"], 16) == head + 1
        assert send(substrate, WORKER, "Storage", "accept_pending_data_objects", acceptance(object_id)).is_success
        objects = asyncio.run(query(addresses, "{ storageDataObjects { id } }"))
        assert objects == {"storageDataObjects": [{"id": str(object_id)}]}


def test_past_states_survive_a_restart(tmp_path: Path) -> None:
    key = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac"  # System.Number

    def read(addresses: DevnetAddresses) -> list[Any]:
        hashes = [result(addresses, "chain_getBlockHash", number) for number in range(5)]
        return [result(addresses, "state_getStorage", key, block_hash) for block_hash in hashes]

    with devnet(preset=PRESET, data=tmp_path) as addresses:
        result(addresses, "devnet_seal", 4)
        before = read(addresses)
    assert before == [f"0x{number:02x}000000" for number in range(5)]
    with devnet(preset=PRESET, data=tmp_path) as addresses:
        assert read(addresses) == before


def test_idle_blocks_and_lagging_finality() -> None:
    with devnet(block_time_ms=20, finality_lag=2) as addresses:

        async def watch() -> list[int]:
            async with socket(addresses) as connection:
                await ask(connection, "chain_subscribeFinalizedHeads")
                return [int((await told(connection, "chain_finalizedHead"))["number"], 16) for _ in range(4)]

        numbers = asyncio.run(watch())
        assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_a_transaction_becomes_final_without_idle_blocks() -> None:
    with devnet(finality_lag=3, preset=PRESET) as addresses, client(addresses) as substrate:
        call = substrate.compose_call("System", "remark", {"remark": "x"})
        extrinsic = substrate.create_signed_extrinsic(call, OWNER)
        assert substrate.submit_extrinsic(extrinsic, wait_for_finalization=True).finalized
