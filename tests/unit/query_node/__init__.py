"""The client of the query node."""
