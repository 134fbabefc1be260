"""Labelled data checked before any training: every finding with a code, its line, its place and what to do."""
