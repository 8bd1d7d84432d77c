from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.client_address import NOBODY, Client, ClientFinder, client_key, parse_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:port", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]x", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("192.0.2.256", None),
    ],
)
def test_parse_address(text: str, address: str | None) -> None:
    found = parse_address(text)
    assert (None if found is None else str(found)) == address


@given(st.text(max_size=40))
def test_parse_address_takes_any_text(text: str) -> None:
    parse_address(text)


def test_ipv6_is_counted_by_site() -> None:
    one, other, far = (parse_address(f"2001:db8:0:{site}::{host}") for site, host in ((7, 1), (7, 2), (8, 1)))
    assert one is not None
    assert other is not None
    assert far is not None
    assert client_key(one) == client_key(other) == "2001:db8:0:7::/64"
    assert client_key(far) != client_key(one)


def client(finder: ClientFinder, peer: str, *headers: tuple[str, str]) -> str:
    return finder.of_request(finder.of_connection(peer), CIMultiDict(headers)).address


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),  # not a proxy of ours
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # what the client itself claims counts for nothing
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [","], "10.0.0.1"),
        ("2001:db8:1::5", ["2001:db8:2::9"], "2001:db8:2::9"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_x_forwarded_for(peer: str, values: list[str], expected: str) -> None:
    finder = ClientFinder(PROXIES, "x-forwarded-for")
    assert client(finder, peer, *[("X-Forwarded-For", value) for value in values]) == expected
    assert client(finder, peer, ("Forwarded", "for=203.0.113.9")) == peer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9;proto=http;by=10.0.0.1", "203.0.113.9"),
        ("proto=https; For=203.0.113.9", "203.0.113.9"),
        ('for="[2001:db8:2::9]:4711"', "2001:db8:2::9"),
        ('for=1.1.1.1, for="203.0.113.9:80", for=10.0.0.7', "203.0.113.9"),
        ('host="a,b;for=1.1.1.1";for=203.0.113.9', "203.0.113.9"),
        ('host="a\\",for=1.1.1.1";for=203.0.113.9', "203.0.113.9"),
        ("for=_hidden", "10.0.0.1"),
        ("for=unknown, for=10.0.0.7", "10.0.0.7"),
        ("proto=http", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_forwarded(value: str, expected: str) -> None:
    finder = ClientFinder(PROXIES, "forwarded")
    assert client(finder, "10.0.0.1", ("Forwarded", value)) == expected
    assert client(finder, "10.0.0.1", ("X-Forwarded-For", "203.0.113.9")) == "10.0.0.1"


def test_who_is_unlimited() -> None:
    finder = ClientFinder(PROXIES, "x-forwarded-for", LOOPBACK)
    proxy = finder.of_connection("10.0.0.1")
    assert (proxy.proxy, proxy.unlimited) == (True, True)
    forwarded = finder.of_request(proxy, CIMultiDict({"X-Forwarded-For": "203.0.113.9"}))
    assert forwarded == Client("203.0.113.9", "203.0.113.9")
    assert not finder.of_request(proxy, CIMultiDict()).unlimited, "its own requests are those of a client"
    assert finder.of_connection("::1").unlimited
    assert finder.of_connection("") == NOBODY
