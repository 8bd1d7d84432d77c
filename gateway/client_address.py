"""Whose request it is: the address of the connection or, behind proxies that are trusted, the one that they tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from gateway.preconditions import Headers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ForwardedHeader = Literal["x-forwarded-for", "forwarded"]

MAX_HOPS = 32
"""Hops of a chain that are looked at, from the nearest on."""
IPV6_HOST_BITS = 64
"""A site gets a whole /64, so single addresses in it tell nothing."""

# Quoted texts, which clients may have a part in, may hold separators.
_ELEMENTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PAIRS = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+')
_PORT = re.compile(r":[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request: `address` as text, `key` what limits are counted by (IPv6 by /64); both empty when it has no address.

    `unlimited` says that the bounds of single clients do not concern it, `proxy` that it is believed about whose requests it forwards.
    """

    address: str
    key: str
    unlimited: bool = False
    proxy: bool = False


NOBODY = Client("", "", unlimited=True)


class ClientFinder:
    """Tells clients from connections and headers.

    The header is believed only when it comes from a trusted proxy, and of its chain only what trusted proxies added: the first address from the right that
    is none of theirs is the client.
    """

    def __init__(self, trusted: Sequence[Network], header: ForwardedHeader, unlimited: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._header = header
        self._unlimited = tuple(unlimited)

    def __repr__(self) -> str:
        return f"<ClientFinder {self._header} from {[str(network) for network in self._trusted]}>"

    def of_connection(self, peer: str) -> Client:
        """The other side of a connection. Trusted proxies are unlimited, as they carry many clients."""
        address = parse_address(peer)
        return self._client(address, proxy=address is not None and within(address, self._trusted))

    def of_request(self, connection: Client, headers: Headers) -> Client:
        """Who sent a request that came over a connection."""
        if not connection.proxy:
            return connection
        address = parse_address(connection.address)
        for hop in reversed(self._hops(headers)):
            found = parse_address(hop)
            if found is None:
                break
            address = found
            if not within(address, self._trusted):
                break
        return self._client(address)

    def _client(self, address: Address | None, *, proxy: bool = False) -> Client:
        if address is None:
            return NOBODY
        return Client(str(address), client_key(address), proxy or within(address, self._unlimited), proxy)

    def _hops(self, headers: Headers) -> list[str]:
        text = ",".join(headers.getall(self._header, ()))
        if self._header == "x-forwarded-for":
            return [hop.strip() for hop in text.split(",")[-MAX_HOPS:]] if text else []
        return [_forwarded_for(element) for element in _ELEMENTS.findall(text)[-MAX_HOPS:]]


def parse_address(text: str) -> Address | None:
    """The address that a header or socket tells, with or without port, brackets and zone; None for anything else.

    IPv4 addresses in IPv6 form come out as IPv4.
    """
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and _PORT.fullmatch(port) is None):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if _PORT.fullmatch(f":{port}") is None:
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def client_key(address: Address) -> str:
    """What limits are counted by: the address, of IPv6 the /64."""
    if isinstance(address, IPv4Address):
        return str(address)
    network = int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS
    return f"{IPv6Address(network)}/{128 - IPV6_HOST_BITS}"


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)


def _forwarded_for(element: str) -> str:
    """The `for` of an element of `Forwarded` (RFC 7239 section 4); an empty text without one."""
    for pair in _PAIRS.findall(element):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return str(value).strip().strip('"')
    return ""
