"""Which addresses the node may connect to: endpoints come from the chain, where anyone who operates a bucket writes what he likes."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_TARGET = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


class AddressForbidden(Exception):
    """The node does not connect to this address."""


class AddressGuard:
    """Lets URLs of http and https pass, and gRPC targets `host:port`; private, loopback and other special addresses only when they are allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private

    def __repr__(self) -> str:
        return f"<AddressGuard private={'allowed' if self.allow_private else 'refused'}>"

    def check_url(self, url: str) -> None:
        """Raises `AddressForbidden` for what is not an http or https URL with a host, and for special addresses written out."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise AddressForbidden("not a URL") from None
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise AddressForbidden("not an http or https URL")
        self._check_literal(host)

    async def resolved(self, target: str) -> str:
        """The gRPC target to connect to instead of `host:port`: addresses that were checked, where names are not trusted.

        Raises `AddressForbidden` for what is not `host:port`, and for hosts that resolve to a special address.
        """
        found = _TARGET.fullmatch(target)
        if found is None:
            raise AddressForbidden("not a host and port")
        host, port = found["host"].strip("[]"), int(found["port"])
        self._check_literal(host)
        if self.allow_private or _as_address(host) is not None:
            return target
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise AddressForbidden("the host does not resolve") from None
        for info in infos:
            self._check_literal(str(info[4][0]))
        return pinned_target(infos, port)

    def check_address(self, address: str) -> None:
        """Raises `AddressForbidden` for a special address."""
        self._check_literal(address)

    def _check_literal(self, host: str) -> None:
        address = _as_address(host)
        if address is not None and not self.allow_private and not address.is_global:
            raise AddressForbidden("a private or special address")


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp and leaves out forbidden addresses, at the moment of connecting."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a host; raises OSError when there is none."""
        results = await self._resolver.resolve(host, port, family)
        allowed = []
        for result in results:
            try:
                self._guard.check_address(result["host"])
            except AddressForbidden:
                continue
            allowed.append(result)
        if not allowed:
            raise OSError("every address of the host is forbidden")
        return allowed

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()


def pinned_target(infos: Sequence[tuple[object, object, object, object, Sequence[object]]], port: int) -> str:
    """A gRPC target of the addresses that a look-up gave, so that nothing is looked up again: those of one family, IPv4 before IPv6."""
    for family, scheme, form in ((socket.AF_INET, "ipv4", "{}:{}"), (socket.AF_INET6, "ipv6", "[{}]:{}")):
        addresses = sorted({str(info[4][0]) for info in infos if info[0] == family})
        if addresses:
            return f"{scheme}:" + ",".join(form.format(address, port) for address in addresses)
    raise AddressForbidden("the host has no address")


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address
    try:
        # Spellings such as `127.1` or `0x7f000001`, which resolvers take for addresses.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
