# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples are asked for and answered; either side may be started anew."""

import struct

import pytest
import zmq
from gnuradio.dislac.io.zmq_samples import SampleClient, SampleServer
from gnuradio.dislac.io.zmq_sockets import AddressError

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


def test_a_client_asks_a_server_that_was_started_anew(tmp_path):
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


def test_answers_tell_the_connection_by_which_they_came(tmp_path):
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


def test_a_later_client_takes_over_for_good():
    with SampleServer("0") as server:
        first = SampleClient(server.address, request=ASK)
        assert exchange(server, first, 5)[0] == [0, 1, 2, 3, 4]
        with SampleClient(server.address, request=ASK) as second:
            while server.clients < 2:
                second.receive(0.01)
                server.wait(0.01)
            got, last = exchange(server, second, 5, first=100)
            assert got == [100, 101, 102, 103, 104]
            while first.receive(0.05) is not None:  # what it had been given before
                pass
            got, _ = exchange(server, second, 5, first=last)
            assert got == [105, 106, 107, 108, 109]
            assert first.receive(0.05) is None
        first.close()


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
