"""Errors that name the input that they are about."""

import re
from contextlib import contextmanager


@contextmanager
def naming(name):
    """Let errors of the body name the input that they are about."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        # Others of their kinds, as those of Unicode, ask for more than a message.
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error
