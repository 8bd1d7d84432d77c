"""The REST API of a storage node."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta

from aiohttp import web

from gateway.accesses import AccessCounts
from gateway.answers import ObjectRequest, decide
from gateway.app import Handler
from gateway.bodies import is_json, read_json
from gateway.delivery import Delivery, without_body
from gateway.errors import RequestRefused, Violation
from gateway.facts import ObjectFacts
from gateway.leases import LeaseTable, OpenLease
from gateway.responses import created, id_list, json_answer
from gateway.routing import Route
from gateway.schema_checks import DIGITS_PATTERN, check_token_request
from gateway.storage_node import StorageNode
from gateway.uploads import Uploads
from joygrpc.content import InvalidObjectId, parse_object_id
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1.maintenance_pb2 import CleanupReport

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


class StorageRoutes:
    """Handlers of the storage API: they translate, ask the node, and translate back."""

    def __init__(
        self, node: StorageNode, leases: LeaseTable, counts: AccessCounts, delivery: Delivery, uploads: Uploads
    ) -> None:
        self._node = node
        self._leases = leases
        self._counts = counts
        self._delivery = delivery
        self._uploads = uploads

    def routes(self) -> list[Route[Handler]]:
        """All operations."""
        return [
            Route("files.get", "GET", "/api/v1/files/{id}", self.get_file, "files"),
            Route("files.head", "HEAD", "/api/v1/files/{id}", self.get_file, "files"),
            Route("files.upload", "POST", "/api/v1/files", self.upload, "upload"),
            Route("auth_token", "POST", "/api/v1/authToken", self.auth_token, "authtoken"),
            Route("state.objects", "GET", "/api/v1/state/data-objects", self.all_objects, "all_data_objects"),
            Route(
                "state.bag_objects",
                "GET",
                "/api/v1/state/bags/{bagId}/data-objects",
                self.bag_objects,
                "data_objects_by_bag",
            ),
            Route("state.data", "GET", "/api/v1/state/data", self.data_stats, "local_data_stats"),
            Route("version", "GET", "/api/v1/version", self.version),
            Route("status", "GET", "/api/v1/status", self.status),
        ]

    async def get_file(self, request: web.Request, parameters: Mapping[str, str]) -> web.StreamResponse:
        """An object's bytes, or its headers alone."""
        object_id = _object_id(parameters["id"])
        wanted = ObjectRequest.of(request.method, request.headers)
        lease = self._leases.lookup(object_id)
        if lease is None:
            facts, lease = await self._node.open(object_id, want_lease=request.method == "GET")
        else:
            facts = lease.facts
        if lease is None:
            return await self._from_node(request, wanted, facts)
        with lease:
            return await self._from_lease(request, wanted, lease)

    async def _from_lease(self, request: web.Request, wanted: ObjectRequest, lease: OpenLease) -> web.StreamResponse:
        answer = decide(wanted, lease.facts)
        if answer.refusal:
            raise RequestRefused(answer.refusal, headers=answer.headers)
        if answer.part is None:
            return without_body(answer)
        self._counts.record(lease.facts.object_id, answer.part)
        return await self._delivery.send_from_file(request, answer, answer.part, lease)

    async def _from_node(self, request: web.Request, wanted: ObjectRequest, facts: ObjectFacts) -> web.StreamResponse:
        answer = decide(wanted, facts)
        if answer.refusal:
            raise RequestRefused(answer.refusal, headers=answer.headers)
        if answer.part is None:
            return without_body(answer)
        async with self._node.read(facts.object_id, answer.part) as stream:
            return await self._delivery.send_from_stream(request, answer, stream.chunks)

    async def upload(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """Takes an object; the answer's `id` is its multihash."""
        stored = await self._uploads.take(request)
        return created({"id": stored.multihash})

    async def auth_token(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """A token for one upload."""
        body = await read_json(request)
        if not is_json(request):
            shown = request.headers.get("Content-Type", "undefined")
            raise RequestRefused("MEDIA_TYPE_UNSUPPORTED", f"unsupported media type {shown}")
        signed_data, signature = check_token_request(body)
        return created({"token": await self._node.create_token(signed_data, signature)})

    async def all_objects(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """Ids of all objects that the node serves."""
        return await id_list(request, self._pages(""))

    async def bag_objects(self, request: web.Request, parameters: Mapping[str, str]) -> web.StreamResponse:
        """Ids of the objects of one bag."""
        return await id_list(request, self._pages(parameters["bagId"]))

    async def _pages(self, bag_id: str) -> AsyncGenerator[Sequence[int], None]:
        async with aclosing(self._node.list_objects(bag_id)) as pages:
            async for page in pages:
                yield page.object_ids

    async def data_stats(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """Counters of objects and bytes."""
        stats = await self._node.data_stats()
        body = {
            "totalSize": stats.total_size,
            "objectNumber": stats.object_count,
            "tempDownloads": stats.receiving_count,
            "tempDirSize": stats.receiving_size,
            "pendingObjects": stats.pending_count,
            "pendingDirSize": stats.pending_size,
        }
        return json_answer(request, body)

    async def version(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """Version of the node's software."""
        version = (await self._node.status()).version
        return json_answer(request, {"version": version, "userAgent": user_agent(version)})

    async def status(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """What the node is and does."""
        return json_answer(request, status_body(await self._node.status(), os.environ.get("NODE_ENV")))


def user_agent(version: str) -> str:
    """What a node of this version calls itself, in the reference's shape."""
    machine = platform.machine()
    system = f"{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"
    return f"storage-node/{version} {system} python-v{platform.python_version()}"


def status_body(status: pb.GetStatusResponse, node_env: str | None) -> dict[str, object]:
    """The body of `/status`; durations in whole seconds (`uptime`) and minutes (intervals)."""
    directory = status.directory
    body: dict[str, object] = {"version": status.version, "uptime": status.uptime.seconds}
    if node_env:
        body["nodeEnv"] = node_env
    return body | {
        "uploadBuckets": [str(bucket) for bucket in status.upload_buckets],
        "downloadBuckets": [str(bucket) for bucket in status.download_buckets],
        "sync": {
            "enabled": status.sync_enabled,
            "interval": _minutes(status.sync_interval.ToTimedelta().total_seconds()),
        },
        "cleanup": {
            "enabled": status.cleanup_enabled,
            "interval": _minutes(status.cleanup_interval.ToTimedelta().total_seconds()),
            "maxQnLaggingThresholdInBlocks": status.cleanup_max_lag_blocks,
            "minReplicationThresholdForPruning": status.cleanup_min_replicas,
            **({"last": _last_cleanup(status.last_cleanup)} if status.HasField("last_cleanup") else {}),
        },
        "quarantine": {"objects": status.quarantined_count, "bytes": status.quarantined_size},
        "scrub": {
            "enabled": status.scrub.enabled,
            "periodDays": status.scrub.period.ToTimedelta() / timedelta(days=1),
            "objectsDue": status.scrub.objects_due,
            "bytesDue": status.scrub.size_due,
            "objectsChecked": status.scrub.objects_checked,
            "bytesChecked": status.scrub.size_checked,
            "objectsRotten": status.scrub.objects_rotten,
        },
        "queryNodeStatus": {
            "url": directory.query_node_url,
            "chainHead": directory.chain_head,
            "blocksProcessed": directory.query_node_height,
            "packageVersion": directory.query_node_version,
        },
        "directory": {
            "height": directory.directory_height,
            "complete": directory.complete,
            "lastError": directory.last_error,
        },
    }


def _last_cleanup(report: CleanupReport) -> dict[str, object]:
    return {
        "endedAt": report.ended_at.ToJsonString(),
        "examined": report.examined,
        "quarantined": report.quarantined,
        "quarantinedBytes": report.quarantined_size,
        "hindrance": report.hindrance,
    }


def _minutes(seconds: float) -> float | int:
    minutes = seconds / 60
    return int(minutes) if minutes.is_integer() else minutes


def _object_id(text: str) -> int:
    if _DIGITS.fullmatch(text) is None:
        message = f'request.params.id should match pattern "{DIGITS_PATTERN}"'
        raise RequestRefused.invalid(Violation(".params.id", message, "pattern"))
    try:
        return parse_object_id(text)
    except InvalidObjectId:
        # A number in another form, such as 007, or beyond 64 bits: no object has that name.
        raise RequestRefused("OBJECT_NOT_FOUND") from None
