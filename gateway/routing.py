"""Which handler a path and a method belong to: case does not matter, and one trailing slash is tolerated. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

from gateway.errors import RequestRefused

H = TypeVar("H")

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route(Generic[H]):
    """One operation. `path` has parameters in braces, each one segment; `failure_type` is the `type` of the JSON body when the handler fails."""

    name: str
    method: str
    path: str
    handler: H
    failure_type: str = ""


@dataclass(frozen=True, slots=True)
class Match(Generic[H]):
    """A route and the decoded values of its parameters."""

    route: Route[H]
    parameters: Mapping[str, str]


class RouteTable(Generic[H]):
    """All operations of one API."""

    def __init__(self, routes: Iterable[Route[H]]) -> None:
        self._by_path: dict[str, tuple[re.Pattern[str], dict[str, Route[H]]]] = {}
        for route in routes:
            _, methods = self._by_path.setdefault(route.path, (_compile(route.path), {}))
            methods[route.method] = route

    @property
    def routes(self) -> list[Route[H]]:
        """All routes, in the order they were given."""
        return [route for _, methods in self._by_path.values() for route in methods.values()]

    def match(self, method: str, raw_path: str) -> Match[H]:
        """The operation that a request names; `raw_path` is the path as sent, without query.

        Raises `RequestRefused` with ROUTE_NOT_FOUND, or METHOD_NOT_ALLOWED for a known path.
        """
        for pattern, methods in self._by_path.values():
            found = pattern.fullmatch(raw_path)
            if found is None:
                continue
            route = methods.get(method)
            if route is None:
                allowed = ", ".join([*methods, "OPTIONS"])
                raise RequestRefused("METHOD_NOT_ALLOWED", f"{method} method not allowed", headers={"Allow": allowed})
            # Bytes that are no UTF-8 become replacement characters, which no identifier contains.
            return Match(route, {name: unquote(value) for name, value in found.groupdict().items()})
        raise RequestRefused("ROUTE_NOT_FOUND")


def _compile(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path.rstrip("/"))
    literals = [re.escape(part) for part in parts[::2]]
    groups = [rf"(?P<{name}>[^/]+)" for name in parts[1::2]]
    text = "".join(literal + group for literal, group in zip(literals, [*groups, ""], strict=True))
    return re.compile(rf"{text}/?", re.IGNORECASE | re.ASCII)
