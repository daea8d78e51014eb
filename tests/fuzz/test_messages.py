# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded share of `messages`: each socket of each command gets some hostile messages."""

import pytest

pytest.importorskip("gnuradio.gr")
pytest.importorskip("zmq")

import gnuradio.dislac.blocks.zmq_flowgraphs  # noqa: F401  once, before the forks
from gnuradio.dislac.estimation import detection
from gnuradio.dislac.io.monitor import FixPublisher
from gnuradio.dislac.io.zmq_samples import SampleServer

from . import messages
from .scenarios import FEW_FRAMES


@pytest.mark.gnuradio
@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        ("channel", slice(0, 24, 6)),
        ("monitor", slice(0, 60)),
        ("publisher", slice(0, 8)),
        ("relay's output", slice(10, 25)),
    ],
)
def test_hostile_messages_do_no_harm(target, chosen, tmp_path, monkeypatch):
    """Pairs within pairs, claims of 2^32 elements, 30 MB to subscribe to, 200 parts, bad JSON."""
    monkeypatch.setattr(detection, "CALIBRATION_FRAMES", FEW_FRAMES)
    assert messages.attack(target, messages.messages(target, 0, 100)[chosen], tmp_path) == []


@pytest.mark.parametrize(("kind", "makes"), [("DEALER", SampleServer), ("SUB", FixPublisher)])
def test_parts_without_end_are_cut_off(kind, makes):
    server = makes("0")
    address = server.address if makes is SampleServer else server.endpoint
    try:
        assert messages.send_parts_without_end(address, kind)
    finally:
        server.close()
