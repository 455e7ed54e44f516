"""The Route page."""
