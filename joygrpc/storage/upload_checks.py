"""What is checked of an upload before its bytes; pure. Messages are the reference's, for clients that look at them."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from joygrpc.chain import ChainBag, ChainDataObject, ChainStorageBucket
from joygrpc.content import BagId, InvalidBagId
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.objects import KeptObject, ObjectState


class UploadRefused(JoygrpcError):
    """An upload is not taken; every subclass is one reason."""


class BucketNotServed(UploadRefused):
    """Server is not accepting uploads into this bucket."""

    reason = "BUCKET_NOT_SERVED"


class UploadBagIdInvalid(UploadRefused):
    """The bag id cannot be read."""

    reason = "UPLOAD_BAG_ID_INVALID"


class BagNotAssigned(UploadRefused):
    """The bag is not assigned to the storage bucket that the upload names."""

    reason = "BAG_NOT_ASSIGNED"


class BucketNotOperated(UploadRefused):
    """Another worker, or nobody, operates the bucket."""

    reason = "BUCKET_NOT_OPERATED"


class ObjectNotInBag(UploadRefused):
    """The chain knows no such object in that bag."""

    reason = "OBJECT_NOT_IN_BAG"


class ObjectAlreadyPending(UploadRefused):
    """The object is here and waits for its acceptance."""

    reason = "OBJECT_ALREADY_PENDING"


class ObjectAlreadyStored(UploadRefused):
    """The object is here."""

    reason = "OBJECT_ALREADY_STORED"


class ObjectTooLarge(UploadRefused):
    """The object is larger than the node takes."""

    reason = "OBJECT_TOO_LARGE"


class SizeMismatch(UploadRefused):
    """The bytes are not as many as the chain says."""

    reason = "SIZE_MISMATCH"

    def __init__(self, object_id: int) -> None:
        super().__init__(f"File size doesn't match the data object's size for data object ID = {object_id}")


class MultihashMismatch(UploadRefused):
    """The bytes are not those whose hash is on chain."""

    reason = "MULTIHASH_MISMATCH"

    def __init__(self, object_id: int) -> None:
        super().__init__(
            f"File multihash doesn't match the data object's ipfsContentId for data object ID = {object_id}"
        )


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What an upload says about itself. Sizes and offsets in bytes."""

    object_id: int
    bucket_id: int
    bag: str
    token: str = ""
    offset: int = 0
    announced_size: int | None = None
    client: str = ""
    """Address of the client."""


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What chain and index say about it, read at one time."""

    data_object: ChainDataObject | None
    bag: ChainBag | None
    bucket: ChainStorageBucket | None
    kept: KeptObject | None


def check_bucket_served(bucket_id: int, writable: Collection[int]) -> None:
    """Raises `BucketNotServed` for a bucket that takes no uploads here."""
    if bucket_id not in writable:
        raise BucketNotServed("Server is not accepting uploads into this bucket")


def bag_of_upload(text: str) -> BagId:
    """The bag that an upload names. Raises `UploadBagIdInvalid`."""
    try:
        return BagId.parse(text)
    except InvalidBagId as error:
        raise UploadBagIdInvalid(str(error)) from None


def check_facts(request: UploadRequest, bag_id: BagId, facts: UploadFacts, worker_id: int) -> ChainDataObject:
    """The object that shall be taken in; else the first refusal, in the reference's order. Raises `UploadRefused`."""
    bag_text = bag_json(bag_id)
    if facts.bag is None or request.bucket_id not in facts.bag.stored_by:
        raise BagNotAssigned(f"Storage bag {bag_text} is not assigned to storage bucket {request.bucket_id}.")
    bucket = facts.bucket
    if bucket is None or bucket.operator_status != "active" or bucket.worker_id != worker_id:
        raise BucketNotOperated("Incorrect storage bucket ID.")
    if facts.data_object is None:
        raise ObjectNotInBag(f"Data object {request.object_id} doesn't exist in storage bag {bag_text}")
    kept = facts.kept
    if kept is not None and kept.state is ObjectState.PENDING:
        raise ObjectAlreadyPending(f"Data object {request.object_id} already exists (pending)")
    if kept is not None and kept.state is not ObjectState.QUARANTINED:
        raise ObjectAlreadyStored(f"Data object {request.object_id} already exists (in storage)")
    return facts.data_object


def check_size(request: UploadRequest, expected_size: int, max_size: int) -> None:
    """Whether as many bytes are coming as the chain says, and no more than the node takes. Raises `ObjectTooLarge` and `SizeMismatch`."""
    if max(expected_size, request.announced_size or 0) > max_size:
        raise ObjectTooLarge("File too large")
    if request.announced_size is not None and request.announced_size != expected_size:
        raise SizeMismatch(request.object_id)


def bag_json(bag_id: BagId) -> str:
    """A bag as the reference writes it in messages: the codec's JSON, `{"dynamic":{"channel":1}}`."""
    value: dict[str, object]
    match bag_id.to_scale():
        case {"Static": "Council"}:
            value = {"static": {"council": None}}
        case {"Static": {"WorkingGroup": group}}:
            value = {"static": {"workingGroup": group}}
        case _:
            value = {"dynamic": {bag_id.kind: bag_id.number}}
    return json.dumps(value, separators=(",", ":"))


def host_of(client: str) -> str:
    """The host in a client's address: `ipv4:192.0.2.1:4000`, `ipv6:%5B2001:db8::1%5D:4000` of gRPC, or a plain address; empty when there is none."""
    kind, _, rest = client.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return "" if kind == "unix" else client
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
