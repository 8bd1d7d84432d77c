"""`joygrpc distributor leader …`: the calls of the distribution lead."""

from joygrpc.cli.lazy import LazyCommand, LazyGroup

_HERE = "joygrpc.cli.distributor.leader"

COMMANDS = {
    "set-buckets-per-bag-limit": LazyCommand(
        f"{_HERE}.bags:set_buckets_per_bag_limit", "Set in how many buckets a bag may be."
    ),
    "create-bucket-family": LazyCommand(f"{_HERE}.families:create_bucket_family", "Create a family; prints its id."),
    "delete-bucket-family": LazyCommand(f"{_HERE}.families:delete_bucket_family", "Delete a family."),
    "set-bucket-family-metadata": LazyCommand(f"{_HERE}.families:set_bucket_family_metadata", "Describe a family."),
    "create-bucket": LazyCommand(f"{_HERE}.buckets:create_bucket", "Create a bucket; prints its index."),
    "delete-bucket": LazyCommand(f"{_HERE}.buckets:delete_bucket", "Delete a bucket without bags and operators."),
    "update-bucket-status": LazyCommand(f"{_HERE}.buckets:update_bucket_status", "Let a bucket take new bags, or not."),
    "update-bucket-mode": LazyCommand(f"{_HERE}.buckets:update_bucket_mode", "Let a bucket deliver, or not."),
    "update-bag": LazyCommand(f"{_HERE}.bags:update_bag", "Change the buckets of one bag."),
    "update-dynamic-bag-policy": LazyCommand(
        f"{_HERE}.bags:update_dynamic_bag_policy", "Set in which families new bags begin."
    ),
    "invite-bucket-operator": LazyCommand(f"{_HERE}.buckets:invite_bucket_operator", "Invite a worker to a bucket."),
    "cancel-invitation": LazyCommand(f"{_HERE}.buckets:cancel_invitation", "Take an invitation back."),
    "remove-bucket-operator": LazyCommand(
        f"{_HERE}.buckets:remove_bucket_operator", "Dismiss an operator of a bucket."
    ),
}

leader = LazyGroup("leader", COMMANDS, "Calls of the distribution lead; signed by the lead's role account.")
