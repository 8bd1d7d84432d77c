"""What the query node knows about: the storage and distribution part of today's Joystream indexer."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.query_node.shapes import (
    Children,
    Choice,
    Description,
    Entity,
    Inline,
    Plain,
    Reference,
    Scalar,
    Union,
    Value,
)

# GraphQL has no empty object types, so variants without data carry a field that is always null.
_PHANTOM: Final = Value("phantom", Scalar.INT, nullable=True)

_OPERATOR_STATUS: Final = Union(
    "StorageBucketOperatorStatus",
    (
        Plain("StorageBucketOperatorStatusMissing", (_PHANTOM,)),
        Plain("StorageBucketOperatorStatusInvited", (Value("workerId", Scalar.INT),)),
        Plain(
            "StorageBucketOperatorStatusActive",
            (Value("workerId", Scalar.INT), Value("transactorAccountId", Scalar.STRING)),
        ),
    ),
)
_BAG_OWNER: Final = Union(
    "StorageBagOwner",
    (
        Plain("StorageBagOwnerCouncil", (_PHANTOM,)),
        Plain("StorageBagOwnerWorkingGroup", (Value("workingGroupId", Scalar.STRING, nullable=True),)),
        Plain("StorageBagOwnerMember", (Value("memberId", Scalar.STRING),)),
        Plain("StorageBagOwnerChannel", (Value("channelId", Scalar.STRING),)),
        Plain("StorageBagOwnerDAO", (Value("daoId", Scalar.INT, nullable=True),)),
    ),
)
_OBJECT_TYPE: Final = Union(
    "DataObjectType",
    (Plain("DataObjectTypeVideoSubtitle", (Reference("subtitle", "VideoSubtitle"),)),),
)
# The spelling "Subdivistion" is the indexer's.
_AREA: Final = Union(
    "GeographicalArea",
    (
        Plain("GeographicalAreaContinent", (Choice("continentCode", "Continent", nullable=True),)),
        Plain("GeographicalAreaCountry", (Value("countryCode", Scalar.STRING, nullable=True),)),
        Plain("GeographicalAreaSubdivistion", (Value("subdivisionCode", Scalar.STRING, nullable=True),)),
    ),
)
_EVENT_DATA: Final = Union(
    "EventData",
    (
        Plain("MetaprotocolTransactionStatusEventData", (_PHANTOM,)),
        Plain("DataObjectDeletedEventData", (Value("dataObjectId", Scalar.STRING),)),
    ),
)

_COORDINATES: Final = Plain("GeoCoordinates", (Value("latitude", Scalar.FLOAT), Value("longitude", Scalar.FLOAT)))
_LOCATION: Final = Plain(
    "NodeLocationMetadata",
    (
        Value("countryCode", Scalar.STRING, nullable=True),
        Value("city", Scalar.STRING, nullable=True),
        Inline("coordinates", "GeoCoordinates", nullable=True),
    ),
)
_OPERATOR_FACTS: Final = (
    Value("nodeEndpoint", Scalar.STRING, nullable=True),
    Inline("nodeLocation", "NodeLocationMetadata", nullable=True),
    Value("extra", Scalar.STRING, nullable=True),
)

_ENTITIES: Final = (
    Entity(
        "StorageBucket",
        (
            Inline("operatorStatus", "StorageBucketOperatorStatus"),
            Reference("operatorMetadata", "StorageBucketOperatorMetadata", nullable=True, twin=True),
            Value("acceptingNewBags", Scalar.BOOLEAN),
            Children("bags", "StorageBucketBag", via="storageBucket"),
            Value("dataObjectsSizeLimit", Scalar.BIG_INT),
            Value("dataObjectCountLimit", Scalar.BIG_INT),
            Value("dataObjectsCount", Scalar.BIG_INT),
            Value("dataObjectsSize", Scalar.BIG_INT),
        ),
        plural="storageBuckets",
    ),
    Entity(
        "StorageBucketOperatorMetadata",
        (Reference("storageBucket", "StorageBucket", twin=True), *_OPERATOR_FACTS),
        plural="storageBucketOperatorMetadata",
    ),
    Entity(
        "StorageBag",
        (
            Children("objects", "StorageDataObject", via="storageBag"),
            Children("storageBuckets", "StorageBucketBag", via="bag"),
            Children("distributionBuckets", "DistributionBucketBag", via="bag"),
            Inline("owner", "StorageBagOwner"),
        ),
        plural="storageBags",
    ),
    Entity(
        "StorageBucketBag",
        (Reference("storageBucket", "StorageBucket"), Reference("bag", "StorageBag")),
        plural="storageBucketBags",
        indices=(("storageBucket",), ("bag",)),
    ),
    Entity(
        "DistributionBucketBag",
        (Reference("distributionBucket", "DistributionBucket"), Reference("bag", "StorageBag")),
        plural="distributionBucketBags",
        indices=(("distributionBucket",), ("bag",)),
    ),
    Entity(
        "StorageDataObject",
        (
            Value("createdAt", Scalar.DATE_TIME),
            Value("isAccepted", Scalar.BOOLEAN),
            Value("acceptingBucketId", Scalar.STRING, nullable=True),
            Value("size", Scalar.BIG_INT),
            Reference("storageBag", "StorageBag"),
            Value("ipfsHash", Scalar.STRING),
            Inline("type", "DataObjectType", nullable=True),
            Value("stateBloatBond", Scalar.BIG_INT),
            Value("unsetAt", Scalar.DATE_TIME, nullable=True),
        ),
        plural="storageDataObjects",
        indices=(("storageBag",),),
    ),
    Entity(
        "DistributionBucketFamily",
        (
            Reference("metadata", "DistributionBucketFamilyMetadata", nullable=True, twin=True),
            Children("buckets", "DistributionBucket", via="family"),
        ),
        plural="distributionBucketFamilies",
    ),
    Entity(
        "DistributionBucketFamilyMetadata",
        (
            Reference("family", "DistributionBucketFamily", twin=True),
            Value("region", Scalar.STRING, nullable=True),
            Value("description", Scalar.STRING, nullable=True),
            Inline("areas", "GeographicalArea", nullable=True, many=True),
            Value("latencyTestTargets", Scalar.STRING, nullable=True, many=True),
        ),
        plural="distributionBucketFamilyMetadata",
    ),
    Entity(
        "DistributionBucket",
        (
            Reference("family", "DistributionBucketFamily"),
            Value("bucketIndex", Scalar.INT),
            Children("operators", "DistributionBucketOperator", via="distributionBucket"),
            Value("acceptingNewBags", Scalar.BOOLEAN),
            Value("distributing", Scalar.BOOLEAN),
            Children("bags", "DistributionBucketBag", via="distributionBucket"),
        ),
        plural="distributionBuckets",
        indices=(("family",),),
    ),
    Entity(
        "DistributionBucketOperator",
        (
            Reference("distributionBucket", "DistributionBucket"),
            Value("workerId", Scalar.INT),
            Choice("status", "DistributionBucketOperatorStatus"),
            Reference("metadata", "DistributionBucketOperatorMetadata", nullable=True, twin=True),
        ),
        plural="distributionBucketOperators",
        indices=(("distributionBucket",),),
    ),
    Entity(
        "DistributionBucketOperatorMetadata",
        (
            Reference("distributionBucketOperator", "DistributionBucketOperator", twin=True),
            *_OPERATOR_FACTS,
        ),
        plural="distributionBucketOperatorMetadata",
    ),
    Entity(
        "Event",
        (
            Value("inBlock", Scalar.INT),
            Value("inExtrinsic", Scalar.STRING, nullable=True),
            Value("indexInBlock", Scalar.INT),
            Value("timestamp", Scalar.DATE_TIME),
            Inline("data", "EventData"),
        ),
        plural="events",
        indices=(("data", "dataObjectId"),),
    ),
    Entity(
        "VideoSubtitle",
        (Value("mimeType", Scalar.STRING), Reference("asset", "StorageDataObject", nullable=True)),
        plural="videoSubtitles",
        indices=(("asset",),),
    ),
)

DESCRIPTION: Final = Description(
    entities={entity.name: entity for entity in _ENTITIES},
    unions={union.name: union for union in (_OPERATOR_STATUS, _BAG_OWNER, _OBJECT_TYPE, _AREA, _EVENT_DATA)},
    plains={plain.name: plain for plain in (_COORDINATES, _LOCATION)},
    enums={
        "Continent": ("AF", "NA", "OC", "AN", "AS", "EU", "SA"),
        "DistributionBucketOperatorStatus": ("INVITED", "ACTIVE"),
    },
)
