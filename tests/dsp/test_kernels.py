# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled loops against numpy's operations, which do the same by FFT and matrix products."""

import sys

import numpy as np
import pytest
from gnuradio.dislac.channel import precompensation, propagation
from gnuradio.dislac.dsp import CHUNK, PooledNoise, compiled, noise
from gnuradio.dislac.dsp.stream import BLOCK, CELL, RingBuffer
from gnuradio.dislac.scenario import emulation, load_scenario, transmission

pytest.importorskip("numba")

KERNELS = compiled.__name__.replace("compiled", "kernels")
PATHS = [
    {"kind": "direct", "relative_power_db": 3},
    {"kind": "echo"},
    {"kind": "scattered", "count": 2},
]


def bursts(chains, count):
    """Band-limited noise with pauses that neither begin nor end with a block."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((chains, 2 * count)).view(complex)
    x = np.fft.ifft(np.fft.fft(x) * (np.abs(np.fft.fftfreq(count)) < 0.25)).astype(np.complex64)
    x[:, CHUNK // 2 + 3 : CHUNK + 12_345] = 0
    x[:, 2 * CHUNK - BLOCK : 2 * CHUNK + 1] = 0
    return x


@pytest.mark.parametrize("coupling", ["physical", "paired"])
@pytest.mark.parametrize("mode", ["frame", "time-varying"])
def test_compiled_and_plain_chains_agree(coupling, mode, monkeypatch):
    scenario = load_scenario(
        "paper",
        {
            "beams": {"chains": 3, "coupling": coupling},
            "precompensation.mode": mode,
            "numerology.frame_period": 3001,
            "channel.paths": PATHS,
            "channel.noise": {},
            "channel.fading": {"omega": 0.803, "b0": 0.0985, "m": 19.4},
        },
    )
    x = bursts(3, 4 * CHUNK)

    def chain():
        early = transmission.precompensator(scenario).process(x)
        return early, emulation.emulator(scenario).process(early)

    fast = chain()
    for module in (propagation, precompensation):
        monkeypatch.setattr(module, "kernels", lambda: None)
    for ours, theirs in zip(fast, chain(), strict=True):
        assert ours.shape == theirs.shape and ours.shape[1] >= 2 * CHUNK
        assert np.abs(ours - theirs).max() < 2e-6 * np.abs(theirs).max()


def test_pooled_noise_is_the_same(monkeypatch):
    rows = np.zeros((2, 3, CHUNK), np.complex64)
    source = PooledNoise(3, 1.0, 5)
    source.fill(7, rows[0])
    monkeypatch.setattr(noise, "kernels", lambda: None)
    source.fill(7, rows[1])
    assert np.array_equal(*rows) and np.any(rows)


def test_without_a_place_for_compiled_loops_numpy_does_it(monkeypatch):
    def njit(**options):
        assert options["cache"]
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr("numba.njit", njit)
    monkeypatch.delitem(sys.modules, KERNELS, raising=False)
    monkeypatch.delattr(sys.modules[KERNELS.rpartition(".")[0]], "kernels", raising=False)
    assert compiled.kernels.__wrapped__() is None


def test_chunks_copied_into_a_ring_buffer_leave_nothing_behind():
    """What a place of the ring held before must not be heard again."""
    rng = np.random.default_rng(3)
    written, searched = RingBuffer(2), RingBuffer(2)
    for index in range(12):
        x = np.zeros((2, CHUNK), np.complex64)
        edges = np.sort(rng.choice(CHUNK // CELL, 4, replace=False)) * CELL
        active = [slice(*edges[:2].tolist()), slice(*edges[2:].tolist())]
        for run in active:
            x[:, run] = rng.standard_normal((2, run.stop - run.start)) + 1j
        rows, place = written.extend(active)
        for run in active:
            rows[:, place + run.start : place + run.stop] = x[:, run]
        searched.reserve(CHUNK)[:] = x
        first = index * CHUNK
        assert np.array_equal(written.view(first, CHUNK), searched.view(first, CHUNK))
        assert written.active(first, CHUNK) == searched.active(first, CHUNK)
        for buffer in (written, searched):
            buffer.forget(first - CHUNK // 2)
