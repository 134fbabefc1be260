"""Which language a text is in: models that others trained, their codes as ours, and two of them as one."""

from encodery.corpus.languages.choosing import check_name, identifier_of
from encodery.corpus.languages.codes import is_language_code, language_code
from encodery.corpus.languages.identifier import Guess, Identifier

__all__ = ["Guess", "Identifier", "check_name", "identifier_of", "is_language_code", "language_code"]
