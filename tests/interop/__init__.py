"""Programs that are not ours, against ours: clients of the chain as they come from their registries."""
