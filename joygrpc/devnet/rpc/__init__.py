"""Substrate JSON-RPC."""
