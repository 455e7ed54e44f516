"""The Overview: what is ready."""
