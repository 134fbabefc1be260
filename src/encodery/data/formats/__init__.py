"""Labelled files of every common format: which one a file is of, its records in one form, and the way back."""

from encodery.data.formats.detection import detect
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.reading import read_labelled
from encodery.data.formats.registry import FORMATS
from encodery.data.formats.writing import write_labelled

__all__ = ["FORMATS", "FormatOptions", "detect", "read_labelled", "write_labelled"]
