"""Checks of request data against the documented shapes, in the words of the schema validator that clients know. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from gateway.errors import RequestRefused, Violation

U64_MAX = 2**64 - 1
I64_MIN, I64_MAX = -(2**63), 2**63 - 1

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_BUCKET = re.compile(r"[0-9]+:[0-9]+", re.ASCII)
BUCKET_PATTERN = "^[0-9]+:[0-9]+$"
DIGITS_PATTERN = r"^\d+$"


def parse_json(body: bytes) -> object:
    """The value of a JSON body; whole numbers written as fractions, such as 1.0, become integers, as JavaScript sees them.

    Raises `RequestRefused` for malformed JSON and, as the reference does, for values that are neither object nor list.
    """
    try:
        value: object = json.loads(body, parse_float=_number, parse_constant=_no_constant)
        # Text that is no Unicode (lone surrogates) cannot travel further.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise RequestRefused("REQUEST_INVALID", "Malformed JSON body") from None
    if not isinstance(value, dict | list):
        raise RequestRefused("REQUEST_INVALID", "Malformed JSON body")
    return value


def compact_json(value: object) -> str:
    """The JSON text that JavaScript makes of a parsed value: no spaces, keys in their order, non-ASCII as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def digits(place: str, value: object) -> Violation | None:
    """What is wrong with a text that shall consist of decimal digits; `place` is such as `request.query.bagId`."""
    if not isinstance(value, str):
        return _wrong_type(place, "string")
    if _DIGITS.fullmatch(value) is None:
        return _violation(place, f'should match pattern "{DIGITS_PATTERN}"', "pattern")
    significant = value.lstrip("0")
    if len(significant) > len(str(U64_MAX)) or int(significant or "0") > U64_MAX:
        return _violation(place, f"should be <= {U64_MAX}", "maximum")
    return None


def integer(place: str, value: object, least: int, most: int) -> Violation | None:
    """What is wrong with a JSON value that shall be an integer within bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        return _wrong_type(place, "integer")
    if value < least:
        return _violation(place, f"should be >= {least}", "minimum")
    if value > most:
        return _violation(place, f"should be <= {most}", "maximum")
    return None


def text(place: str, value: object) -> Violation | None:
    """What is wrong with a JSON value that shall be text."""
    return None if isinstance(value, str) else _wrong_type(place, "string")


def missing(place: str, name: str) -> Violation:
    """A required property is not there."""
    return Violation(_path(f"{place}.{name}"), f"{place} should have required property '{name}'", "required")


def check_worker(body: object) -> int:
    """The worker id in the body of `set-worker`. Raises `RequestRefused`."""
    properties = _object("request.body", body)
    if "workerId" not in properties:
        raise RequestRefused.invalid(missing("request.body", "workerId"))
    value = properties["workerId"]
    violation = integer("request.body.workerId", value, 0, U64_MAX)
    if violation is not None or not isinstance(value, int):
        raise RequestRefused.invalid(*filter(None, [violation]))
    return value


def check_buckets(body: object) -> tuple[str, ...]:
    """The buckets in the body of `set-buckets`, as `family:index`; none when the body names none. Raises `RequestRefused`."""
    properties = _object("request.body", body)
    if "buckets" not in properties:
        return ()
    place, buckets = "request.body.buckets", properties["buckets"]
    if not isinstance(buckets, list):
        raise RequestRefused.invalid(_wrong_type(place, "array"))
    if not buckets:
        raise RequestRefused.invalid(_violation(place, "should NOT have fewer than 1 items", "minItems"))
    violations = list(_bucket_violations(place, buckets))
    if violations:
        raise RequestRefused.invalid(*violations)
    return tuple(str(bucket) for bucket in buckets)


def check_token_request(body: object) -> tuple[str, str]:
    """The signed text and the signature in the body of `authToken`. Raises `RequestRefused`."""
    properties = _object("request.body", body)
    violations = [missing("request.body", name) for name in ("data", "signature") if name not in properties]
    if "data" in properties:
        violations += _token_data_violations(properties["data"])
    signature = properties.get("signature", "")
    if wrong := text("request.body.signature", signature):
        violations.append(wrong)
    if violations:
        raise RequestRefused.invalid(*violations)
    return compact_json(properties["data"]), str(signature)


def _token_data_violations(data: object) -> Iterator[Violation]:
    place = "request.body.data"
    if not isinstance(data, dict):
        yield _wrong_type(place, "object")
        return
    for name in ("memberId", "accountId", "dataObjectId", "storageBucketId", "bagId"):
        if name not in data:
            yield missing(place, name)
            continue
        is_text = name in ("accountId", "bagId")
        where = f"{place}.{name}"
        wrong = text(where, data[name]) if is_text else integer(where, data[name], I64_MIN, I64_MAX)
        if wrong is not None:
            yield wrong


def _bucket_violations(place: str, buckets: Sequence[object]) -> Iterator[Violation]:
    for index, bucket in enumerate(buckets):
        where = f"{place}[{index}]"
        if not isinstance(bucket, str):
            yield _wrong_type(where, "string")
        elif _BUCKET.fullmatch(bucket) is None:
            yield _violation(where, f'should match pattern "{BUCKET_PATTERN}"', "pattern")


def _object(place: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise RequestRefused.invalid(_wrong_type(place, "object"))
    return value


def _wrong_type(place: str, wanted: str) -> Violation:
    return _violation(place, f"should be {wanted}", "type")


def _violation(place: str, rule: str, code: str) -> Violation:
    return Violation(_path(place), f"{place} {rule}", code)


def _path(place: str) -> str:
    return place.removeprefix("request")
