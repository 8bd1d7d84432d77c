import pytest

from gateway.errors import RequestRefused
from gateway.routing import Route, RouteTable

TABLE = RouteTable(
    [
        Route("get", "GET", "/api/v1/files/{id}", 1),
        Route("head", "HEAD", "/api/v1/files/{id}", 2),
        Route("post", "POST", "/api/v1/files", 3),
        Route("bag", "GET", "/api/v1/state/bags/{bagId}/data-objects", 4),
        Route("root", "GET", "/", 5),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "/api/v1/files/7", "get", {"id": "7"}),
        ("HEAD", "/api/v1/files/7/", "head", {"id": "7"}),
        ("GET", "/API/V1/Files/aB", "get", {"id": "aB"}),
        ("POST", "/api/v1/files", "post", {}),
        ("POST", "/api/v1/Files/", "post", {}),
        ("GET", "/api/v1/state/bags/dynamic%3Achannel:1/data-objects", "bag", {"bagId": "dynamic:channel:1"}),
        ("GET", "/api/v1/files/..%2F..%2Fetc", "get", {"id": "../../etc"}),
        ("GET", "/api/v1/files/%ff", "get", {"id": "\ufffd"}),
        ("GET", "/api/v1/files/%0a", "get", {"id": "\n"}),
        ("GET", "/", "root", {}),
    ],
)
def test_match(method: str, path: str, name: str, parameters: dict[str, str]) -> None:
    match = TABLE.match(method, path)
    assert (match.route.name, match.parameters) == (name, parameters)


@pytest.mark.parametrize(
    "path", ["/api/v1/file/7", "/files/7", "/api/v1/files/7//", "/api/v1/files/7/x", "/api/v1", "*", "//"]
)
def test_unknown_paths(path: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        TABLE.match("GET", path)
    assert (caught.value.reason, caught.value.message) == ("ROUTE_NOT_FOUND", "not found")


def test_wrong_method() -> None:
    with pytest.raises(RequestRefused) as caught:
        TABLE.match("PUT", "/api/v1/files/7")
    assert caught.value.reason == "METHOD_NOT_ALLOWED"
    assert caught.value.message == "PUT method not allowed"
    assert caught.value.headers == {"Allow": "GET, HEAD, OPTIONS"}


def test_routes_are_listed() -> None:
    assert [route.handler for route in TABLE.routes] == [1, 2, 3, 4, 5]
