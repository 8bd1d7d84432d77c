"""Nodes for tests of the gateway: real gRPC servers on real sockets that serve a directory of files."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt

from gateway.worker import Worker, running_worker
from joygrpc.config.gateway import GatewayConfig
from joygrpc.content import BagId, InvalidBagId, multihash_of_bytes
from joygrpc.mesh import EdgeHub, JoygrpcError, MeshServer, Service, edge_service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as dist
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as dist_rpc
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as op
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as op_rpc
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc
from joygrpc.supervisor import bind_listener, url_of

SECRET = "a secret that is long enough for every algorithm: sixty-four bytes"
BAG = "dynamic:channel:1"
STORED_AT_S = 1_700_000_000
PIECE = 64 << 10


class Refused(JoygrpcError):
    """A refusal with any reason of the table."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


@dataclass
class Expected:
    """An object that the chain knows and the node lacks."""

    size: int
    multihash: str


@dataclass
class ObjectFiles:
    """Objects in a directory, one file each, named by id."""

    root: Path
    media_types: dict[int, str] = field(default_factory=dict)
    lease_seconds: int = 60
    give_leases: bool = True
    leased: int = 0

    def put(self, object_id: int, data: bytes, media_type: str = "") -> str:
        (self.root / str(object_id)).write_bytes(data)
        self.media_types[object_id] = media_type
        return multihash_of_bytes(data)

    def path(self, object_id: int) -> Path:
        return self.root / str(object_id)

    def ids(self) -> list[int]:
        return sorted(self.media_types)

    def facts(self, object_id: int) -> content.Object:
        data = self.path(object_id).read_bytes()
        found = content.Object(
            id=object_id,
            size=len(data),
            multihash=multihash_of_bytes(data),
            media_type=self.media_types[object_id],
            bag_id=BAG,
        )
        found.stored_at.FromSeconds(STORED_AT_S)
        return found

    def lease(self, object_id: int) -> content.Lease:
        self.leased += 1
        stat = self.path(object_id).stat()
        lease = content.Lease(
            lease_id=f"lease-{object_id}-{self.leased}",
            path=str(self.path(object_id)),
            device=stat.st_dev,
            inode=stat.st_ino,
        )
        lease.valid_for.FromSeconds(self.lease_seconds)
        return lease

    def pieces(self, object_id: int, offset: int, limit: int) -> list[bytes]:
        data = self.path(object_id).read_bytes()[offset:]
        data = data[:limit] if limit else data
        return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


class StoragePeer(rpc.StorageServiceServicer, rpc.StorageEdgeServiceServicer):
    """A storage node: both services over one directory, and a few objects that may be uploaded."""

    def __init__(self, files: ObjectFiles) -> None:
        self.files = files
        self.hub = EdgeHub()
        self.expected: dict[int, Expected] = {}
        self.tokens_on = False
        self.starts: list[pb.UploadStart] = []
        self.aborted = asyncio.Event()
        self.received = asyncio.Event()
        self.reads = 0
        self.break_reads_after: int | None = None
        self.pages: list[list[int]] | None = None
        self.accesses: list[content.AccessCount] = []
        self.max_object_size = 1 << 30

    def services(self) -> list[Service]:
        return [
            Service(
                "joystream.storage.v1.StorageService",
                lambda server: rpc.add_StorageServiceServicer_to_server(self, server),
            ),
            Service(
                "joystream.storage.v1.StorageEdgeService",
                lambda server: rpc.add_StorageEdgeServiceServicer_to_server(self, server),
            ),
            edge_service(self.hub),
        ]

    def _find(self, object_id: int) -> content.Object:
        if object_id not in self.files.media_types:
            raise Refused("OBJECT_NOT_FOUND", "object is not here")
        return self.files.facts(object_id)

    async def GetObject(self, request, context):
        return pb.GetObjectResponse(object=self._find(request.object_id))

    async def OpenObject(self, request, context):
        found = pb.OpenObjectResponse(object=self._find(request.object_id))
        if request.want_lease and self.files.give_leases:
            found.lease.CopyFrom(self.files.lease(request.object_id))
        return found

    async def ReadObject(self, request, context):
        self.reads += 1
        yield pb.ReadObjectResponse(object=self._find(request.object_id))
        for index, piece in enumerate(self.files.pieces(request.object_id, request.offset, request.limit)):
            if self.break_reads_after is not None and index >= self.break_reads_after:
                raise Refused("SOURCE_FAILED", "the disk is gone")
            yield pb.ReadObjectResponse(data=piece)

    async def ReportAccess(self, request, context):
        self.accesses += request.counts
        return pb.ReportAccessResponse()

    async def ListObjects(self, request, context):
        if request.bag_id:
            try:
                BagId.parse(request.bag_id)
            except InvalidBagId as error:
                raise Refused("BAG_ID_INVALID", str(error)) from None
        for page in self.pages if self.pages is not None else [self.files.ids()]:
            yield pb.ListObjectsResponse(object_ids=page)

    async def GetDataStats(self, request, context):
        ids = self.files.ids()
        total = sum(self.files.path(one).stat().st_size for one in ids)
        return pb.GetDataStatsResponse(object_count=len(ids), total_size=total, pending_count=1, pending_size=5)

    async def GetStatus(self, request, context):
        status = pb.GetStatusResponse(
            version="9.8.7", worker_id=3, upload_buckets=[0], download_buckets=[0, 2], sync_enabled=True
        )
        status.uptime.FromSeconds(61)
        status.sync_interval.FromSeconds(90)
        status.cleanup_interval.FromSeconds(600)
        status.directory.query_node_url = "http://query-node/graphql"
        status.directory.query_node_height = 41
        status.directory.chain_head = 42
        status.max_object_size = self.max_object_size
        return status

    async def CreateUploadToken(self, request, context):
        if not self.tokens_on:
            raise Refused("UPLOAD_AUTH_DISABLED")
        if request.signature != "0xgood":
            raise Refused("UPLOAD_SIGNATURE_INVALID", "Invalid upload token request signature.")
        return pb.CreateUploadTokenResponse(token=f"token:{request.signed_data}")

    def _check(self, start: pb.UploadStart) -> Expected:
        self.starts.append(start)
        if start.storage_bucket_id != 0:
            raise Refused("BUCKET_NOT_SERVED", "no such bucket")
        try:
            BagId.parse(start.bag_id)
        except InvalidBagId as error:
            raise Refused("UPLOAD_BAG_ID_INVALID", str(error)) from None
        if start.object_id in self.files.media_types:
            raise Refused("OBJECT_ALREADY_STORED", f"Data object {start.object_id} already exists (in storage)")
        if start.object_id not in self.expected:
            raise Refused(
                "OBJECT_NOT_IN_BAG", f"Data object {start.object_id} doesn't exist in storage bag {start.bag_id}"
            )
        return self.expected[start.object_id]

    def _grown(self, start: pb.UploadStart, expected: Expected, size: int) -> None:
        self.received.set()
        if size > expected.size:
            raise Refused("SIZE_MISMATCH", self._size_message(start))

    @staticmethod
    def _size_message(start: pb.UploadStart) -> str:
        return f"File size doesn't match the data object's size for data object ID = {start.object_id}"

    def _keep(self, start: pb.UploadStart, expected: Expected, data: bytes) -> content.Object:
        if len(data) != expected.size:
            raise Refused("SIZE_MISMATCH", self._size_message(start))
        if multihash_of_bytes(data) != expected.multihash:
            raise Refused("MULTIHASH_MISMATCH", "hash")
        self.files.put(start.object_id, data)
        return self.files.facts(start.object_id)

    async def BeginUpload(self, request_iterator, context):
        requests = aiter(request_iterator)
        start = (await anext(requests)).start
        expected = self._check(start)
        yield pb.BeginUploadResponse(
            accepted=pb.UploadAccepted(expected_size=expected.size, multihash=expected.multihash)
        )
        data = bytearray()
        try:
            async for request in requests:
                if request.HasField("commit"):
                    stored = self._keep(start, expected, bytes(data))
                    yield pb.BeginUploadResponse(committed=pb.UploadCommitted(object=stored))
                    return
                data += request.data
                self._grown(start, expected, len(data))
        except asyncio.CancelledError:
            self.aborted.set()
            raise
        self.aborted.set()

    async def WriteObject(self, request_iterator, context):
        requests = aiter(request_iterator)
        start = (await anext(requests)).start
        expected = self._check(start)
        data = bytearray()
        try:
            async for request in requests:
                if request.HasField("finish"):
                    return pb.WriteObjectResponse(object=self._keep(start, expected, bytes(data)))
                data += request.data
                self._grown(start, expected, len(data))
        except asyncio.CancelledError:
            self.aborted.set()
            raise
        self.aborted.set()
        raise Refused("UPLOAD_TRUNCATED", "too early")


class DistributorPeer(dist_rpc.DistributionServiceServicer, op_rpc.OperatorServiceServicer):
    """A distributor node: objects of the directory are hits, unless a state or a refusal is set for them."""

    def __init__(self, files: ObjectFiles) -> None:
        self.files = files
        self.hub = EdgeHub()
        self.states: dict[int, tuple[int, int]] = {}
        self.refusals: dict[int, str] = {}
        self.opened: list[dist.OpenAssetRequest] = []
        self.reads: list[dist.ReadAssetRequest] = []
        self.media_types_while_reading: dict[int, str] = {}
        self.fail_reads: str = ""
        self.break_reads_after: int | None = None
        self.accesses: list[content.AccessCount] = []
        self.buckets: list[str] = []
        self.worker = 5
        self.shut_down = asyncio.Event()
        self.shutting_down = False

    def services(self) -> list[Service]:
        return [
            Service(
                "joystream.distribution.v1.DistributionService",
                lambda server: dist_rpc.add_DistributionServiceServicer_to_server(self, server),
            ),
            Service(
                "joystream.operator.v1.OperatorService",
                lambda server: op_rpc.add_OperatorServiceServicer_to_server(self, server),
            ),
            edge_service(self.hub),
        ]

    def _open(self, object_id: int) -> dist.OpenAssetResponse:
        if object_id in self.refusals:
            raise Refused(self.refusals[object_id])
        if object_id not in self.files.media_types:
            raise Refused("ASSET_NOT_FOUND")
        state, source = self.states.get(object_id, (dist.CACHE_STATE_HIT, dist.DATA_SOURCE_LOCAL))
        return dist.OpenAssetResponse(object=self.files.facts(object_id), cache_state=state, data_source=source)

    async def OpenAsset(self, request, context):
        self.opened.append(request)
        found = self._open(request.object_id)
        hit = found.cache_state == dist.CACHE_STATE_HIT
        if request.want_lease and self.files.give_leases and hit and not request.facts_only:
            found.lease.CopyFrom(self.files.lease(request.object_id))
        return found

    async def ReadAsset(self, request, context):
        self.reads.append(request)
        if self.fail_reads:
            raise Refused(self.fail_reads)
        found = self._open(request.object_id)
        if request.object_id in self.media_types_while_reading:
            found.object.media_type = self.media_types_while_reading[request.object_id]
        if found.cache_state == dist.CACHE_STATE_MISS:
            found.cache_state = dist.CACHE_STATE_PENDING
        yield dist.ReadAssetResponse(asset=found)
        for index, piece in enumerate(self.files.pieces(request.object_id, request.offset, request.limit)):
            if self.break_reads_after is not None and index >= self.break_reads_after:
                raise Refused("SOURCE_FAILED")
            yield dist.ReadAssetResponse(data=piece)

    async def ReportAccess(self, request, context):
        self.accesses += request.counts
        return dist.ReportAccessResponse()

    async def GetStatus(self, request, context):
        status = dist.GetStatusResponse(
            node_id="node-1", version="9.8.7", objects_in_cache=2, storage_limit=1000, storage_used=10, chain_head=42
        )
        status.worker_id = self.worker
        status.uptime.FromSeconds(5)
        return status

    async def GetBuckets(self, request, context):
        if self.buckets:
            return dist.GetBucketsResponse(bucket_ids=self.buckets)
        return dist.GetBucketsResponse(all_by_worker_id=self.worker)

    async def StopApi(self, request, context):
        if self.shutting_down:
            raise Refused("NODE_SHUTTING_DOWN")
        if not self.hub.api_enabled:
            raise Refused("API_ALREADY_STOPPED", "Already stopped")
        assert await self.hub.set_api(enabled=False)
        return op.StopApiResponse()

    async def StartApi(self, request, context):
        if self.hub.api_enabled:
            raise Refused("API_ALREADY_STARTED", "Already started")
        assert await self.hub.set_api(enabled=True)
        return op.StartApiResponse()

    async def Shutdown(self, request, context):
        self.shut_down.set()
        return op.ShutdownResponse()

    async def SetWorker(self, request, context):
        self.worker = request.worker_id
        return op.SetWorkerResponse()

    async def SetBuckets(self, request, context):
        self.buckets = list(request.bucket_ids)
        return op.SetBucketsResponse()


@dataclass
class Edge:
    """A gateway worker before a node."""

    url: str
    worker: Worker
    operator_url: str = ""


@contextlib.asynccontextmanager
async def serving_node(node: StoragePeer | DistributorPeer, address: str) -> AsyncIterator[str]:
    """Serves a node; gives its target."""
    async with MeshServer(address, node.services(), grace=timedelta(seconds=0.2)) as server:
        yield address if address.startswith("unix:") else f"127.0.0.1:{server.port}"


def gateway_config(kind: str, target: str, data_root: Path | None, **limits: Any) -> GatewayConfig:
    """A worker's configuration; a distributor's has an operator's API. `trusted_proxies` and `forwarded_header` stand among the limits."""
    edge = {name: limits.pop(name) for name in ("trusted_proxies", "forwarded_header") if name in limits}
    operator = {"hmac_secret": SECRET} if kind == "distributor" else None
    return GatewayConfig.model_validate(
        {
            "kind": kind,
            "node_target": target,
            "data_root": data_root,
            "limits": limits,
            "operator": operator,
            "shutdown": {"drain_s": 0.2},
            **edge,
        }
    )


@contextlib.asynccontextmanager
async def serving_edge(kind: str, target: str, data_root: Path | None, **limits: Any) -> AsyncIterator[Edge]:
    """A gateway worker on free ports of this machine."""
    with bind_listener("127.0.0.1", 0) as public, bind_listener("127.0.0.1", 0) as operator:
        sockets = {"public": public, "operator": operator}
        async with running_worker(gateway_config(kind, target, data_root, **limits), sockets) as worker:
            yield Edge(url_of(public), worker, url_of(operator))


def operator_token(url: str, body: object, *, secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    """A token as the operator's command line signs it; claims set to None are left out."""
    now = int(time.time())
    payload = {"reqUrl": url, "reqBody": body, "iat": now, "exp": now + 60, **claims}
    return jwt.encode({key: value for key, value in payload.items() if value is not None}, secret, algorithm=algorithm)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Waits for something that nothing announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.005)


def unix_address(directory: Path) -> str:
    return f"unix:{directory / 'node.sock'}"


async def raw_exchange(url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Sends bytes as they are; gives status, headers and what came until the connection closed."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        return parse_response(await asyncio.wait_for(reader.read(), 10))
    finally:
        writer.close()


def parse_response(text: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def is_refused(url: str) -> bool:
    """Whether connecting is refused at once."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0
