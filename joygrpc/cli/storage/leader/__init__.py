"""`joygrpc storage leader …`: the calls of the storage lead."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

_HERE = "joygrpc.cli.storage.leader"

COMMANDS = {
    "create-bucket": LazyCommand(f"{_HERE}.buckets:create_bucket", "Create a bucket; prints its id."),
    "delete-bucket": LazyCommand(f"{_HERE}.buckets:delete_bucket", "Delete an empty bucket."),
    "invite-operator": LazyCommand(f"{_HERE}.buckets:invite_operator", "Invite a worker to a bucket."),
    "cancel-invite": LazyCommand(f"{_HERE}.buckets:cancel_invite", "Take an invitation back."),
    "remove-operator": LazyCommand(f"{_HERE}.buckets:remove_operator", "Dismiss a bucket's operator."),
    "set-bucket-limits": LazyCommand(f"{_HERE}.buckets:set_bucket_limits", "Set how much a bucket may hold."),
    "update-bucket-status": LazyCommand(f"{_HERE}.buckets:update_bucket_status", "Let a bucket take new bags, or not."),
    "update-voucher-limits": LazyCommand(
        f"{_HERE}.parameters:update_voucher_limits", "Set how high buckets' limits may be."
    ),
    "update-bag-limit": LazyCommand(f"{_HERE}.parameters:update_bag_limit", "Set in how many buckets a bag may be."),
    "update-data-fee": LazyCommand(f"{_HERE}.parameters:update_data_fee", "Set the fee per megabyte."),
    "update-data-object-bloat-bond": LazyCommand(
        f"{_HERE}.parameters:update_data_object_bloat_bond", "Set the bond per object."
    ),
    "update-dynamic-bag-policy": LazyCommand(
        f"{_HERE}.parameters:update_dynamic_bag_policy", "Set in how many buckets new bags begin."
    ),
    "set-global-uploading-status": LazyCommand(
        f"{_HERE}.parameters:set_global_uploading_status", "Block uploads to the whole network, or allow them."
    ),
    "update-blacklist": LazyCommand(f"{_HERE}.parameters:update_blacklist", "Change the blacklist of multihashes."),
    "update-bag": LazyCommand(f"{_HERE}.bags:update_bag", "Change the buckets of one bag."),
    "update-bags": LazyCommand(f"{_HERE}.bulk.commands:update_bags", "Change the buckets of several bags."),
    "copy-bags": LazyCommand(f"{_HERE}.bulk.commands:copy_bags", "Put the bags of some buckets into others too."),
    "empty-bucket": LazyCommand(f"{_HERE}.bulk.commands:empty_bucket", "Take all bags from a bucket."),
    "set-replication": LazyCommand(f"{_HERE}.bulk.commands:set_replication", "Bring all bags to a number of buckets."),
}

leader = LazyGroup("leader", COMMANDS, "Calls of the storage lead; signed by the lead's role account.")
