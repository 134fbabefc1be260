"""The command line: what a person types. It parses, calls and prints; no logic lives here."""

from encodery.cli.verbs import app, main

__all__ = ["app", "main"]
