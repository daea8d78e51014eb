# SPDX-License-Identifier: GPL-3.0-or-later
"""Several transmitters and receivers: the sum of their links, and physics."""

from itertools import pairwise

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import (
    BeamSchedule,
    BlockFading,
    ChannelEmulator,
    ChannelPath,
    NetworkEmulator,
    ShadowedRician,
)
from gnuradio.dislac.dsp import CHUNK, GaussianNoise, StreamError
from gnuradio.dislac.dsp.stream import Chunk
from gnuradio.dislac.geometry import LinearMotion
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.constants import c
from scipy.spatial.transform import Rotation

FS, FC = 7.68e6, 28e9
SCENE = {"sample_rate": FS, "carrier_frequency": FC}
SATELLITES = [
    LinearMotion((100e3, 200e3, 300e3), (7e3, 0, 0)),
    LinearMotion((-400e3, 150e3, 350e3), (0, -7e3, 100)),
]
GATEWAYS = [
    LinearMotion((-50, 190, 100)),
    LinearMotion((10e3, -40, 60)),
    LinearMotion((3e3, 9e3, 5), (20, 5, 0)),
]
TARGET = LinearMotion((0, 0, 0), (10, -3, 0))
FEEDER = LinearMotion((-300e3, 50e3, 0))

SENDS = [PlanarArray(2, 2), PlanarArray(3, 1, Rotation.from_euler("ZYX", [40, -25, 15], True))]
HEARS = [PlanarArray(2, 2), PlanarArray(4, 3), None]
CHAINS = (2, 3), (2, 3, 1)  # of transmitters, of receivers
BEAMS = [
    [
        BeamSchedule(phase_shifter_beams(4, n, count, np.random.default_rng(n)), 80, 700, first)
        for n, count, first in shapes
    ]
    for shapes in ([(4, 2, 900), (3, 3, 950)], [(4, 2, 1000), (12, 3, 1100)])
]


def link(sender, receiver, start=0):
    """One link of six, no two alike; the last is short, so that it waits for a chunk."""
    sight = SATELLITES[sender], GATEWAYS[receiver]
    beams = {"transmit_array": SENDS[sender], "transmit_beams": BEAMS[0][sender]}
    if receiver < 2:
        beams |= {"receive_array": HEARS[receiver], "receive_beams": BEAMS[1][receiver]}
    paths = [ChannelPath(sight, 1j), ChannelPath((sight[0], TARGET, sight[1]), 0.5)]
    options = {"transmit_advance": (lambda t: 1e-3 + 6e-6 * t) if sender else None}
    if (sender, receiver) == (0, 0):
        paths[1] = ChannelPath(paths[1].nodes, BlockFading(ShadowedRician().scattered, 4))
        options["coupling"] = "paired"
    if (sender, receiver) == (1, 1):
        nodes = FEEDER, *sight
        paths.append(ChannelPath(nodes, 0.7, carriers=(18e9, FC), transmitter=1))
    if (sender, receiver) == (1, 2):
        near = sight[1], LinearMotion((3e3, 9e3, 25), (20, 5, 0))
        paths = [ChannelPath(near, 0.4)]
    return ChannelEmulator(paths, **SCENE, **beams, **options, start=start)


ABSENT = {(0, 2)}
KEYS = [(k, r) for k in range(2) for r in range(3) if (k, r) not in ABSENT]


def noises():
    return [GaussianNoise(2, 0.1, 5), None, GaussianNoise(1, 0.2, 7)]


def network(start=0, keys=KEYS, noise=True, links=link):
    return NetworkEmulator(
        {key: links(*key) for key in keys},
        transmitters=CHAINS[0],
        receivers=CHAINS[1],
        noise=noises() if noise else None,
        start=start,
    )


def streams(count, length, seed=5):
    draw = np.random.default_rng(seed)
    return (draw.standard_normal((count, length, 2)) @ [1, 1j]).astype(np.complex64)


def bursts(length):
    """Transmitters that send in turn, with pauses."""
    x, n = streams(sum(CHAINS[0]), length), np.arange(length)
    x[:2, n % 30_000 > 1300] = 0
    x[2:, (n - 9000) % 30_000 > 1500] = 0
    return x


def of(counts, index):
    ends = np.cumsum([0, *counts])
    return slice(ends[index], ends[index + 1])


def in_pieces(process, x, edges):
    edges = [0, *edges, x.shape[1]]
    return np.concatenate([process.process(x[:, a:b]) for a, b in pairwise(edges)], axis=1)


COUNT, START = 3 * CHUNK + 5000, 123


@pytest.fixture(scope="module", params=["all the time", "in turns"])
def whole(request):
    x = bursts(COUNT) if request.param == "in turns" else streams(5, COUNT)
    return x, network(START).process(x)


def test_a_network_is_the_sum_of_its_links(whole):
    x, y = whole
    # one link has paths of a few samples: all wait for it
    assert y.shape == (6, (START + COUNT) // CHUNK * CHUNK - CHUNK - START)
    expected = np.zeros_like(y)
    for key in KEYS:
        alone = link(*key, START).process(x[of(CHAINS[0], key[0])])
        expected[of(CHAINS[1], key[1])] += alone[:, : y.shape[1]]
    for index in range((START + y.shape[1]) // CHUNK):
        at = slice(max(0, index * CHUNK - START), (index + 1) * CHUNK - START)
        for receiver, noise in enumerate(noises()):
            if noise is not None:
                made = np.zeros((CHAINS[1][receiver], CHUNK), np.complex64)
                noise.fill(index, made)
                expected[of(CHAINS[1], receiver), at] += made[:, -(at.stop - at.start) :]
    assert np.array_equal(y, expected)
    assert np.all(np.mean(np.abs(y) ** 2, axis=1) > 0.01)


@settings(max_examples=8)
@given(edges=st.lists(st.integers(0, COUNT), max_size=6).map(sorted))
def test_same_bits_at_any_split(whole, edges):
    x, y = whole
    assert np.array_equal(in_pieces(network(START), x, edges), y)


@pytest.mark.parametrize("size", [4097, 100_000])
def test_same_bits_at_any_buffer_size(whole, size):
    x, y = whole
    process = network(START)
    assert np.array_equal(in_pieces(process, x, range(size, COUNT, size)), y)
    process.reset()
    assert np.array_equal(process.process(x), y)


def test_a_later_start_is_silence_before():
    x = bursts(COUNT)
    late = network(5000, noise=False).process(x)
    padded = network(noise=False).process(np.concatenate([np.zeros((5, 5000), np.complex64), x], 1))
    assert np.array_equal(late, padded[:, 5000 : 5000 + late.shape[1]])


def test_chunks_that_say_where_they_sound_give_the_same_bits():
    x = bursts(3 * CHUNK)
    expected = network(noise=False).process(x)
    process, parts = network(noise=False), []
    for index in range(3):
        chunk = x[:, index * CHUNK : (index + 1) * CHUNK]
        for made in process.feed(Chunk(index, chunk, [slice(0, CHUNK)])):
            quiet = np.ones(CHUNK, bool)
            for segment in made.active:
                quiet[segment] = False
            assert not np.any(made.samples[:, :CHUNK][:, quiet]) and quiet.mean() > 0.5
            parts.append(made.samples[:, :CHUNK].copy())
    assert np.array_equal(np.concatenate(parts, axis=1), expected)


def test_silence_makes_nothing():
    process, quiet = network(noise=False), np.zeros((5, CHUNK), np.complex64)
    made = [
        chunk.active for k in range(3) for chunk in process.feed(Chunk(k, quiet, [slice(0, CHUNK)]))
    ]
    assert made == [[], []]


def test_an_absent_link_is_not_heard():
    x = streams(5, 2 * CHUNK)
    silent = x.copy()
    silent[2:] = 0
    keys = [(0, 0), (0, 1)]
    process = network(keys=keys, noise=False)
    assert process.lookahead == 0
    y = process.process(x)
    assert np.any(y[:5]) and not np.any(y[5])
    assert np.array_equal(y, network(keys=keys, noise=False).process(silent))
    assert not np.any(network(keys=[], noise=False).process(x))


def test_noise_of_a_receiver_is_its_own():
    """The same with the other receivers there, or not, or without noise."""
    x = bursts(3 * CHUNK)
    y = network().process(x)
    alone = NetworkEmulator(
        {(1, 0): link(1, 2)},
        transmitters=CHAINS[0],
        receivers=CHAINS[1][2:],
        noise=noises()[2:],
    )
    assert np.array_equal(alone.process(x), y[5:])
    process = network()
    process.noise[0] = None
    changed = process.process(x)
    assert np.array_equal(changed[2:], y[2:]) and not np.array_equal(changed[:2], y[:2])
    assert np.array_equal(changed, np.concatenate([network(noise=False).process(x)[:2], y[2:]]))


# Physics: elements at positions in metres, and the path lengths between them

POSITIONS = [np.array(p) for p in ([3e3, -8e3, 20e3], [-6e3, 2e3, 15e3])]
SITES = [np.array(p) for p in ([-50.0, 190, 100], [400.0, -90, 3], [-900.0, -300, 40])]
TURNED = [Rotation.from_euler("ZYX", a, degrees=True) for a in ([40, -25, 15], [-110, 35, 160])]
SHAPES = (
    [((4, 2), TURNED[0]), ((1, 3), TURNED[1])],
    [
        ((3, 4), Rotation.identity()),
        ((2, 1), TURNED[1]),
        ((2, 2), TURNED[0]),
    ],
)


def elements(origin, shape, orientation):
    grid = [(x, y, 0.0) for x in range(shape[0]) for y in range(shape[1])]
    return origin + orientation.apply(c / FC / 2 * np.array(grid))


def test_every_pair_of_elements_is_turned_by_its_path_length():
    """Unlike arrays, two transmitters at once: element m of both sends in slot m."""
    network = NetworkEmulator(
        {
            (k, r): ChannelEmulator(
                [ChannelPath((LinearMotion(POSITIONS[k]), LinearMotion(SITES[r])))],
                **SCENE,
                transmit_array=PlanarArray(*SHAPES[0][k][0], SHAPES[0][k][1]),
                receive_array=PlanarArray(*SHAPES[1][r][0], SHAPES[1][r][1]),
            )
            for k in range(2)
            for r in range(3)
        },
        transmitters=(8, 3),
        receivers=(12, 2, 4),
    )
    slot = 2000
    x = np.zeros((11, 2 * CHUNK), np.complex64)
    for row, element in enumerate([*range(8), *range(3)]):
        x[row, slot * element : slot * (element + 1)] = 1.0
    y = network.process(x)
    first = 0
    for r in range(3):
        receiver = elements(SITES[r], *SHAPES[1][r])
        expected = np.zeros((len(receiver), 8), complex)
        for k in range(2):
            sender = elements(POSITIONS[k], *SHAPES[0][k])
            length = np.sqrt(np.sum((receiver[:, None] - sender) ** 2, axis=-1))
            turned = np.exp(-2j * np.pi * FC / c * length) / np.sqrt(length.size)
            expected[:, : len(sender)] += turned
        # The transmitters are 5 km, 130 samples, more or less away: in the middle both sound.
        delays = [np.linalg.norm(SITES[r] - position) / c * FS for position in POSITIONS]
        middles = np.rint(np.mean(delays) + slot * (np.arange(8) + 0.5)).astype(int)
        assert np.ptp(delays) < slot / 4
        found = y[first : first + len(receiver), middles]
        assert np.abs(found - expected).max() < 1e-5
        assert np.abs(expected).min() > 0.01
        first += len(receiver)


# Refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transmitters": (2, 2)}, r"link \(1, 0\) takes 3 streams to 2; its transmitter has 2"),
        (
            {"receivers": (2, 3), "noise": None},
            r"link \(1, 2\) is none of those between 2 transmitters and 2",
        ),
        ({"transmitters": ()}, "transmitters have"),
        ({"receivers": (2, 3, 0)}, "receivers have"),
        ({"noise": [None]}, "1 sources of noise for 3 receivers"),
    ],
)
def test_networks_that_disagree_with_their_links_are_refused(change, message):
    settings = {"transmitters": CHAINS[0], "receivers": CHAINS[1], "noise": noises()}
    with pytest.raises(StreamError, match=message):
        NetworkEmulator({key: link(*key) for key in KEYS}, **{**settings, **change})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": GaussianNoise(1, 0.1, 3)}, "give the receiver's noise to the network"),
        ({"sample_rate": 1e6}, "sample_rate"),
        ({"speed": 3e8}, "speed"),
    ],
)
def test_links_that_disagree_are_refused(options, message):
    plain, other = ({**SCENE, **changes} for changes in ({}, options))
    path = ChannelPath((SATELLITES[0], GATEWAYS[0]))
    links = {(0, 0): ChannelEmulator([path], **plain), (0, 1): ChannelEmulator([path], **other)}
    with pytest.raises(StreamError, match=message):
        NetworkEmulator(links, transmitters=[1], receivers=[1, 1])


def test_one_emulator_serves_one_link():
    one = ChannelEmulator([ChannelPath((SATELLITES[0], GATEWAYS[0]))], **SCENE)
    with pytest.raises(StreamError, match="an emulator of its own"):
        NetworkEmulator({(0, 0): one, (1, 0): one}, transmitters=[1, 1], receivers=[1])
