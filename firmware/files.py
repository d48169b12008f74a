"""Where the project's own files lie, where generated ones go, and how a file is written whole."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder that has firmware/, rtl/, fpga/, host/ and model/: a checkout's root, or the package."""

IN_CHECKOUT = (PACKAGE / "volley" / "__init__.py").is_file()
IMPORT_ROOT = PACKAGE if IN_CHECKOUT else PACKAGE.parent
"""What has to be on ``sys.path`` for ``import volley``."""

DOCS = PACKAGE / "docs"
PRETRAINED = PACKAGE / "model" / "pretrained"
EXAMPLES = PACKAGE / "host" / "examples"


def _build_folder() -> Path:
    chosen = os.environ.get("VOLLEY_BUILD")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if IN_CHECKOUT and os.access(PACKAGE, os.W_OK):
        return PACKAGE / "build"
    import platformdirs

    return Path(platformdirs.user_cache_dir("volley", appauthor=False))


BUILD = _build_folder()
"""The folder of generated files: ``VOLLEY_BUILD``, or build/ in a checkout that can be written, or
the user's cache folder."""


def shown(path: Path) -> Path:
    """A path as a user sees it best: from the checkout's root, where it is inside."""
    path = Path(path)
    if IN_CHECKOUT and path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE)
    return path


PIPE_SECONDS = 10.0  # that a pipe may bring nothing
PIPE_MOST = 1 << 28
"""Bytes that are read from a pipe."""


def regular(path) -> Path:
    """The path of a file, as a library may read it; raises ``OSError`` for devices, pipes and folders.

    A device may have no end, and from a pipe that nobody writes to nothing comes.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise _no_file(path, mode)
    return Path(path)


def _no_file(path, mode):
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = "a pipe" if stat.S_ISFIFO(mode) else "a device"
    return OSError(errno.EINVAL, f"is {kind}, a file is wanted", str(path))


def read_input(path) -> bytes:
    """The content of a user's file, or of a pipe that brings something; raises ``OSError``."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode):
            return file.read()
        if not stat.S_ISFIFO(mode):
            raise _no_file(path, mode)
        content = bytearray()
        while True:
            if not select.select([file], [], [], PIPE_SECONDS)[0]:
                why = f"a pipe that has brought nothing for {PIPE_SECONDS:.0f} s"
                raise OSError(errno.ETIMEDOUT, why, str(path))
            piece = file.read(1 << 20)
            if not piece:
                return bytes(content)
            content += piece
            if len(content) > PIPE_MOST:
                why = f"a pipe of more than {PIPE_MOST} bytes"
                raise OSError(errno.EFBIG, why, str(path))


@contextlib.contextmanager
def named(path) -> Iterator[None]:
    """While it is open, an ``OSError`` that names no file, as of a full disk, gets this name."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from None


@contextlib.contextmanager
def whole_file(path) -> Iterator[Path]:
    """Yields a new file's path to write to; it takes the place of ``path`` if no error comes.

    The new file stands in the folder of ``path`` and ends alike. Only a regular file is replaced:
    of a symbolic link its target, and into a device or a pipe the content is written. Raises
    ``OSError`` with the name of ``path``.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; the name of a file is wanted")
    if os.path.exists(path) and not os.path.isfile(path):  # /dev/stdout of a pipe has no target
        with tempfile.TemporaryDirectory() as folder, named(path):
            part = Path(folder) / target.name
            yield part
            Path(path).write_bytes(part.read_bytes())
        return
    try:
        handle, name = tempfile.mkstemp(target.suffix, f".{target.name}.", target.parent)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(_mode(target))
        part.replace(target)
    except OSError as error:
        if error.filename in (None, name):
            raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from None
        raise
    finally:
        part.unlink(missing_ok=True)


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced, or else those of any new file."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def write_whole(path, content: bytes | str) -> None:
    """Writes a file whole or not at all, see ``whole_file``. Texts are UTF-8."""
    with whole_file(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
