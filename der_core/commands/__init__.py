"""What each command of `python -m der_core` does, one module a command."""
