# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes of several links in one order."""

from gnuradio.dislac.positioning import Fix, FixOrder, FixStatus
from gnuradio.dislac.positioning.order import PATIENCE
from hypothesis import given
from hypothesis import strategies as st

LINKS = [("a", "x"), ("b", "x"), ("a", "y")]


def fix(link, frame, target=""):
    return Fix(frame, 0.0, FixStatus.NO_DETECTION, target=target, links=(link,))


def key(fix):
    return fix.frame, LINKS.index(fix.links[0]), fix.target


@given(st.lists(st.sampled_from(LINKS), max_size=60), st.data())
def test_the_order_is_that_of_frames_and_links_whatever_comes_first(turns, data):
    order, came, out = FixOrder(LINKS), dict.fromkeys(LINKS, 0), []
    given_ = []
    for link in turns:
        came[link] += data.draw(st.integers(1, 3))
        for target in ("one", "two"):
            given_.append(fix(link, came[link], target))
            out += order.add(given_[-1])
    out += order.rest()
    assert [key(f) for f in out] == sorted(map(key, given_))


def test_a_frame_comes_out_when_all_links_are_past_it():
    order = FixOrder(LINKS)
    assert order.add(fix(LINKS[0], 0)) == []
    assert order.add(fix(LINKS[1], 0)) == []
    assert order.add(fix(LINKS[2], 0)) == []
    assert order.add(fix(LINKS[0], 1)) == []
    assert order.add(fix(LINKS[1], 1)) == []
    assert [key(f)[:2] for f in order.add(fix(LINKS[2], 1))] == [(0, 0), (0, 1), (0, 2)]


def test_a_link_that_gives_nothing_holds_no_more_than_its_share():
    order = FixOrder(LINKS)
    out = [len(order.add(fix(LINKS[0], frame))) for frame in range(PATIENCE + 10)]
    assert sum(out) == 9
    assert not any(out[:PATIENCE])
