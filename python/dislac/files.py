# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of files that others have made: regular ones only, of bounded size."""

import errno
import os
import stat
from typing import BinaryIO

__all__ = ["open_regular", "read_bounded"]


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
        No such file, no regular file, or one that is larger.
    """
    with open_regular(path) as file:
        # Files of /proc show a size of zero and may have no end: what counts is what is read.
        parts, left = [], most + 1
        while left and (part := file.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", os.fspath(path))
    return b"".join(parts)
