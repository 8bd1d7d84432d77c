"""Storage and delivery network for Joystream: storage nodes, distributor nodes and what they share."""
