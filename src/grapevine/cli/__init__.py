"""The command line: `grapevine train`, `grapevine plan`, `grapevine info`."""

from grapevine.cli.app import app, main

__all__ = ["app", "main"]
