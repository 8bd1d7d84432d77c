"""Generated messages and services; made by `scripts/generate_protos`, never edited."""
