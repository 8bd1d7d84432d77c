"""The devnet's query node."""
