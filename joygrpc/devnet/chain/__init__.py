"""The chain: blocks, transactions, state."""
