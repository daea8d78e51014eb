# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays as physics has them: elements at positions in metres, and path lengths between them.

No steering vector is asked for anywhere here: the responses are sums of exp(-j 2 pi fc L / c) over
elements, with L the path length of each.
"""

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import ChannelEmulator, ChannelPath, Paths, SnapshotModel, synthesize
from gnuradio.dislac.channel.schedule import BeamSchedule
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.geometry import LinearMotion
from scipy.constants import c
from scipy.spatial.transform import Rotation

FC, FS = 28e9, 7.68e6
HERE, THERE = np.array([-50.0, 190.0, 100.0]), np.array([3e3, -8e3, 20e3])
TILTED = Rotation.from_euler("ZYX", [40.0, -25.0, 15.0], degrees=True)
STEEP = Rotation.from_euler("ZYX", [-110.0, 35.0, 160.0], degrees=True)
ORIENTATIONS = [
    (Rotation.identity(), Rotation.identity()),
    (TILTED, Rotation.identity()),
    (Rotation.identity(), STEEP),
    (STEEP, TILTED),
]
TRANSMIT, RECEIVE = (4, 2), (3, 4)


def elements(origin, shape, orientation):
    """(N, 3) positions [m]: element n_x ny + n_y lies n_x and n_y half wavelengths along the body's
    axes."""
    grid = [(x, y, 0.0) for x in range(shape[0]) for y in range(shape[1])]
    return origin + orientation.apply(c / FC / 2 * np.array(grid))


def lengths(one, other):
    """(N, M) distances between positions (N, 3) and (M, 3) [m]."""
    return np.sqrt(np.sum((one[:, None] - other) ** 2, axis=-1))


def phases(excess):
    return np.exp(-2j * np.pi * FC / c * excess)


def towards(array, origin, position):
    sight = position - origin
    return array.spatial_frequency(sight / np.linalg.norm(sight))


def unit_columns(rng, *shape):
    beams = rng.standard_normal((*shape, 2)) @ [1, 1j]
    return beams / np.linalg.norm(beams, axis=-2, keepdims=True)


@pytest.mark.parametrize(("sends", "hears"), ORIENTATIONS)
@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_the_snapshot_model_adds_up_elements_by_their_path_lengths(sends, hears, coupling):
    rng, symbols, chains = np.random.default_rng(1), 3, 4
    arrays = PlanarArray(*TRANSMIT, sends), PlanarArray(*RECEIVE, hears)
    model = SnapshotModel(
        *arrays,
        transmit_beams=unit_columns(rng, symbols, 8, chains),
        receive_beams=unit_columns(rng, symbols, 12, chains),
        pilots=np.exp(2j * np.pi * rng.uniform(size=(symbols, chains))),
        symbol_times=np.arange(symbols) * 1e-5,
        frequencies=np.zeros(1),
        coupling=coupling,
    )
    far = HERE + 1e3 * (THERE - HERE)  # 20,000 km: waves are plane to 1e-10 m
    transmitter, receiver = elements(far, TRANSMIT, sends), elements(HERE, RECEIVE, hears)
    departing = lengths(transmitter, HERE[None])[:, 0] - np.linalg.norm(far - HERE)
    arriving = lengths(receiver, far[None])[:, 0] - np.linalg.norm(far - HERE)
    transmit_response = np.einsum(
        "a,mai,mi->mi", phases(departing), model.transmit_beams, model.pilots
    )
    if coupling == "physical":
        transmit_response = np.repeat(transmit_response.sum(1, keepdims=True), chains, axis=1)
    receive_response = np.einsum("mai,a->mi", model.receive_beams.conj(), phases(arriving))
    found = model.response(towards(arrays[1], HERE, far), towards(arrays[0], far, HERE))
    # positions 20,000 km apart are rounded to 4e-9 m, 2e-6 of a turn
    assert np.abs(found - transmit_response * receive_response / np.sqrt(8 * 12)).max() < 5e-6
    assert np.abs(found).max() > 0.1


@pytest.mark.parametrize(("sends", "hears"), ORIENTATIONS)
def test_the_emulator_turns_each_pair_of_elements_by_its_path_length(sends, hears):
    """The carrier from every element to every element, absolute phase included."""
    emulator = ChannelEmulator(
        [ChannelPath((LinearMotion(THERE), LinearMotion(HERE)))],
        sample_rate=FS,
        carrier_frequency=FC,
        transmit_array=PlanarArray(*TRANSMIT, sends),
        receive_array=PlanarArray(*RECEIVE, hears),
    )
    # one element after the other, for 1000 samples each
    x = np.zeros((8, 2 * CHUNK), dtype=np.complex64)
    for element in range(8):
        x[element, 1000 * element : 1000 * (element + 1)] = 1.0
    y = emulator.process(x)
    delay = np.linalg.norm(THERE - HERE) / c * FS
    middles = np.rint(delay + 500 + 1000 * np.arange(8)).astype(int)
    found = y[:, middles]
    expected = phases(lengths(elements(HERE, RECEIVE, hears), elements(THERE, TRANSMIT, sends)))
    assert np.abs(found - expected / np.sqrt(8 * 12)).max() < 1e-5


@pytest.mark.parametrize(("one", "other"), ORIENTATIONS)
def test_swapping_the_ends_transposes_the_channel(one, other):
    """H from here to there, direct and over a reflector, is the transpose of H from there to here.

    Element m sends in symbol m, so that a frame holds the whole matrix.
    """
    reflector = np.array([700.0, -300.0, 20.0])

    def matrix(origin, array, destination, end):
        count = array.size
        every = np.broadcast_to(np.eye(count), (count, count, count))
        pilots = np.eye(count)
        model = SnapshotModel(
            array, end, every, every, pilots, np.zeros(count), np.zeros(1), "physical"
        )
        path_lengths = [np.linalg.norm(destination - origin)]
        path_lengths.append(
            np.linalg.norm(reflector - origin) + np.linalg.norm(destination - reflector)
        )
        paths = Paths(
            gain=np.array([1.0, 0.7]) * phases(np.array(path_lengths)),
            arrival=np.stack([towards(end, destination, p) for p in (origin, reflector)]),
            departure=np.stack([towards(array, origin, p) for p in (destination, reflector)]),
            delay=np.zeros(2),
            doppler=np.zeros(2),
        )
        return synthesize(model, paths)[:, 0].T  # receiver's elements by transmitter's

    ends = PlanarArray(3, 4, one), PlanarArray(6, 2, other)
    there = matrix(HERE, ends[0], THERE, ends[1])
    back = matrix(THERE, ends[1], HERE, ends[0])
    assert np.abs(there - back.T).max() < 1e-12
    assert np.linalg.matrix_rank(there) == 2


def test_beams_that_send_and_hear_alike_see_the_same_channel_both_ways():
    """With beams w* at an end when it sends and w when it hears, the transmission is the same."""
    rng = np.random.default_rng(2)
    ends = PlanarArray(4, 2, TILTED), PlanarArray(3, 4, STEEP)
    beams = [unit_columns(rng, 1, array.size, 1) for array in ends]
    gains = []
    for (a, b), (first, second) in (((0, 1), (HERE, THERE)), ((1, 0), (THERE, HERE))):
        schedules = [BeamSchedule.constant(w[0], 2**62) for w in (beams[a].conj(), beams[b])]
        emulator = ChannelEmulator(
            [ChannelPath((LinearMotion(first), LinearMotion(second)))],
            sample_rate=FS,
            carrier_frequency=FC,
            transmit_array=ends[a],
            receive_array=ends[b],
            transmit_beams=schedules[0],
            receive_beams=schedules[1],
        )
        gains.append(emulator.process(np.ones((1, 2 * CHUNK), dtype=np.complex64))[0, 60_000])
    assert abs(gains[0] - gains[1]) < 1e-7
    assert abs(gains[0]) > 0.01
