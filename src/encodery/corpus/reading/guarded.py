"""Text of one page by code that a page may bring down: a library's, ours for markup."""

from collections.abc import Callable

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.html import UnreadablePageError
from encodery.errors import UserError

FAILED = "read/failed"


def guarded(make: Callable[[], str], page: Page, ledger: Ledger) -> str:
    """What `make` finds as the text of a page. If it ends in an error that nobody expects, the page is dropped, named
    as damage and counted, and reading goes on with the next.

    Raises:
        UserError: from `make`: it is no fault of the page.
        ImportError, MemoryError: the same.
    """
    try:
        return make()
    except (UserError, ImportError, MemoryError):
        raise
    except UnreadablePageError as error:
        ledger.drop(page, f"read/{error.reason}")
    except Exception as error:
        ledger.drop(page, FAILED)
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        ledger.damaged(page.source, f"its text cannot be found ({said:.200})")
    return ""
