# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of files that others have made."""

import os
import socket

import pytest
from gnuradio.dislac.files import open_regular, read_bounded


def test_a_file_is_read_up_to_its_bound(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)))
    assert read_bounded(path, 256) == bytes(range(256))
    with pytest.raises(OSError, match="Larger than 255 bytes"):
        read_bounded(path, 255)
    with open_regular(path) as file:
        assert file.read(3) == b"\0\1\2"


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    fifo, name = tmp_path / "fifo", tmp_path / "socket"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(name))
        for path in (fifo, "/dev/full", "/dev/zero", tmp_path, name, tmp_path / "none"):
            with pytest.raises(OSError):
                read_bounded(path, 10)
    with pytest.raises(OSError, match="Not a regular file"):
        read_bounded("/dev/zero", 10)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", 10)


def test_a_file_without_a_size_is_bounded_by_what_is_read():
    assert os.stat("/proc/self/status").st_size == 0
    assert read_bounded("/proc/self/status", 1 << 16)
    with pytest.raises(OSError, match="Larger"):
        read_bounded("/proc/self/status", 10)


def test_no_descriptor_stays_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for path in ("/dev/zero", tmp_path):
        with pytest.raises(OSError):
            open_regular(path)
    assert len(os.listdir("/proc/self/fd")) == before
