# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes from one process to others, over sockets of this host."""

import json
import socket

import numpy as np
import pytest
from gnuradio.dislac.io import fix_from_dict, fix_to_json
from gnuradio.dislac.positioning import Fix, FixStatus

pytest.importorskip("zmq")

import zmq
from gnuradio.dislac.io.monitor import (
    CONNECTED,
    DISCONNECTED,
    FIX,
    REFUSED,
    SEVERAL,
    STATUS,
    FixPublisher,
    FixSubscriber,
    Message,
)
from gnuradio.dislac.io.zmq_sockets import AddressError, make_keys

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

PATIENCE = 30.0
"""No test waits so long unless it fails [s]."""

READY = {"state": "searching", "reason": "begins"}


def a_fix(frame):
    position = np.array([frame / 3, -1.0, 0.0])
    return Fix(frame, frame * 1e-3, FixStatus.OK, position, np.eye(3), error=1 / 3)


def received(subscriber, topic):
    """The next message of a topic; fails if none comes."""
    while (message := subscriber.receive(PATIENCE)) is not None:
        if message.topic == topic:
            return message
    raise AssertionError(f"no {topic}")


def test_who_listens_gets_the_status_at_once_and_then_every_fix_to_the_last_bit():
    with FixPublisher("0") as publisher:
        publisher.publish_status({"state": "lost"})
        publisher.publish_status(READY)
        assert publisher.endpoint.startswith("tcp://127.0.0.1:")
        with FixSubscriber(publisher.endpoint) as subscriber:
            assert subscriber.receive(PATIENCE) == Message(CONNECTED)
            assert subscriber.connected
            # The publisher's thread may be behind, and the listener be there before the first.
            message = received(subscriber, STATUS)
            if message.content() == {"state": "lost"}:
                message = received(subscriber, STATUS)
            assert message.content() == READY
            fixes = [a_fix(k) for k in range(20)]
            for fix in fixes:
                publisher.publish_fix(fix)
            lines = [received(subscriber, FIX).text for _ in fixes]
            assert lines == [fix_to_json(fix) for fix in fixes]
            assert fix_from_dict(json.loads(lines[0])).position.tolist() == [0.0, -1.0, 0.0]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no loopback of IPv6")
def test_addresses_of_ipv6():
    with FixPublisher("[::1]:0") as publisher, FixSubscriber(publisher.endpoint) as subscriber:
        assert publisher.endpoint.startswith("tcp://[::1]:")
        publisher.publish_status(READY)
        assert received(subscriber, STATUS).content() == READY


def test_a_publisher_may_start_later_and_again(tmp_path):
    address = f"ipc://{tmp_path}/fixes"
    with FixSubscriber(address) as subscriber:
        assert subscriber.receive(0.01) is None and not subscriber.connected
        for life in range(2):
            with FixPublisher(address) as publisher:
                publisher.publish_status({"life": life})
                assert subscriber.receive(PATIENCE) == Message(CONNECTED)
                assert received(subscriber, STATUS).content() == {"life": life}
                publisher.publish_fix(a_fix(life))
                assert received(subscriber, FIX).content()["frame"] == life
            assert received(subscriber, DISCONNECTED) == Message(DISCONNECTED)
            assert not subscriber.connected


def test_who_does_not_listen_holds_nobody_up():
    with FixPublisher("0") as publisher, FixSubscriber(publisher.endpoint) as subscriber:
        publisher.publish_status(READY)
        received(subscriber, STATUS)
        for frame in range(5000):
            publisher.publish_fix(a_fix(frame))
        assert received(subscriber, FIX).content()["frame"] == 0  # the oldest are kept


def test_keys_let_in_those_that_are_known(tmp_path):
    for name in ("station", "friend"):
        make_keys(tmp_path, name)
    make_keys(tmp_path / "elsewhere", "stranger")
    server = tmp_path / "station.key"
    with FixPublisher("0", keys=tmp_path / "station.key_secret") as publisher:
        publisher.publish_status(READY)
        keys = {"keys": tmp_path / "friend.key_secret", "server_key": server}
        with FixSubscriber(publisher.endpoint, **keys) as friend:
            assert received(friend, STATUS).content() == READY
        keys["keys"] = tmp_path / "elsewhere" / "stranger.key_secret"
        with FixSubscriber(publisher.endpoint, **keys) as stranger:
            assert stranger.receive(PATIENCE) == Message(REFUSED)
            assert not stranger.connected


def test_addresses_that_cannot_be_had(tmp_path):
    with pytest.raises(AddressError, match="every network of this host"):
        FixPublisher("tcp://*:0")
    with (
        FixPublisher("tcp://*:0", any_interface=True) as publisher,
        pytest.raises(OSError, match=r"cannot publish at .*in use"),
    ):
        FixPublisher(publisher.endpoint, any_interface=True)
    with pytest.raises(AddressError, match="no place to connect to"):
        FixSubscriber("tcp://*:5570")
    with pytest.raises(ValueError, match="needs both"):
        FixSubscriber(keys=tmp_path / "a.key_secret")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "is no JSON object") for text in ("[1]", "", "nothing", "NaN", '{"a": Infinity}')),
        ("[" * 60_000, "too deep"),
        ("{}", "a fix without 'frame'"),
        *(
            (fix_to_json(a_fix(1)).replace(old, new), reason)
            for old, new, reason in (
                ('"ok"', '"fine"', "none of a fix"),
                ('"frame": 1,', '"frame": 1.5,', "none of a fix"),
                ("-1.0, 0.0]", "-1.0]", "none of a fix"),
                ("-1.0, 0.0]", "-1.0, 1e13]", "numbers that none has"),
                ('"frame": 1,', f'"frame": {2**53 + 1},', "numbers that none has"),
            )
        ),
    ],
    ids=range(12),
)
def test_what_is_no_fix_is_said(text, reason):
    with pytest.raises(ValueError, match=reason):
        Message(FIX, text).fix()


@pytest.mark.parametrize("wrong", [{"state": 5}, {"reason": ["a"]}, {"fixes": -1}, {"fixes": "1"}])
def test_what_is_no_status_is_said(wrong):
    with pytest.raises(ValueError, match="a status whose"):
        Message(STATUS, json.dumps({**READY, **wrong})).status()
    assert Message(STATUS, json.dumps(READY)).status() == {
        "scenario": "",
        "state": "searching",
        "reason": "begins",
        **dict.fromkeys(("frames_used", "frames_skipped", "frames_lost", "fixes"), 0),
    }


def test_who_subscribes_too_often_or_to_too_much_is_cut_off():
    with FixPublisher("0") as publisher, zmq.Context() as context:
        publisher.publish_status(READY)
        for topics in ([b"x" * 2000], [str(k).encode() for k in range(20)]):
            hostile = context.socket(zmq.SUB)
            hostile.setsockopt(zmq.RECONNECT_IVL, -1)
            events = hostile.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            hostile.connect(publisher.endpoint)
            for topic in topics:
                hostile.subscribe(topic)
            assert events.poll(PATIENCE * 1e3)
            hostile.disable_monitor()
            hostile.close(0)
        with FixSubscriber(publisher.endpoint) as subscriber:
            assert received(subscriber, STATUS).content() == READY


def test_a_message_in_several_parts_is_one_of_no_topic():
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.bind("tcp://127.0.0.1:*")
        with FixSubscriber(publisher.last_endpoint.decode()) as subscriber:
            publisher.recv()
            for parts in ([b"dislac.fix {}", b"{}"], [b"dislac.fix {}"]):
                publisher.send_multipart(parts)
            assert subscriber.receive(PATIENCE) == Message(CONNECTED)
            assert subscriber.receive(PATIENCE).topic == SEVERAL
            assert subscriber.receive(PATIENCE) == Message(FIX, "{}")
