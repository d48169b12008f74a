"""A disk that is full, as far as this process and its tools can tell."""

import contextlib
import resource


@contextlib.contextmanager
def room(size):
    """No file of this process or of a tool grows beyond ``size`` bytes.

    Python ignores the signal and gets an OSError.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
