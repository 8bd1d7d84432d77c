import pytest

from gateway.errors import RequestRefused
from gateway.upload_parameters import UploadParameters, UploadTarget

ALL = {"dataObjectId": "7", "storageBucketId": "1", "bagId": "dynamic:channel:3"}


def of(query: dict[str, str], fields: dict[str, str]) -> UploadParameters:
    parameters = UploadParameters.of_query(query.items())
    for name, value in fields.items():
        parameters.add_field(name, value)
    return parameters


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (ALL, {}),
        ({}, ALL),
        ({"bagId": ALL["bagId"]}, {"dataObjectId": "7", "storageBucketId": "1"}),
        (ALL, {"dataObjectId": "junk", "bagId": "other"}),
        ({}, ALL | {"note": "x"}),
        (ALL | {"dataObjectId": "007", "storageBucketId": "01"}, {}),
    ],
)
def test_targets(query: dict[str, str], fields: dict[str, str]) -> None:
    parameters = of(query, fields)
    assert parameters.complete
    assert parameters.target() == UploadTarget(7, 1, "dynamic:channel:3")


@pytest.mark.parametrize(
    ("query", "fields", "message"),
    [
        (
            {},
            {},
            ", ".join(
                f"request.body should have required property '{name}'"
                for name in ("dataObjectId", "storageBucketId", "bagId")
            ),
        ),
        (
            {"bagId": "b"},
            {"storageBucketId": "1"},
            "request.query should have required property 'dataObjectId'",
        ),
        ({}, ALL | {"dataObjectId": "x"}, r'request.body.dataObjectId should match pattern "^\d+$"'),
        ({}, ALL | {"storageBucketId": ""}, r'request.body.storageBucketId should match pattern "^\d+$"'),
    ],
)
def test_what_is_missing_or_malformed(query: dict[str, str], fields: dict[str, str], message: str) -> None:
    parameters = of(query, fields)
    with pytest.raises(RequestRefused) as caught:
        parameters.target()
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("x", "1")], "Unknown query parameter 'x'"),
        ([("bagId", "a"), ("bagId", "b")], "request.query.bagId should be string"),
        ([("dataObjectId", "x")], r'request.query.dataObjectId should match pattern "^\d+$"'),
        (
            [("y", ""), ("storageBucketId", "-1")],
            r"""Unknown query parameter 'y', request.query.storageBucketId should match pattern "^\d+$" """.strip(),
        ),
    ],
)
def test_queries_that_are_refused_at_once(pairs: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        UploadParameters.of_query(pairs)
    assert caught.value.message == message


def test_the_first_of_repeated_fields_counts() -> None:
    parameters = of({}, ALL)
    parameters.add_field("bagId", "other")
    assert parameters.target().bag_id == ALL["bagId"]
