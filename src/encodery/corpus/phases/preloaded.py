"""Importing this loads and builds what tasks need: the server of processes does it once, before it makes any.

On a page of one word: pyarrow loads pandas where it finds it, tables of all Unicode characters are built.
"""

from encodery.corpus.dedup.near import NearConfig, Signer
from encodery.corpus.dedup.paragraphs import paragraph_hashes
from encodery.corpus.phases.page_files import texts_of

texts_of(["word"])
paragraph_hashes(["wörd"])
Signer(NearConfig()).bands(["wörd"])
