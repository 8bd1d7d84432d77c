"""The OpenAPI documents hold: schemathesis asks what they allow, and what they forbid, and looks for answers that they do not know."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.checks import CheckContext
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gateway.documents import load_document
from joygrpc.content import multihash_of_bytes
from tests.integration.gateway_peers import (
    DistributorPeer,
    Edge,
    Expected,
    ObjectFiles,
    StoragePeer,
    operator_token,
    serving_edge,
    serving_node,
    unix_address,
)


def never_500(_: CheckContext, response: schemathesis.Response, __: schemathesis.Case) -> bool | None:
    """503 and the like are documented answers; 500 is none."""
    assert response.status_code != 500
    return None


CHECKS = [
    never_500,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
BOUNDED = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
APIS = ("storage", "distributor", "operator")
NOT_WHILE_OTHERS_RUN = r"/(stop-api|start-api|shutdown)$"


class Serving:
    """A node and its gateway, on an event loop in a thread of their own."""

    def __init__(self, kind: str, directory: Path) -> None:
        self._kind = kind
        self._directory = directory
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.edge: Edge | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        files = ObjectFiles(self._directory)
        files.put(0, b"hello, world", "text/plain")
        files.put(1, b"")
        node: StoragePeer | DistributorPeer
        if self._kind == "storage":
            node = StoragePeer(files)
            node.tokens_on = True
            for object_id in range(2, 10):
                node.expected[object_id] = Expected(1, multihash_of_bytes(b"x"))
        else:
            node = DistributorPeer(files)
            node.refusals = {2: "ASSET_NOT_SERVED", 3: "ASSET_NOT_ACCEPTED"}
        async with (
            serving_node(node, unix_address(self._directory)) as target,
            serving_edge(self._kind, target, self._directory) as self.edge,
        ):
            self._started.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """URLs of the three APIs."""
    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(Serving("storage", tmp_path_factory.mktemp("s"))).edge
        distributor = stack.enter_context(Serving("distributor", tmp_path_factory.mktemp("d"))).edge
        assert storage is not None
        assert distributor is not None
        yield {"storage": storage.url, "distributor": distributor.url, "operator": distributor.operator_url}


@pytest.mark.parametrize("api", APIS)
def test_documents_are_valid(api: str) -> None:
    validate(dict(load_document(api)))


storage_schema = schemathesis.openapi.from_dict(dict(load_document("storage")))
distributor_schema = schemathesis.openapi.from_dict(dict(load_document("distributor")))
operator_schema = schemathesis.openapi.from_dict(dict(load_document("operator"))).exclude(
    path_regex=NOT_WHILE_OTHERS_RUN
)


@storage_schema.parametrize()
@BOUNDED
def test_storage(case: schemathesis.Case, roots: dict[str, str]) -> None:
    case.call_and_validate(base_url=roots["storage"], checks=CHECKS)


@distributor_schema.parametrize()
@BOUNDED
def test_distributor(case: schemathesis.Case, roots: dict[str, str]) -> None:
    case.call_and_validate(base_url=roots["distributor"], checks=CHECKS)


@operator_schema.parametrize()
@BOUNDED
def test_operator(case: schemathesis.Case, roots: dict[str, str]) -> None:
    case.call_and_validate(base_url=roots["operator"], checks=CHECKS, headers=signature(case, roots["operator"]))


def signature(case: schemathesis.Case, root: str) -> dict[str, str]:
    """The token of a request as it will be sent."""
    sent = case.as_transport_kwargs(base_url=root)
    url = urlsplit(sent["url"])
    body = sent.get("json", {})
    path = url.path + (f"?{url.query}" if url.query else "")
    try:
        json.dumps(body)
    except TypeError:
        body = {}
    return {"Authorization": f"Bearer {operator_token(path, body)}"}
