import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRefused
from gateway.schema_checks import (
    check_buckets,
    check_token_request,
    check_worker,
    compact_json,
    digits,
    parse_json,
)

DATA = {"memberId": 0, "accountId": "5G", "dataObjectId": 7, "storageBucketId": 0, "bagId": "static:council"}


def messages(check: object, body: object) -> list[str]:
    with pytest.raises(RequestRefused) as caught:
        check(body)
    assert caught.value.reason == "REQUEST_INVALID"
    return [violation.message for violation in caught.value.violations]


@pytest.mark.parametrize("text", ["", "0", "7", "007", str(2**64 - 1), "0" * 5000 + "7"])
def test_digits(text: str) -> None:
    found = digits("request.query.x", text)
    assert (found is None) == bool(text)


@pytest.mark.parametrize(
    ("value", "rule", "code"),
    [
        ("x", r'should match pattern "^\d+$"', "pattern"),
        ("+1", r'should match pattern "^\d+$"', "pattern"),
        ("1\n", r'should match pattern "^\d+$"', "pattern"),
        ("\u0661", r'should match pattern "^\d+$"', "pattern"),
        (str(2**64), f"should be <= {2**64 - 1}", "maximum"),
        ("9" * 6000, f"should be <= {2**64 - 1}", "maximum"),
        (7, "should be string", "type"),
    ],
)
def test_what_are_no_digits(value: object, rule: str, code: str) -> None:
    found = digits("request.params.id", value)
    assert found is not None
    assert (found.path, found.message, found.code) == (".params.id", f"request.params.id {rule}", code)


@pytest.mark.parametrize(
    "body", [b"{", b"", b'"text"', b"1", b"null", b"[NaN]", b'{"a":Infinity}', b"[" * 5000, b"\xff"]
)
def test_malformed_json(body: bytes) -> None:
    with pytest.raises(RequestRefused, match="Malformed JSON body"):
        parse_json(body)


def test_lone_surrogates_are_malformed() -> None:
    with pytest.raises(RequestRefused, match="Malformed JSON body"):
        parse_json(rb'{"a": "\ud800"}')


def test_whole_fractions_are_integers() -> None:
    assert (
        compact_json(parse_json(b'{"a": 1.0, "b": 1e2, "c": 1.5, "d": "\xc3\xa9"}'))
        == '{"a":1,"b":100,"c":1.5,"d":"\u00e9"}'
    )


def test_worker() -> None:
    assert check_worker({"workerId": 0, "more": 1}) == 0
    assert check_worker({"workerId": 2**64 - 1}) == 2**64 - 1
    assert messages(check_worker, {}) == ["request.body should have required property 'workerId'"]
    assert messages(check_worker, {"workerId": -1}) == ["request.body.workerId should be >= 0"]
    assert messages(check_worker, {"workerId": 1.5}) == ["request.body.workerId should be integer"]
    assert messages(check_worker, {"workerId": None}) == ["request.body.workerId should be integer"]
    assert messages(check_worker, []) == ["request.body should be object"]


def test_buckets() -> None:
    assert check_buckets({}) == ()
    assert check_buckets({"buckets": ["0:1", "0:1", "2:33"]}) == ("0:1", "0:1", "2:33")
    assert messages(check_buckets, {"buckets": None}) == ["request.body.buckets should be array"]
    assert messages(check_buckets, {"buckets": []}) == ["request.body.buckets should NOT have fewer than 1 items"]
    assert messages(check_buckets, {"buckets": ["0:1", 2, "x:y"]}) == [
        "request.body.buckets[1] should be string",
        'request.body.buckets[2] should match pattern "^[0-9]+:[0-9]+$"',
    ]


def test_token_requests() -> None:
    signed, signature = check_token_request({"signature": "0x", "data": DATA | {"more": "\u00e9"}})
    assert signed == json.dumps(DATA, separators=(",", ":"))[:-1] + ',"more":"\u00e9"}'
    assert signature == "0x"
    assert check_token_request({"data": DATA | {"memberId": -5}, "signature": ""})[0].startswith('{"memberId":-5')
    assert messages(check_token_request, {}) == [
        "request.body should have required property 'data'",
        "request.body should have required property 'signature'",
    ]
    assert messages(check_token_request, {"data": {}, "signature": 1}) == [
        *(f"request.body.data should have required property '{name}'" for name in DATA),
        "request.body.signature should be string",
    ]
    assert messages(check_token_request, {"data": DATA | {"memberId": 2**63}, "signature": ""}) == [
        f"request.body.data.memberId should be <= {2**63 - 1}"
    ]
    assert messages(check_token_request, {"data": [], "signature": ""}) == ["request.body.data should be object"]


def test_the_vector_of_the_reference_is_signed_as_sent() -> None:
    text = (
        '{"memberId":0,"accountId":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","dataObjectId":7,'
        '"storageBucketId":0,"bagId":"static:council"}'
    )
    body = parse_json(f'{{ "data": {json.dumps(json.loads(text), indent=1)}, "signature": "0x" }}'.encode())
    assert check_token_request(body)[0] == text
    assert len(text) == 139


@given(st.binary(max_size=60))
def test_no_body_breaks_it(body: bytes) -> None:
    try:
        value = parse_json(body)
    except RequestRefused:
        return
    for check in (check_worker, check_buckets, check_token_request):
        with contextlib.suppress(RequestRefused):
            check(value)
