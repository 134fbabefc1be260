"""A recipe that answers questions and one that chooses: from the file to the folder and the report."""

import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import transformers
from rich.console import Console

import encodery
from encodery.demo.labelled import question_records
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import stages_of

RECIPE = """
name = "qa"
[model]
preset = "tiny"
config = { hidden_dropout_prob = 0.0, attention_probs_dropout_prob = 0.0 }
[corpus]
inputs = [{ path = "text.txt" }]
valid_fraction = 0.2
[tokenizer]
vocab_size = 700
min_frequency = 1
[finetune.answers]
from = "scratch"
train = "train.jsonl"
dev = "train.jsonl"
test = "train.jsonl"
task = { type = "question-answering", max_seqlen = 61 }
tokens_per_step = 512
epochs = 60
precision = "fp32"
optimizer = { lr = 2e-3 }
"""
