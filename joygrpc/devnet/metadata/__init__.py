"""Our description of the runtime, and the metadata that clients get."""
