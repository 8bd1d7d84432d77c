"""Which addresses may be connected to."""

import socket

import pytest

from joygrpc.distributor.address_guard import AddressForbidden, AddressGuard, GuardedResolver, pinned_target

PUBLIC, PRIVATE = AddressGuard(allow_private=False), AddressGuard(allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "http://",
        "http://user@example.com/",
        "http://[::1",
        "http://example.com:99999/",
        "gopher://example.com",
    ],
)
def test_urls_that_are_never_fetched(url: str) -> None:
    for guard in (PUBLIC, PRIVATE):
        with pytest.raises(AddressForbidden):
            guard.check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_special_addresses_need_permission(host: str) -> None:
    with pytest.raises(AddressForbidden):
        PUBLIC.check_url(f"http://{host}/")
    PRIVATE.check_url(f"http://{host}/")


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://example.com:8443/storage", "http://[2606:4700::1111]/"])
def test_public_addresses_pass(url: str) -> None:
    PUBLIC.check_url(url)


@pytest.mark.parametrize("target", ["unix:/run/x.sock", "dns:///example.com:1", "example.com", "a b:1", ":1", "[::1]"])
async def test_targets_that_are_no_host_and_port(target: str) -> None:
    with pytest.raises(AddressForbidden):
        await PRIVATE.resolved(target)


async def test_names_of_special_addresses_need_permission() -> None:
    with pytest.raises(AddressForbidden):
        await PUBLIC.resolved("localhost:50051")
    assert await PRIVATE.resolved("localhost:50051") == "localhost:50051"
    with pytest.raises(OSError, match="forbidden"):
        await GuardedResolver(PUBLIC).resolve("localhost", 80, socket.AF_INET)
    assert await GuardedResolver(PRIVATE).resolve("localhost", 80, socket.AF_INET)


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        ([(socket.AF_INET, "8.8.4.4")], "ipv4:8.8.4.4:7"),
        (
            [(socket.AF_INET6, "2606:4700::1"), (socket.AF_INET, "8.8.8.8"), (socket.AF_INET, "8.8.4.4")],
            "ipv4:8.8.4.4:7,8.8.8.8:7",
        ),
        ([(socket.AF_INET6, "2606:4700::1")], "ipv6:[2606:4700::1]:7"),
    ],
)
def test_names_are_looked_up_once_and_what_was_checked_is_connected_to(
    addresses: list[tuple[int, str]], target: str
) -> None:
    assert pinned_target([(family, 0, 0, "", (address, 7)) for family, address in addresses], 7) == target
