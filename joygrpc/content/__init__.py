"""What an object is: its id and bag, its multihash, its BLAKE3 tree in 256 KiB groups, its media type."""

from __future__ import annotations

from joygrpc.content.chaining import implementation
from joygrpc.content.groups import GROUP_SIZE, group_count, group_range, group_span
from joygrpc.content.ids import (
    WORKING_GROUPS,
    BagId,
    DistributionBucketId,
    InvalidBagId,
    InvalidDistributionBucketId,
    InvalidObjectId,
    ObjectId,
    parse_object_id,
)
from joygrpc.content.media_types import SNIFF_BYTES, UNKNOWN_MEDIA_TYPE, detect_media_type
from joygrpc.content.multihash import (
    InvalidMultihash,
    decode_multihash,
    encode_multihash,
    multihash_of_bytes,
    multihash_of_file,
)
from joygrpc.content.tree import InvalidTree, Tree, TreeBuilder, TreeSlice, build_tree_of_file, verify_group

__all__ = [
    "GROUP_SIZE",
    "SNIFF_BYTES",
    "UNKNOWN_MEDIA_TYPE",
    "WORKING_GROUPS",
    "BagId",
    "DistributionBucketId",
    "InvalidBagId",
    "InvalidDistributionBucketId",
    "InvalidMultihash",
    "InvalidObjectId",
    "InvalidTree",
    "ObjectId",
    "Tree",
    "TreeBuilder",
    "TreeSlice",
    "build_tree_of_file",
    "decode_multihash",
    "detect_media_type",
    "encode_multihash",
    "group_count",
    "group_range",
    "group_span",
    "implementation",
    "multihash_of_bytes",
    "multihash_of_file",
    "parse_object_id",
    "verify_group",
]
