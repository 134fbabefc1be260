"""Places that fsspec reaches (`s3://`, `gs://`, `memory://`), with errors of one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from encodery.errors import UserError


def is_remote(path: str) -> bool:
    """Whether an input names another place than the disk."""
    return "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        UserError: fsspec or the package for this protocol is not installed, or there is no such protocol.
    """
    try:
        import fsspec
    except ImportError:
        raise UserError(f'{url}: reading this needs the package fsspec; pip install "encodery[remote]"') from None
    with reaching(url):
        try:
            system, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{url}: {reason:.200}; for s3:// pip install s3fs, for gs:// pip install gcsfs"
            ) from None
        except ValueError:
            known = "s3, gs, az, hf, https"
            raise UserError(f"{url}: no such protocol; fsspec's are allowed ({known}, ...), or a path") from None
    return system, str(path)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """What goes wrong on the way to a store, whatever its package raises, as one line."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{url}: cannot be reached ({reason:.200}); check the address and your credentials") from None
