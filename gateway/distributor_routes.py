"""The REST API of a distributor node."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import hdrs, web

from gateway.accesses import AccessCounts
from gateway.answers import ObjectRequest, decide
from gateway.app import Handler
from gateway.delivery import Delivery, without_body
from gateway.distributor_node import Asset, DistributorNode
from gateway.errors import RequestRefused
from gateway.exchange import current_exchange
from gateway.facts import CacheState, DataSource
from gateway.leases import LeaseTable, OpenLease
from gateway.ranges import ByteRange
from gateway.responses import json_answer
from gateway.routing import Route
from gateway.schema_checks import digits
from joygrpc.content import InvalidObjectId, parse_object_id
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb

REFUSED_HEAD: Mapping[str, str] = {"Accept-Ranges": "bytes", "Content-Disposition": "inline"}
"""What the reference tells with a HEAD of an object that it does not have."""


class DistributorRoutes:
    """Handlers of the distributor API: they translate, ask the node, and translate back."""

    def __init__(self, node: DistributorNode, leases: LeaseTable, counts: AccessCounts, delivery: Delivery) -> None:
        self._node = node
        self._leases = leases
        self._counts = counts
        self._delivery = delivery

    def routes(self) -> list[Route[Handler]]:
        """All operations; objects have two paths, for clients of both eras."""
        assets: list[Route[Handler]] = [
            Route(f"assets.{method.lower()}", method, path, self.get_asset)
            for path in ("/api/v1/assets/{objectId}", "/api/v1/asset/{objectId}")
            for method in ("GET", "HEAD")
        ]
        return [
            *assets,
            Route("status", "GET", "/api/v1/status", self.status),
            Route("buckets", "GET", "/api/v1/buckets", self.buckets),
        ]

    async def get_asset(self, request: web.Request, parameters: Mapping[str, str]) -> web.StreamResponse:
        """An object's bytes, or its headers alone."""
        object_id = _object_id(parameters["objectId"])
        wanted = ObjectRequest.of(request.method, request.headers)
        if request.method == hdrs.METH_HEAD:
            current_exchange().refusal_headers = REFUSED_HEAD
        lease = self._leases.lookup(object_id)
        if lease is not None:
            with lease:
                return await self._from_lease(request, wanted, lease)
        # What may end without bytes shall not start a fill; reading starts it when it comes to that.
        facts_only = request.method == "HEAD" or wanted.conditions.may_end_without_bytes
        asset, lease = await self._node.open(object_id, facts_only=facts_only, hint=wanted.hint)
        if lease is None:
            return await self._from_node(request, wanted, asset, facts_only=facts_only)
        with lease:
            return await self._from_lease(request, wanted, lease)

    async def _from_lease(self, request: web.Request, wanted: ObjectRequest, lease: OpenLease) -> web.StreamResponse:
        asset = Asset(lease.facts, CacheState.HIT, DataSource.LOCAL)
        answer = decide(wanted, asset.facts, asset.provenance(request.method))
        if answer.refusal:
            raise RequestRefused(answer.refusal, headers=answer.headers)
        if answer.part is None:
            return without_body(answer)
        self._counts.record(asset.facts.object_id, answer.part)
        return await self._delivery.send_from_file(request, answer, answer.part, lease)

    async def _from_node(
        self, request: web.Request, wanted: ObjectRequest, asset: Asset, *, facts_only: bool
    ) -> web.StreamResponse:
        answer = decide(wanted, asset.facts, asset.provenance(request.method))
        if answer.refusal:
            raise RequestRefused(answer.refusal, headers=answer.headers)
        if answer.part is None:
            return without_body(answer)
        return await self._stream(request, wanted, asset, answer.part, facts_only=facts_only)

    async def _stream(
        self, request: web.Request, wanted: ObjectRequest, asset: Asset, part: ByteRange, *, facts_only: bool
    ) -> web.StreamResponse:
        async with self._node.read(asset.facts.object_id, part) as stream:
            # The media type of an object that was not there is known only now; and whose fill it is, if the first look started none.
            known = replace(asset, facts=replace(asset.facts, media_type=stream.head.facts.media_type))
            if facts_only:
                known = replace(known, cache_state=stream.head.cache_state, data_source=stream.head.data_source)
            answer = decide(wanted, known.facts, known.provenance(request.method))
            return await self._delivery.send_from_stream(request, answer, stream.chunks)

    async def status(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """What the node is and does."""
        return json_answer(request, status_body(await self._node.status(), os.environ.get("NODE_ENV", "")))

    async def buckets(self, request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        """What the node distributes."""
        found = await self._node.buckets()
        if found.HasField("all_by_worker_id") and not found.bucket_ids:
            return json_answer(request, {"allByWorkerId": found.all_by_worker_id})
        return json_answer(request, {"bucketIds": list(found.bucket_ids)})


def status_body(status: pb.GetStatusResponse, node_env: str) -> dict[str, object]:
    """The body of `/status`; sizes in bytes, `uptime` in whole seconds."""
    body: dict[str, object] = {"id": status.node_id, "version": status.version}
    if status.HasField("worker_id"):
        body["workerId"] = status.worker_id
    return body | {
        "objectsInCache": status.objects_in_cache,
        "storageLimit": status.storage_limit,
        "storageUsed": status.storage_used,
        "uptime": status.uptime.seconds,
        "downloadsInProgress": status.downloads_in_progress,
        "nodeEnv": node_env,
        "queryNodeStatus": {
            "url": status.query_node_url,
            "chainHead": status.chain_head,
            "blocksProcessed": status.query_node_height,
            "packageVersion": status.query_node_version,
        },
    }


def _object_id(text: str) -> int:
    violation = digits("request.params.objectId", text)
    if violation is not None:
        raise RequestRefused.invalid(violation)
    try:
        return parse_object_id(text)
    except InvalidObjectId:
        # A number in another form, such as 007: no object has that name.
        raise RequestRefused("ASSET_NOT_FOUND") from None
