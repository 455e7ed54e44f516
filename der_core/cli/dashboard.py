"""`dashboard`: serve the pages on this machine."""

from __future__ import annotations

import argparse
import runpy
import sys

from der_core.shipped import SHIPPED


def execute(arguments: argparse.Namespace) -> int:
    """Become Streamlit's server until it is stopped; recordings and runs go where the command is given, to der_home or $DER_HOME."""
    # By name and in this process: der_core imports nothing of the dashboard, and Ctrl-C reaches the server alone.
    sys.argv = ["streamlit", "run", str(SHIPPED / "app.py"), "--server.port", str(arguments.port)]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    return 0
