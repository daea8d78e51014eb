# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples are asked for and answered; either side may be started again."""

import struct
import time

import pytest
import zmq
from gnuradio.dislac.io import zmq_samples
from gnuradio.dislac.io.zmq_samples import SampleClient, SampleServer
from gnuradio.dislac.io.zmq_sockets import AddressError, make_keys

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

LONG = 10.0
ASK = struct.pack("=I", 1000)


def exchange(server, client, count, first=0):
    """What a client gets of numbered answers."""
    got = []
    while len(got) < count:
        if server.wait(0.01) and server.answer(str(first).encode()):
            first += 1
        if (message := client.receive(0.01)) is not None:
            got.append(int(bytes(message)))
    return got, first


def test_nothing_leaves_that_was_not_asked_for():
    """Behind a client that takes nothing, no more than what it has asked for piles up."""
    with SampleServer("0") as server:
        assert not server.wait(0.0) and server.most is None
        with SampleClient(server.address, request=ASK, depth=2) as client:
            while client.connections == 0:
                client.receive(0.01)
            for number in range(2):
                assert server.wait(LONG) and server.most == 1000
                assert server.answer(str(number).encode())
            assert not server.wait(0.2)  # the client looks at nothing, so it asks for nothing
            assert exchange(server, client, 50, first=2)[0] == list(range(50))


def test_a_client_asks_a_server_that_was_started_again(tmp_path):
    place = f"ipc://{tmp_path}/samples"
    with SampleClient(place, request=ASK) as client:
        for turn in range(1, 4):
            with SampleServer(place) as server:
                got, _ = exchange(server, client, 20, first=1000 * turn)
                # what was on its way before comes first, then all in order
                own = [number for number in got if number >= 1000 * turn]
                assert own == list(range(1000 * turn, 1000 * turn + len(own))) and own
                assert len(got) - len(own) <= 2
                assert client.connections == turn


def test_answers_name_the_connection_by_which_they_came(tmp_path):
    """Also where there is always one waiting when somebody looks, whose connection is long old."""
    place = f"ipc://{tmp_path}/samples"
    with SampleClient(place, request=ASK, depth=1, immediate=True) as client:
        for turn in (1, 2):
            with SampleServer(place) as server:
                came_by = []
                while len(came_by) < 4:
                    if server.wait(0.01):
                        server.answer(b"samples")
                        client._socket.poll(LONG * 1e3)
                    if client.receive(0.0) is not None:
                        came_by.append(client.connection)
                assert came_by == [turn] * 4


def test_the_last_answer_of_a_server_that_ends_is_not_lost(tmp_path):
    """By default an answer outlives the connection by which it came."""
    place = f"ipc://{tmp_path}/samples"
    with SampleClient(place, request=ASK, depth=1) as client:
        server = SampleServer(place)
        while client.connections == 0:
            client.receive(0.01)
        assert server.wait(LONG) and server.answer(b"last")
        server.close(linger=LONG)
        assert client._monitor.poll(LONG * 1e3)  # the connection has gone
        assert bytes(client.receive(LONG)) == b"last"


def test_the_present_client_keeps_its_place_and_a_stranger_waits():
    with SampleServer("0") as server:
        first = SampleClient(server.address, request=ASK)
        got, last = exchange(server, first, 5)
        assert got == [0, 1, 2, 3, 4] and server.newcomers() == []
        with zmq.Context() as context:
            stranger = context.socket(zmq.REQ)
            stranger.setsockopt(zmq.LINGER, 0)
            stranger.connect(server.address)
            stranger.send(ASK)
            news = []
            while not news:
                got, last = exchange(server, first, 1, first=last)
                news = server.newcomers()
            [(address, present)] = news
            assert address != present and {address[:10], present[:10]} == {"127.0.0.1:"}
            while not stranger.poll(0):  # the answer says for whom it waits, and the other goes on
                got, last = exchange(server, first, 1, first=last)
                server.turn_away(str.encode)
            assert stranger.recv() == present.encode()
            stranger.send(ASK)
            exchange(server, first, 1, first=last)
            first.close()
            while server.clients < 2:  # the other is there until its end has come through
                server.wait(0.01)
            assert server.answer(b"samples")
            assert stranger.recv() == b"samples"
            stranger.close()


def test_a_client_that_is_silent_loses_its_place_to_one_that_waits(monkeypatch):
    monkeypatch.setattr(zmq_samples, "SILENCE", 0.2)
    with (
        SampleServer("0") as server,
        SampleClient(server.address, request=ASK) as first,
        SampleClient(server.address, request=ASK) as second,
    ):
        _, last = exchange(server, first, 5)
        while not server.newcomers():
            exchange(server, first, 1, first=last)
            second.receive(0.0)
        begin = time.monotonic()
        while server.clients < 2:
            second.receive(0.0)
            if server.wait(0.01):
                server.answer(b"0")
        assert time.monotonic() - begin >= 0.2
        # the first asks again, and waits now in its turn
        got, last = exchange(server, second, 5, first=100)
        assert got[1:] == [100, 101, 102, 103] and server.clients == 2


def raw_request(context, server):
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.connect(server.address)
    return socket


def test_requests_in_many_parts_are_dropped_and_few_are_kept():
    with SampleServer("0") as server, zmq.Context() as context:
        hostile = raw_request(context, server)
        for _ in range(100):
            hostile.send_multipart([b"x" * 1000] * 199 + [b"", ASK])
        for _ in range(100):
            hostile.send_multipart([b"", ASK])
        while not server.wait(0.01):
            pass
        for _ in range(100):
            server.wait(0.0)
            assert len(server._client.requests) <= zmq_samples._MOST_REQUESTS
        assert all(request.envelope == [b""] for request in server._client.requests)
        hostile.close()


def test_a_client_that_sends_a_large_part_is_cut_off():
    with SampleServer("0") as server, zmq.Context() as context:
        hostile = raw_request(context, server)
        events = hostile.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        hostile.send_multipart([b"", b"x" * 2000])
        assert events.poll(LONG * 1e3)
        assert not server.wait(0.0)
        with SampleClient(server.address, request=ASK) as client:
            assert exchange(server, client, 5)[0] == [0, 1, 2, 3, 4]
        hostile.disable_monitor()
        hostile.close()


def test_keys_let_in_those_that_are_known(tmp_path):
    for name in ("satellite", "channel"):
        make_keys(tmp_path, name)
    make_keys(tmp_path / "elsewhere", "stranger")
    server_key = tmp_path / "satellite.key"
    with SampleServer("0", keys=tmp_path / "satellite.key_secret") as server:
        clients = [
            SampleClient(server.address, request=ASK, **keys)
            for keys in (
                {},
                {"keys": tmp_path / "elsewhere/stranger.key_secret", "server_key": server_key},
                {"keys": tmp_path / "channel.key_secret", "server_key": server_key},
            )
        ]
        got, _ = exchange(server, clients[-1], 5)
        assert got == [0, 1, 2, 3, 4]
        for stranger in clients[:-1]:
            assert stranger.receive(0.2) is None and not stranger.connected
        assert server.clients == 1
        for client in clients:
            client.close()
    with pytest.raises(ValueError, match="needs both"):
        SampleClient("5560", request=ASK, server_key=server_key)


def test_plain_sockets_of_request_and_reply_are_at_the_other_end():
    with zmq.Context() as context:
        rep = context.socket(zmq.REP)
        rep.bind("tcp://127.0.0.1:*")
        with SampleClient(rep.last_endpoint.decode(), request=b"\xff", depth=1) as client:
            while not rep.poll(10):
                client.receive(0.01)
            assert rep.recv() == b"\xff"
            rep.send(b"samples")
            assert bytes(client.receive(LONG)) == b"samples"
        rep.close(linger=0)
        with SampleServer("0") as server:
            req = context.socket(zmq.REQ)
            req.connect(server.address)
            req.send(b"\xff")
            assert server.wait(LONG) and server.most is None
            assert server.answer(b"samples")
            assert req.recv() == b"samples"
            req.close(linger=0)


def test_what_a_client_that_has_gone_did_not_take_is_kept():
    with SampleServer("0") as server:
        with SampleClient(server.address, request=ASK, depth=2) as client:
            while not server.wait(0.01):
                client.receive(0.0)
        given = 0
        while server.wait(0.0) and given < 3:
            if not server.answer(b"lost"):
                break
            given += 1
        assert given <= 2
        with SampleClient(server.address, request=ASK) as client:
            assert exchange(server, client, 3)[0] == [0, 1, 2]


def test_an_address_that_is_taken_is_said():
    with SampleServer("0") as server, pytest.raises(AddressError, match="in use"):
        SampleServer(server.address)
    with pytest.raises(AddressError, match="every network"):
        SampleServer("tcp://*:0")
