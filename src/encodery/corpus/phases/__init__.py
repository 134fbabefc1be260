"""The phases of the crawl pipeline: extract, paragraphs, filter, near, write. Arrow files lie between them."""

from encodery.corpus.phases.cleaning import Cleaning

__all__ = ["Cleaning"]
