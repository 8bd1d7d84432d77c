"""The chain's rules over plain Python records, without any network."""
