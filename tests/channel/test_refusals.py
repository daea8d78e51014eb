# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that constructors of the channel refuse: zero, infinity, no number, mixed; and the last
that they take."""

import re

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import (
    BeamSchedule,
    BlockFading,
    ChannelEmulator,
    ChannelPath,
    FrontEnd,
    Precompensator,
    ShadowedRician,
)
from gnuradio.dislac.channel.fading import FadingError
from gnuradio.dislac.channel.relay import RelayLink
from gnuradio.dislac.dsp import GaussianNoise, PooledNoise, StreamError
from gnuradio.dislac.geometry import LinearMotion

FS, FC = 7.68e6, 28e9
LEO, BS = LinearMotion((1e5, 2e5, 6e5), (7e3, 0, 0)), LinearMotion((0, 0, 50))
INF, NAN = np.inf, np.nan
ONES = np.ones((2, 4, 3))


def emulator(**options):
    return ChannelEmulator(
        [ChannelPath((LEO, BS))], **{"sample_rate": FS, "carrier_frequency": FC, **options}
    )


def front_end(**options):
    return FrontEnd(2, **{"sample_rate": FS, **options})


def precompensator(**options):
    scene = {"sample_rate": FS, "carrier_frequency": FC}
    return Precompensator((LEO, BS), **{**scene, **options})


def relay(**options):
    return RelayLink((LEO, BS), **{"sample_rate": FS, "carriers": (FC,), **options})


def path(**options):
    return ChannelPath(**{"nodes": (LEO, BS), **options})


def schedule(**options):
    settings = {"beams": ONES, "symbol_length": 5, "period": 10, **options}
    return BeamSchedule(**settings)


def block_fading(**options):
    return BlockFading(ShadowedRician().scattered, **options)


def gaussian(**options):
    return GaussianNoise(**{"streams": 1, "variance": 1.0, "seed": 0, **options})


def pooled(**options):
    return PooledNoise(**{"streams": 1, "variance": 1.0, "seed": 0, **options})


POSITIVE = (0.0, -1.0, INF, NAN)
RATES = [
    (make, {name: value}, f"{name} is {value}; it must be positive")
    for make, names in (
        (emulator, ("sample_rate", "speed")),
        (precompensator, ("sample_rate", "speed")),
        (relay, ("sample_rate", "speed")),
        (front_end, ("sample_rate",)),
    )
    for name in names
    for value in POSITIVE
]
FINITE = [
    (make, {name: value}, f"{name} is {value}; it must be finite")
    for make, names in (
        (emulator, ("carrier_frequency",)),
        (precompensator, ("carrier_frequency", "timing_advance_error", "doppler_error")),
    )
    for name in names
    for value in (INF, -INF, NAN)
]
OTHERS = [
    (emulator, {"coupling": "both"}, "coupling is 'both'; it must be"),
    (emulator, {"start": -1}, "start is -1; the index of a sample must not be negative"),
    (emulator, {"coupling": "paired", "inputs": 2, "outputs": 3}, "at both endpoints (2 and 3)"),
    (emulator, {"transmit_array": PlanarArray(2, 2), "inputs": 3}, "the transmitter's {'array': 4"),
    (
        emulator,
        {"receive_beams": schedule(), "outputs": 4},
        "the receiver has 4 streams, but beams",
    ),
    (emulator, {"passband": 0.0}, "passband is 0.0; it must lie between 0 and 0.44 fs"),
    (front_end, {"carrier_offset": 1.001 * FS / 2}, "must lie within half of that, either way"),
    (front_end, {"carrier_offset": -1.001 * FS / 2}, "must lie within half of that, either way"),
    (front_end, {"carrier_offset": NAN}, "carrier_offset is nan Hz"),
    (front_end, {"clock_offset": 1.001e-3}, "clock_offset is 0.001001; it must lie within 0.001"),
    (front_end, {"clock_offset": -1.001e-3}, "clock_offset is -0.001001; it must lie within"),
    (front_end, {"clock_offset": NAN}, "clock_offset is nan"),
    (front_end, {"start_offset": INF}, "start_offset is inf; give one finite number, or 2"),
    (front_end, {"phase": [0.0, NAN]}, "phase is [0.0, nan]; give one finite number, or 2"),
    (front_end, {"delay": [0.0]}, "delay is [0.0]; give one finite number, or 2"),
    (precompensator, {"reference": (LEO,)}, "the reference path needs two nodes at least"),
    (precompensator, {"mode": "none"}, "mode is 'none'; it must be 'frame' or 'time-varying'"),
    *(
        (precompensator, {"mode": "frame", "frame_period": value}, f"frame_period is {value};")
        for value in (None, 0, -5)
    ),
    *(
        (
            precompensator,
            {"frame_period": 10, "frame_length": value},
            f"frame_length is {value}; it",
        )
        for value in (-1, 11, NAN)
    ),
    (precompensator, {"carrier_frequency": (FC, FC)}, "2 carriers for a reference path of 1 hops"),
    (precompensator, {"start": -1}, "start is -1"),
    (relay, {"carriers": (FC, FC)}, "2 carriers for a path of 1 hops"),
    (path, {"nodes": (LEO,)}, "a path of 1 nodes; it needs two at least"),
    (path, {"carriers": ()}, "0 carriers for a path of 1 hops"),
    *((path, {"transmitter": t}, f"node {t} of 2 cannot have the transmit") for t in (-1, 1)),
    *((path, {"gain": gain}, f"the gain of a path is {gain}") for gain in (NAN, INF)),
    (path, {"departure": (1.0, 2.0, 3.0)}, "departure has shape (3,); (2,) is needed"),
    (path, {"arrival": 0.5}, "arrival has shape (); (2,) is needed"),
    (path, {"coupling": np.ones(3)}, "the coupling of a path must be a matrix"),
    (schedule, {"beams": ONES[0]}, "beams have shape (4, 3); (Ms, elements, chains) is needed"),
    (schedule, {"beams": ONES[:0]}, "beams have shape (0, 4, 3)"),
    (schedule, {"symbol_length": (1, 2, 3)}, "(3,) symbol lengths for 2 symbols"),
    (schedule, {"symbol_length": 6}, "2 symbols of 6 samples do not fit into a frame period of 10"),
    (schedule, {"symbol_length": (0, 10)}, "do not fit into a frame period"),
    (block_fading, {"seed": -1}, "the seed is -1; it must not be negative"),
    *((ShadowedRician, {"shadowing": m}, f"shadowing m is {m};") for m in (0.499, INF, NAN)),
    *(
        (ShadowedRician, {name: value}, f"{name} is {value}; it must not be negative")
        for name in ("line_of_sight_power", "scattered_power")
        for value in (-1e-9, INF, NAN)
    ),
    *(
        (make, {name: value}, "noise of variance")
        for make in (gaussian, pooled)
        for name, value in (
            ("variance", -1e-9),
            ("variance", INF),
            ("variance", NAN),
            ("streams", 0),
        )
    ),
]


@pytest.mark.parametrize(("make", "options", "message"), RATES + FINITE + OTHERS)
def test_a_setting_out_of_range_is_refused(make, options, message):
    """By an error that names the setting and its value."""
    if "reference" in options:
        options = {"sample_rate": FS, "carrier_frequency": FC, **options}
        make = Precompensator
    with pytest.raises((StreamError, FadingError), match=re.escape(message)):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (emulator, {"start": 0}),
        (emulator, {"coupling": "paired", "inputs": 2, "outputs": 2}),
        (emulator, {"carrier_frequency": 0.0}),
        (emulator, {"passband": 0.44}),
        (front_end, {"carrier_offset": FS / 2, "clock_offset": 1e-3}),
        (front_end, {"carrier_offset": -FS / 2, "clock_offset": -1e-3}),
        (front_end, {"phase": 1.0, "delay": [-1e-8, 1e-8], "start_offset": -3.5}),
        (precompensator, {"mode": "frame", "frame_period": 1, "frame_length": 0}),
        (precompensator, {"frame_period": 10, "frame_length": 10}),
        (precompensator, {"carrier_frequency": (FC,), "start": 0}),
        (path, {"carriers": (FC,), "transmitter": 0, "departure": (0.0, 0.0)}),
        (schedule, {"symbol_length": (1, 9)}),
        (block_fading, {"seed": 0}),
        (ShadowedRician, {"shadowing": 0.5, "line_of_sight_power": 0, "scattered_power": 0}),
        (gaussian, {"variance": 0.0}),
        (pooled, {"variance": 0.0}),
    ],
)
def test_the_last_that_is_possible_is_taken(make, options):
    assert make(**options) is not None
