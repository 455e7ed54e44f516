"""Whole pieces of work, as the command line, the dashboard and other programs do them."""
