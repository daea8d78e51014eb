# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels in tags and PDUs arrives to the last bit."""

import re
from pathlib import Path

import numpy as np
import pmt
import pytest
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.channel import Paths
from gnuradio.dislac.estimation import ESTIMATE_STATUSES, Estimate
from gnuradio.dislac.positioning import PATH_KINDS, Fix, FixStatus, Measurement, Reason
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

anything = st.floats(width=64)  # infinities and NaN too
index = st.integers(0, 2**53)


def same(a, b) -> bool:
    """To the last bit, NaN included."""
    return np.array_equal(
        np.asarray(a, float).view(np.uint64), np.asarray(b, float).view(np.uint64)
    )


@settings(max_examples=40)
@given(
    frame=index,
    numbers=arrays(float, 5, elements=anything),
    located=st.sampled_from(FixStatus).flatmap(
        lambda status: st.tuples(
            st.just(status),
            arrays(float, 3, elements=st.floats(-1e308, 1e308) if status.located else anything),
        )
    ),
    covariance=arrays(float, (3, 3), elements=anything),
    direction=arrays(float, 3, elements=anything),
)
def test_a_fix_comes_through(frame, numbers, located, covariance, direction):
    status, position = located
    time, delay, doppler, error, bound = map(float, numbers)
    fix = Fix(frame, time, status, position, covariance, delay, doppler, direction, error, bound)
    # through the bytes that a socket would carry
    wire = pmt.deserialize_str(pmt.serialize_str(pmt_keys.fix_to_pdu(fix)))
    for pdu in (pmt_keys.fix_to_pdu(fix), wire):
        back = pmt_keys.fix_from_pdu(pdu)
        assert (back.frame, back.status) == (frame, status)
        assert same(
            [back.time, back.residual_delay, back.residual_doppler, back.error, back.bound], numbers
        )
        assert same(back.position, position)
        assert same(back.covariance, covariance)
        assert same(back.direction, direction)


names = st.text(st.sampled_from("ab é日>&<\"';-_0"), min_size=1, max_size=20)


@settings(max_examples=40)
@given(target=st.just("") | names, links=st.lists(st.tuples(names, names), max_size=12))
def test_target_and_links_come_through_where_they_are_set(target, links):
    fix = Fix(1, 2.0, FixStatus.NO_DETECTION, target=target, links=tuple(links))
    pdu = pmt.deserialize_str(pmt.serialize_str(pmt_keys.fix_to_pdu(fix)))
    back = pmt_keys.fix_from_pdu(pdu)
    assert (back.target, back.links) == (target, tuple(links))
    keys = pmt.to_python(pmt.car(pdu))
    assert ("dislac:target" in keys) == bool(target) and ("dislac:links" in keys) == bool(links)


@settings(max_examples=40)
@given(
    data=st.data(),
    kinds=st.lists(names, max_size=6, unique=True),
    link=st.just(()) | st.tuples(names, names),
    frame=index,
    numbers=arrays(float, 3, elements=anything),
    path=st.sampled_from(PATH_KINDS),
)
def test_a_measurement_comes_through(data, kinds, link, frame, numbers, path):
    count = len(kinds)
    values = data.draw(arrays(float, count, elements=anything))
    covariance = data.draw(arrays(float, (count, count), elements=anything))
    time, snr, outlier = map(float, numbers)
    sent = Measurement(link, frame, time, tuple(kinds), values, covariance, snr, outlier, path)
    pdu = pmt_keys.measurement_to_pdu(sent)
    for message in (pdu, pmt.deserialize_str(pmt.serialize_str(pdu))):
        back = pmt_keys.measurement_from_pdu(message)
        assert (back.link, back.frame, back.kinds, back.path) == (link, frame, tuple(kinds), path)
        assert same([back.time, back.snr, back.outlier_probability], numbers)
        assert same(back.values, values) and same(back.covariance, covariance)


def test_a_fix_of_older_blocks_is_read():
    """One that knows of no target and no links; and one that older blocks read has their keys."""
    fix = Fix(3, 0.5, FixStatus.OK, np.ones(3), error=2.0)
    keys = [f"dislac:{name}" for name in pmt_keys.PDU_KEYS["fix"] if name not in LABELS]
    pdu = pmt_keys.fix_to_pdu(fix)
    assert sorted(pmt.to_python(pmt.car(pdu))) == sorted(keys)
    back = pmt_keys.fix_from_pdu(pdu)
    assert (back.target, back.links, back.error) == ("", (), 2.0)


LABELS = ("target", "links", "reason")


def test_the_table_of_keys_is_that_of_the_messages_and_of_the_guide():
    status, links = FixStatus.NO_SOLUTION, (("leo", "roof"),)
    fix = Fix(1, 2.0, status, target="car", links=links, reason=Reason.BEHIND)
    one = np.zeros(1)
    paths = Paths(one + 0j, np.zeros((1, 2)), np.zeros((1, 2)), one, one)
    estimate = Estimate(paths, np.zeros((1, 6, 6)), 0.1, 0.2, 0.3)
    pdus = {
        "fix": pmt_keys.fix_to_pdu(fix),
        "paths": pmt_keys.estimate_to_pdu(estimate, 1, 2.0),
        "measurement": pmt_keys.measurement_to_pdu(
            Measurement(("leo", "roof"), 1, 2.0, ("delay",), one, np.zeros((1, 1)))
        ),
    }
    guide = (Path(__file__).parents[2] / "docs" / "blocks.md").read_text(encoding="utf-8")
    for name, keys in pmt_keys.PDU_KEYS.items():
        found = list(pmt.to_python(pmt.car(pdus[name])))
        assert sorted(found) == sorted(f"dislac:{key}" for key in keys)
        (row,) = [
            line
            for line in guide.splitlines()
            if line.startswith((f"| `{name}` |", f"| `{name}s` |"))
        ]
        assert re.findall("`dislac:([a-z_]+)`", row) == list(keys)


def test_the_guide_has_every_status():
    guide = (Path(__file__).parents[2] / "docs" / "signal_model.md").read_text(encoding="utf-8")
    assert set(pmt_keys.STATUSES["paths"]) <= set(pmt_keys.STATUSES["fix"])
    words = (*pmt_keys.STATUSES["fix"], *pmt_keys.REASONS)
    missing = [word for word in words if f"`{word}`" not in guide]
    assert not missing


@settings(max_examples=40)
@given(data=st.data(), paths=st.integers(0, 3), frame=index, known=st.booleans())
def test_an_estimate_comes_through(data, paths, frame, known):
    def draw(*shape):
        return data.draw(arrays(float, shape, elements=st.floats(-1e300, 1e300)))

    gain = draw(paths) + 1j * draw(paths)
    found = Paths(gain, draw(paths, 2), draw(paths, 2), draw(paths), draw(paths))
    covariance = draw(paths, 6, 6) if known else None
    status = data.draw(st.sampled_from(ESTIMATE_STATUSES))
    estimate = Estimate(found, covariance, 0.1, 0.2, 0.3, status)
    back, number, time = pmt_keys.estimate_from_pdu(
        pmt_keys.estimate_to_pdu(estimate, frame, 1.0 / 3.0)
    )
    assert (number, time) == (frame, 1.0 / 3.0)
    assert (back.noise_power, back.statistic, back.threshold) == (0.1, 0.2, 0.3)
    assert back.status == status
    assert same(back.paths.gain.real, gain.real)
    assert same(back.paths.gain.imag, gain.imag)
    for name in ("arrival", "departure", "delay", "doppler"):
        assert same(getattr(back.paths, name), getattr(found, name))
        assert getattr(back.paths, name).shape == getattr(found, name).shape
    assert (back.covariance is None) == (covariance is None)
    assert covariance is None or same(back.covariance, covariance)


@given(st.floats(0, 1e9))
def test_a_time_comes_through(time):
    assert pmt_keys.time_from_tag(pmt_keys.time_to_tag(time)) == time


@given(index, st.none() | index)
def test_a_frame_comes_through(frame, arrival):
    assert pmt_keys.frame_from_tag(pmt_keys.frame_to_tag(frame, arrival)) == (frame, arrival)


def test_every_key_has_the_module_as_its_namespace():
    fix = pmt_keys.fix_to_pdu(Fix(1, 2.0, FixStatus.OK, np.zeros(3)))
    keys = list(pmt.to_python(pmt.car(fix)))
    assert "dislac:status" in keys
    assert all(key.startswith("dislac:") for key in keys)


@pytest.mark.parametrize(
    "message",
    [
        pmt.PMT_NIL,
        pmt.intern("fix"),
        pmt.cons(pmt.make_dict(), pmt.init_f64vector(3, [1.0, 2.0, 3.0])),
        pmt.cons(pmt.PMT_NIL, pmt.init_f64vector(3, [1.0, 2.0, 3.0])),
        pmt_keys.event_to_pdu("frame_dropped", {"frame": 1}),
    ],
)
def test_other_messages_are_refused(message):
    with pytest.raises(ValueError, match="connect a port `fix`"):
        pmt_keys.fix_from_pdu(message)
    with pytest.raises(ValueError, match="connect a port `paths`"):
        pmt_keys.estimate_from_pdu(message)
    with pytest.raises(ValueError, match="no measurement"):
        pmt_keys.measurement_from_pdu(message)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("target", 1.0),
        ("target", "a\nb"),
        ("links", "leo"),
        ("links", [["leo", 1]]),
        ("links", 2),
    ],
)
def test_labels_that_are_none_are_refused(key, value):
    meta, position = pmt.car(GOOD), pmt.cdr(GOOD)
    bad = pmt.dict_add(meta, pmt.intern(f"dislac:{key}"), pmt.to_pmt(value))
    with pytest.raises(ValueError, match="connect a port `fix`"):
        pmt_keys.fix_from_pdu(pmt.cons(bad, position))


GOOD = pmt_keys.fix_to_pdu(Fix(1, 2.0, FixStatus.OK, np.zeros(3)))


def test_another_tag_of_that_name_is_refused():
    with pytest.raises(ValueError, match="must hold a frame's index"):
        pmt_keys.frame_from_tag(pmt.intern("first"))
