"""Entry point of `python -m der_core`."""

import sys

from der_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
