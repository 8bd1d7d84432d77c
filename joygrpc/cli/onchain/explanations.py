"""What the chain's refusals mean, and what to do about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Explanation:
    """A refusal in plain words; `advice` is empty where the meaning says all."""

    meaning: str
    advice: str = ""


_UPLOADERS = "It concerns those who create objects, not buckets."
_LEAD_KEY = "Give the key of the current lead's role account (for storage -k, --keyStore, -y or ACCOUNT_URI; for distribution `keys` in the configuration)."

_STORAGE: Mapping[str, Explanation] = {
    "ArithmeticError": Explanation("A number would become too large for the chain."),
    "InvalidCidLength": Explanation(
        "A multihash does not have 46 characters.", "Print an object's multihash with `joygrpc storage util multihash`."
    ),
    "NoObjectsOnUpload": Explanation("The upload names no object.", _UPLOADERS),
    "StorageBucketDoesntExist": Explanation(
        "There is no storage bucket of that id.", "Check --bucketId; ids of deleted buckets are not used again."
    ),
    "StorageBucketIsNotBoundToBag": Explanation(
        "The bag is not in that bucket.", "Look at the bag's buckets first; perhaps it was moved before."
    ),
    "StorageBucketIsBoundToBag": Explanation(
        "The bucket still holds bags, or already holds this one.",
        "Before deleting a bucket, empty it: `joygrpc storage leader empty-bucket --id …`.",
    ),
    "NoStorageBucketInvitation": Explanation(
        "Nobody is invited to the bucket.", "Invite a worker: `joygrpc storage leader invite-operator`."
    ),
    "StorageProviderAlreadySet": Explanation(
        "The bucket has an operator.", "Remove the operator first: `joygrpc storage leader remove-operator`."
    ),
    "StorageProviderMustBeSet": Explanation(
        "The bucket has no operator.", "The worker has to accept the invitation: `storage operator accept-invitation`."
    ),
    "DifferentStorageProviderInvited": Explanation(
        "Another worker is invited to the bucket.", "Check --workerId, or have the lead cancel that invitation."
    ),
    "InvitedStorageProvider": Explanation(
        "A worker is invited already.", "Cancel the invitation first: `joygrpc storage leader cancel-invite`."
    ),
    "StorageBucketIdCollectionsAreEmpty": Explanation(
        "There is nothing to add and nothing to remove.", "Give --add or --remove."
    ),
    "StorageBucketsNumberViolatesDynamicBagCreationPolicy": Explanation(
        "A new bag has to begin in as many storage buckets as the policy says.", _UPLOADERS
    ),
    "DistributionBucketsViolatesDynamicBagCreationPolicy": Explanation(
        "A new bag has to begin in as many distribution buckets of each family as the policy says.", _UPLOADERS
    ),
    "EmptyContentId": Explanation("A multihash is empty."),
    "ZeroObjectSize": Explanation("An object has no bytes.", _UPLOADERS),
    "InvalidStateBloatBondSourceAccount": Explanation("The account that pays the bonds is not the right one."),
    "InvalidStorageProvider": Explanation(
        "Another worker operates the bucket, or the invitation is not accepted yet.", "Check --workerId and --bucketId."
    ),
    "InsufficientBalance": Explanation(
        "The account cannot pay the bonds and fees.", "Send it some money, or use another account."
    ),
    "DataObjectDoesntExist": Explanation("An object is not in the bag.", "It may have been deleted or moved."),
    "UploadingBlocked": Explanation(
        "The lead has blocked uploads to the whole network.",
        "`joygrpc storage leader set-global-uploading-status --set off` allows them again.",
    ),
    "DataObjectIdCollectionIsEmpty": Explanation("No object is named."),
    "SourceAndDestinationBagsAreEqual": Explanation("Objects cannot be moved into the bag in which they are."),
    "DataObjectBlacklisted": Explanation("The multihash of an object is on the blacklist.", _UPLOADERS),
    "BlacklistSizeLimitExceeded": Explanation(
        "The blacklist would become too long.", "Remove entries that are no longer needed."
    ),
    "VoucherMaxObjectSizeLimitExceeded": Explanation(
        "The size limit is higher than any bucket's may be.",
        "Raise the ceiling first: `joygrpc storage leader update-voucher-limits`; it is 0 on a new chain.",
    ),
    "VoucherMaxObjectNumberLimitExceeded": Explanation(
        "The limit of objects is higher than any bucket's may be.",
        "Raise the ceiling first: `joygrpc storage leader update-voucher-limits`; it is 0 on a new chain.",
    ),
    "StorageBucketObjectNumberLimitReached": Explanation(
        "The bag has more objects than a bucket has room for.",
        "Raise the limit (`storage leader set-bucket-limits`) or choose another bucket.",
    ),
    "StorageBucketObjectSizeLimitReached": Explanation(
        "The bag is larger than the room in a bucket.",
        "Raise the limit (`storage leader set-bucket-limits`) or choose another bucket.",
    ),
    "InsufficientTreasuryBalance": Explanation("The pallet's account cannot repay the bonds."),
    "CannotDeleteNonEmptyStorageBucket": Explanation(
        "The bucket still holds objects.", "Empty it first: `joygrpc storage leader empty-bucket --id …`."
    ),
    "DataObjectIdParamsAreEmpty": Explanation("No object is named."),
    "StorageBucketsPerBagLimitTooLow": Explanation(
        "The limit is below what the chain allows.", "Mainnet takes 3 to 13 storage buckets per bag."
    ),
    "StorageBucketsPerBagLimitTooHigh": Explanation(
        "The limit is above what the chain allows.", "Mainnet takes 3 to 13 storage buckets per bag."
    ),
    "StorageBucketPerBagLimitExceeded": Explanation(
        "The bag would be in more buckets than a bag may be.",
        "Remove it from another bucket, or raise the limit: `joygrpc storage leader update-bag-limit`.",
    ),
    "StorageBucketDoesntAcceptNewBags": Explanation(
        "A bucket takes no new bags.", "Allow it first: `joygrpc storage leader update-bucket-status --set on`."
    ),
    "DynamicBagExists": Explanation("The bag exists already."),
    "DynamicBagDoesntExist": Explanation(
        "There is no such bag.", "A channel's bag exists as long as its channel. Check the bag id."
    ),
    "StorageProviderOperatorDoesntExist": Explanation(
        "There is no worker of that id in the storage working group.", "Check the worker id."
    ),
    "DataSizeFeeChanged": Explanation("The fee per megabyte has changed meanwhile.", "Try again."),
    "DataObjectStateBloatBondChanged": Explanation("The bond per object has changed meanwhile.", "Try again."),
    "CannotDeleteNonEmptyDynamicBag": Explanation("The bag still has objects."),
    "MaxDistributionBucketFamilyNumberLimitExceeded": Explanation(
        "There are as many families as there may be.", "Delete one that is not used."
    ),
    "DistributionBucketFamilyDoesntExist": Explanation("There is no family of that id.", "Check the family id."),
    "DistributionBucketDoesntExist": Explanation(
        "There is no such distribution bucket.", "Buckets are written family:index, for instance 0:1."
    ),
    "DistributionBucketIdCollectionsAreEmpty": Explanation(
        "There is nothing to add and nothing to remove.", "Give --add or --remove."
    ),
    "DistributionBucketDoesntAcceptNewBags": Explanation(
        "A bucket takes no new bags.",
        "Allow it first: `joygrpc distributor leader update-bucket-status --acceptingBags yes`.",
    ),
    "MaxDistributionBucketNumberPerBagLimitExceeded": Explanation(
        "The bag would be in more distribution buckets than a bag may be.",
        "Raise the limit (`distributor leader set-buckets-per-bag-limit`; it is 0 on a new chain), or remove it from another bucket.",
    ),
    "DistributionBucketIsNotBoundToBag": Explanation("The bag is not in that bucket."),
    "DistributionBucketIsBoundToBag": Explanation(
        "A bucket still delivers bags, or already delivers this one.",
        "Before deleting, take its bags from it: `joygrpc distributor leader update-bag --remove …`.",
    ),
    "DistributionBucketsPerBagLimitTooLow": Explanation(
        "The limit is below what the chain allows.", "Mainnet takes 1 to 51 distribution buckets per bag."
    ),
    "DistributionBucketsPerBagLimitTooHigh": Explanation(
        "The limit is above what the chain allows.", "Mainnet takes 1 to 51 distribution buckets per bag."
    ),
    "DistributionProviderOperatorDoesntExist": Explanation(
        "There is no worker of that id in the distribution working group.", "Check the worker id."
    ),
    "DistributionProviderOperatorAlreadyInvited": Explanation("The worker is invited to that bucket already."),
    "DistributionProviderOperatorSet": Explanation(
        "The worker is an operator of the bucket already, or the bucket to be deleted has operators.",
        "Before deleting, remove them: `joygrpc distributor leader remove-bucket-operator`.",
    ),
    "NoDistributionBucketInvitation": Explanation(
        "The worker is not invited to that bucket.",
        "The lead invites: `joygrpc distributor leader invite-bucket-operator`.",
    ),
    "MustBeDistributionProviderOperatorForBucket": Explanation(
        "The worker is no operator of that bucket.",
        "The worker has to accept the invitation: `joygrpc distributor operator accept-invitation`.",
    ),
    "MaxNumberOfPendingInvitationsLimitForDistributionBucketReached": Explanation(
        "Too many workers are invited to that bucket.", "Cancel an invitation that nobody accepts."
    ),
    "MaxNumberOfOperatorsPerDistributionBucketReached": Explanation(
        "The bucket has as many operators as it may have.", "The lead has to remove one."
    ),
    "DistributionFamilyBoundToBagCreationPolicy": Explanation(
        "New bags still begin in that family.",
        "Take it out of the policy: `joygrpc distributor leader update-dynamic-bag-policy`.",
    ),
    "MaxDataObjectSizeExceeded": Explanation("An object is larger than the chain allows.", _UPLOADERS),
    "InvalidTransactorAccount": Explanation(
        "The signer is not the bucket's transactor.", "Sign with the account that was named when accepting."
    ),
    "NumberOfStorageBucketsOutsideOfAllowedContraints": Explanation(
        "The number of buckets is outside of what the chain allows.", "Mainnet takes 3 to 13 storage buckets."
    ),
    "NumberOfDistributionBucketsOutsideOfAllowedContraints": Explanation(
        "The families' numbers of buckets together are outside of what the chain allows.",
        "Mainnet takes 1 to 51 in all; an empty policy is refused.",
    ),
    "CallDisabled": Explanation("The chain has switched that call off."),
}

_WORKING_GROUP: Mapping[str, Explanation] = {
    "IsNotLeadAccount": Explanation("The signer is not the working group's lead.", _LEAD_KEY),
    "CurrentLeadNotSet": Explanation("The working group has no lead now.", "The council has to hire one."),
    "WorkerDoesNotExist": Explanation("There is no worker of that id in the working group.", "Check the worker id."),
    "SignerIsNotWorkerRoleAccount": Explanation(
        "The signer is not the worker's role account.", "Give the key of the role account, or check the worker id."
    ),
}

_ELSEWHERE: Mapping[str, Explanation] = {
    "BadOrigin": Explanation("The signer may not make this call."),
    "System.CallFiltered": Explanation("The chain does not take this call now."),
    "Token.NoFunds": Explanation("The account has no money.", "Send it some."),
    "Token.WouldDie": Explanation("The account would have less money than an account must have.", "Send it some."),
    "Balances.InsufficientBalance": Explanation("The account has too little money.", "Send it some."),
    "Utility.TooManyCalls": Explanation("The batch has too many calls.", "Choose a smaller --batchSize."),
    "Interrupted": Explanation("The call was not tried, since one before it failed."),
}

EXPLANATIONS: Mapping[str, Explanation] = MappingProxyType(
    {f"Storage.{name}": explanation for name, explanation in _STORAGE.items()}
    | {
        f"{group}WorkingGroup.{name}": explanation
        for group in ("Storage", "Distribution")
        for name, explanation in _WORKING_GROUP.items()
    }
    | dict(_ELSEWHERE)
)
"""By `Pallet.Name`, or the kind of a dispatch error."""


def explained(error: str, docs: str = "") -> str:
    """An error with all that is known about it, over several lines."""
    lines = [f"Api Error: {error}" + (f" ({docs})" if docs else "")]
    if (known := EXPLANATIONS.get(error)) is not None:
        lines.append(f"  {known.meaning}")
        if known.advice:
            lines.append(f"  {known.advice}")
    return "\n".join(lines)
