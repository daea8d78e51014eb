# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses sockets may have, and who is let in."""

import errno
import os

import pytest
import zmq
from gnuradio.dislac.io import zmq_sockets as sockets
from zmq.utils import monitor

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")


@pytest.mark.parametrize(
    ("typed", "bound"),
    [
        ("5555", "tcp://127.0.0.1:5555"),
        ("localhost:5555", "tcp://127.0.0.1:5555"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:*"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("192.0.2.7:5555", "tcp://192.0.2.7:5555"),
        ("tcp://[::1]:5555", "tcp://[::1]:5555"),
        ("tcp://eth0:5555", "tcp://eth0:5555"),
        ("tcp://eth0.100:5555", "tcp://eth0.100:5555"),
        ("ipc:///run/dislac", "ipc:///run/dislac"),
    ],
)
def test_a_socket_is_bound_to_this_host_unless_its_address_says_more(typed, bound):
    assert sockets.bind_address(typed) == bound


@pytest.mark.parametrize(
    "host",
    ["*", "0.0.0.0", "[::]", "[::0]", "[0:0::0]", "[::%eth0]", "[::0.0.0.0]", "[::ffff:0.0.0.0]"],
)
def test_all_interfaces_need_leave(host):
    with pytest.raises(sockets.AddressError, match="every network of this host"):
        sockets.bind_address(f"tcp://{host}:5555")
    assert sockets.bind_address(f"{host}:5555", any_interface=True) == f"tcp://{host}:5555"
    with pytest.raises(sockets.AddressError, match="no place to connect to"):
        sockets.connect_address(f"tcp://{host}:5555")


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "tcp://",
            "host",
            "udp://h:1",
            "1.2.3:5",
            "1.2.3.400:5",
            "h:70000",
            "ipc://",
            "[x]:1",
        ),
        # resolvers take these for 0.0.0.0
        *("0:0", "0x0:0", "0X:0", "0.0x0:0", "0.0.0.0.:0", "00.0.0.0:0", "[0x0]:0"),
    ],
)
def test_what_is_no_address_is_refused(typed):
    for parse in (sockets.bind_address, sockets.connect_address):
        with pytest.raises(sockets.AddressError, match=r"IP|no address|ports end"):
            parse(typed)


def test_sockets_connect_to_one_place():
    assert sockets.connect_address("5555") == "tcp://127.0.0.1:5555"
    assert sockets.connect_address("roof.example:5555") == "tcp://roof.example:5555"
    with pytest.raises(sockets.AddressError, match="no place"):
        sockets.connect_address("tcp://127.0.0.1:0")


def test_keys_are_their_owners_alone(tmp_path):
    public, secret = sockets.make_keys(tmp_path / "keys", "roof")
    assert secret.stat().st_mode & 0o777 == 0o600 and public.stat().st_mode & 0o777 == 0o644
    keys = sockets.load_keys(secret)
    assert sockets.load_public_key(public) == keys.public == zmq.curve_public(keys.secret)
    assert keys.secret.decode() not in repr(keys) and keys.secret.decode() not in public.read_text()
    with pytest.raises(sockets.KeyFileError, match="exists"):
        sockets.make_keys(tmp_path / "keys", "roof")
    with pytest.raises(sockets.KeyFileError, match="public key alone"):
        sockets.load_keys(public)
    secret.chmod(0o644)
    with pytest.raises(sockets.KeyFileError, match="chmod 600"):
        sockets.load_keys(secret)
    with pytest.raises(sockets.KeyFileError, match="names no keys"):
        sockets.make_keys(tmp_path, "../roof")


@pytest.mark.parametrize("written", range(4))
def test_a_full_disk_leaves_no_key_that_is_none(tmp_path, monkeypatch, written):
    """Four writes: two of pyzmq's to a folder that goes, two of ours."""
    count = iter(range(4))

    def write(*arguments):
        if next(count) == written - 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    monkeypatch.setattr(os, "write", write)
    if written < 2:
        monkeypatch.setattr(zmq.auth.certs, "_write_key_file", full)
    with pytest.raises(OSError, match="No space left on device"):
        sockets.make_keys(tmp_path, "roof")
    assert list(tmp_path.iterdir()) == []
    damaged = tmp_path / "damaged.key"
    damaged.write_text('public-key = "short"\n')
    with pytest.raises(sockets.KeyFileError, match="5 characters"):
        sockets.load_public_key(damaged)
    for text in "nothing\n", "public-key\n", "":
        damaged.write_text(text)
        with pytest.raises(sockets.KeyFileError, match="no key"):
            sockets.load_public_key(damaged)
    fifo = tmp_path / "fifo.key"
    os.mkfifo(fifo)
    for path in tmp_path / "none.key", fifo, "/dev/zero", "/proc/self/mem":
        with pytest.raises(OSError, match=str(path)):
            sockets.load_public_key(path)


def test_a_server_answers_those_whose_keys_it_has(tmp_path):
    """A stranger and one without keys wait in vain: what comes afterwards overtakes them."""
    server_public, server_secret = sockets.make_keys(tmp_path / "server", "server")
    friend_public, friend_secret = sockets.make_keys(tmp_path / "friend", "friend")
    _, stranger_secret = sockets.make_keys(tmp_path / "stranger", "stranger")
    (tmp_path / "server" / "friend.key").write_bytes(friend_public.read_bytes())
    with zmq.Context() as context:
        server = context.socket(zmq.PULL)
        guard = sockets.secure_server(server, server_secret)
        server.bind(sockets.bind_address("0"))
        place = sockets.connect_address(server.last_endpoint.decode())
        clients = [context.socket(zmq.PUSH) for _ in range(3)]
        sockets.secure_client(clients[1], stranger_secret, server_public)
        sockets.secure_client(clients[2], friend_secret, server_public)
        refused = [client.get_monitor_socket() for client in clients[:2]]
        for name, client in zip((b"open", b"stranger", b"friend"), clients, strict=True):
            client.setsockopt(zmq.LINGER, 0)
            client.connect(place)
            client.send(name)
        failed = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        failed |= zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
        for events in refused:
            while not monitor.recv_monitor_message(events)["event"] & failed:
                pass
        assert server.recv() == b"friend"
        assert server.poll(0) == 0
        for client in clients:
            client.disable_monitor()
            client.close()
        server.close()
        guard.stop()
