"""Checkpoints as their authors published them, before `transformers`: read without running any code of theirs."""
