"""The command line."""

from img2dataset.cli.command import main

__all__ = ["main"]
