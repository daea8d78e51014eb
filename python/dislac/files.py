# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of others, read only where they are regular and of bounded size; files of our own, whole
after every write, or what they were before."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

__all__ = ["GrowingFile", "open_regular", "read_bounded", "write_file"]


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, unbuffered.

    Parameters
    ----------
    path
        Path of a file, or a link to one.

    Raises
    ------
    OSError
        No such file, or a folder, fifo, socket or device, of which reading may never end.
    """
    # A fifo would be waited for at once; the kind of a file is known only once it is open.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        return open(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the bytes of a regular file that is no larger than a bound.

    Parameters
    ----------
    path
        Path of a file, or a link to one.
    most
        Largest size that is read [bytes].

    Raises
    ------
    OSError
        No such file, no regular file, or one that is larger; with its name.
    """
    parts, left = [], most + 1
    with open_regular(path) as file:
        try:
            # Files of /proc show a size of zero and may have no end: what counts is what is read.
            while left and (part := file.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise _named(error, path) from None
    if not left:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", os.fspath(path))
    return b"".join(parts)


def write_file(
    path: str | os.PathLike[str], content: bytes, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write a file all at once, in place of the one that may be there.

    The content goes to a temporary file beside it, which takes its name when it is complete; where
    that fails, nothing is left of it. Devices and pipes are written to as they are.

    Parameters
    ----------
    path
        Of the file; a symbolic link is followed.
    content
        All that the file holds afterwards.
    mode
        Permissions of a new file, less the process's umask; one that is there keeps its own, and
        its owner where the process may give files away.
    durable
        Waits until the content is on the disk, so that it outlasts a loss of power.

    Raises
    ------
    OSError
        The file cannot be written; with its name.
    """
    target = Path(os.path.realpath(path))
    owner = -1, -1  # as the process has it
    try:
        with suppress(FileNotFoundError):
            found = target.stat()
            owner = found.st_uid, found.st_gid
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                # A fifo that nobody reads is refused: it would be waited for without end.
                descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                with open(descriptor, "wb", buffering=0):
                    os.set_blocking(descriptor, True)
                    _write_all(descriptor, content)
                return
            mode = stat.S_IMODE(found.st_mode)
        partial = target.with_name(f".{token_hex(8)}.part")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with open(descriptor, "wb", buffering=0):
                with suppress(PermissionError):
                    os.fchown(descriptor, *owner)
                _write_all(descriptor, content)
                if durable:
                    os.fsync(descriptor)
            os.replace(partial, target)
        except BaseException:
            partial.unlink()
            raise
    except OSError as error:
        raise _named(error, path) from None


class GrowingFile:
    """A file that grows entry by entry and is whole after each of them.

    An entry and the end of the document are one write: a process that is killed has lost none. An
    entry that finds no room, such as on a full disk, is taken back.

    Parameters
    ----------
    path
        Of the file; what it held before is overwritten.
    head
        Content before the first entry.
    tail
        End of the document, kept behind the last entry.

    Raises
    ------
    OSError
        The file cannot be written; with its name.
    """

    def __init__(self, path: str | os.PathLike[str], head: bytes = b"", tail: bytes = b"") -> None:
        self._path = path
        self._tail = tail
        write_file(path, head + tail, durable=False)
        # Unbuffered: an entry is one write.
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 closed by close()
        self._end = len(head)

    def append(self, entry: bytes) -> None:
        """Add an entry.

        Raises
        ------
        OSError
            There is no room for it; the file is as it was before.
        """
        try:
            self._write(entry + self._tail)
        except OSError as error:
            with suppress(OSError):
                self._write(self._tail)  # where it was, so that this needs no room
                self._file.truncate(self._end + len(self._tail))
            raise _named(error, self._path) from None
        self._end += len(entry)

    def _write(self, content: bytes) -> None:
        self._file.seek(self._end)
        _write_all(self._file.fileno(), content)

    def close(self) -> None:
        """Close the file. More calls do nothing."""
        self._file.close()


def _write_all(descriptor: int, content: bytes) -> None:
    """Write everything: one call may take a part only."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return the error with the name of the file that was asked for, not of the temporary one."""
    return OSError(error.errno, error.strerror, os.fspath(path))
