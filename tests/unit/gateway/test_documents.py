import re

import pytest

from gateway.accesses import AccessCounts
from gateway.documents import documentation_routes, load_document, page
from gateway.leases import LeaseTable
from gateway.routing import Route

APIS = ("storage", "distributor", "operator")


def routes_of(api: str) -> list[Route[object]]:
    """The routes alone: nothing is called."""
    from gateway.distributor_routes import DistributorRoutes
    from gateway.operator_routes import OperatorRoutes
    from gateway.storage_routes import StorageRoutes

    leases, counts = LeaseTable(None, 1), AccessCounts()
    if api == "storage":
        found = StorageRoutes(None, leases, counts, None, None).routes()
    elif api == "distributor":
        found = DistributorRoutes(None, leases, counts, None).routes()
    else:
        found = OperatorRoutes(None, b"").routes()
    return [*found, *documentation_routes(api)]


@pytest.mark.parametrize("api", APIS)
def test_every_route_is_documented_and_every_document_is_served(api: str) -> None:
    documented = {
        (method.upper(), path)
        for path, item in load_document(api)["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert documented == {(route.method, route.path) for route in routes_of(api)}


@pytest.mark.parametrize("api", APIS)
def test_the_page_needs_nothing_else(api: str) -> None:
    text = page(api)
    for path in load_document(api)["paths"]:
        assert path in text
    assert not re.search(r"<script|src=|@import|<link", text)
    assert re.findall(r'href="([^"]*)"', text) == ["/openapi.json"]
