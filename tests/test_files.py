# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of files that others have made, and writing of our own."""

import errno
import os
import socket
from pathlib import Path

import pytest
from gnuradio.dislac.files import GrowingFile, open_regular, read_bounded, write_file


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


def test_what_cannot_be_read_is_named():
    with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'"):
        read_bounded("/proc/self/mem", 10)


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


# Files of our own


@pytest.fixture
def disk(monkeypatch):
    """Gives what sets how many bytes more the disk takes, three at most a call."""
    left = [0]

    def write(descriptor, content):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(content), 3, left[0])
        left[0] -= taken
        return real(descriptor, content[:taken])

    real = os.write
    monkeypatch.setattr(os, "write", write)
    return lambda room: left.__setitem__(0, room)


def test_a_file_is_written_whole_or_keeps_what_it_held(tmp_path, disk):
    path = tmp_path / "file"
    for room in range(5):
        disk(room)
        with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
            write_file(path, b"short")
        assert os.listdir(tmp_path) == []
    disk(5)
    write_file(path, b"short")
    disk(8)
    with pytest.raises(OSError):
        write_file(path, b"something")
    assert path.read_bytes() == b"short" and os.listdir(tmp_path) == ["file"]


def test_a_fifo_that_nobody_reads_is_no_place_to_write_to(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"No such device or address: '.*/fifo'"):
        write_file(path, b"content")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(path, b"content")
        assert os.read(reader, 10) == b"content"
    finally:
        os.close(reader)


def test_a_new_file_is_as_the_umask_has_it_and_an_old_one_keeps_its_mode(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "new", b"")
        write_file(tmp_path / "secret", b"", mode=0o600)
    finally:
        os.umask(before)
    (tmp_path / "old").touch(mode=0o600)
    write_file(tmp_path / "old", b"content")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in os.listdir(tmp_path)}
    assert modes == {"new": 0o640, "secret": 0o600, "old": 0o600}


@pytest.mark.skipif(os.getuid() != 0, reason="needs to give files away")
def test_a_file_keeps_its_owner(tmp_path):
    (tmp_path / "file").touch()
    os.chown(tmp_path / "file", 54321, 54321)
    write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").stat().st_uid == (tmp_path / "file").stat().st_gid == 54321


def test_links_are_followed_and_devices_stay(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"
    write_file("/dev/null", b"nothing")
    assert not os.path.isfile("/dev/null")
    with pytest.raises(FileNotFoundError, match="none/file"):
        write_file(tmp_path / "none" / "file", b"")
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, b"")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs the device /dev/full")
def test_a_full_disk_is_named():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_file("/dev/full", b"nothing")


@pytest.mark.parametrize("tail", [b"", b"]}"])
def test_an_entry_without_room_is_taken_back(tmp_path, disk, tail):
    disk(1000)
    file = GrowingFile(tmp_path / "file", b"{[", tail)
    file.append(b"one")
    for room in range(len(b", two" + tail)):
        disk(room)
        with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
            # writing again what is there already needs no room
            with_room_for_the_tail(file, disk, b", two")
        assert (tmp_path / "file").read_bytes() == b"{[one" + tail
    disk(1000)
    file.append(b", two")
    file.close()
    assert (tmp_path / "file").read_bytes() == b"{[one, two" + tail


def with_room_for_the_tail(file, disk, entry):
    """Add an entry on a disk that takes again what lies where something is."""
    write = file._write

    def again(content):
        if content != entry + file._tail:
            disk(len(content))
        write(content)

    file._write = again
    try:
        file.append(entry)
    finally:
        file._write = write
