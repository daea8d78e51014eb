# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase, amplitude and delay of each receive chain, from frames of a known transmitter.

Frame k, demodulated, is
y_k[m, n, i] = a_k g_i r_k[m, i] exp(j 2 pi (nu_k t_m - (tau_k + rho_k t_m + tau_i) f))
plus white noise, with f the frequency of the element and r_k the spatial response that the known
direction predicts: what the beams of chain i make of it in symbol m. Known to nobody are the
frames' amplitudes a_k, carrier offsets nu_k, delays tau_k and the rates rho_k of these, and the
chains' gains g_i and delays tau_i. (Clocks and a pre-compensation that is constant over a frame let
delays drift; as its beams weigh the symbols for each chain, that would pass for a delay between
chains.) All are estimated together by maximum likelihood. What is common to all chains cannot be
separated from what is common to all frames: chain 0 is the reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel

__all__ = ["Calibration", "CalibrationError", "calibrate"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

LEAST_FRAMES = 8
LEAST_FRAME_SNR = 10**1.5
"""Energy of the known signal in a frame over the noise's density: below, searches go astray."""
MOST_PHASE_ERROR = np.radians(5.0)
"""Largest standard error of a chain's phase for which the outcome is called a calibration."""
DEAD = 10**-1.5
"""Amplitude below which a chain is dead, relative to the median chain."""
LEAST_SHARE = 0.8
"""Part that a chain's own response has to explain of the energy that the best response does, and
that the best one has to explain of all the signal to be called the one that the chain follows."""
SURE = 20.0
"""By how much more energy, over the noise's density, another response has to explain: that is the
difference in log-likelihood, of which noise is capable once in e^20 cases."""

_ROUNDS = 50
_STILL = 1e-3
"""Steps of the refinement that are so small against the standard errors are the last."""
_ELEMENTS = 2**22
"""Number of values that are transformed at a time."""


class CalibrationError(ValueError):
    """Frames that give no calibration, or a calibration that does not fit: says why."""


@dataclass(frozen=True)
class Calibration:
    """Gains and delays of the receive chains, relative to chain 0.

    A subcarrier at baseband frequency f comes out of chain i as
    amplitude_i exp(j (phase_i - 2 pi f delay_i)) times what comes out of chain 0.

    Parameters
    ----------
    phase
        (chains,) at the carrier [rad].
    delay
        (chains,) [s].
    amplitude
        (chains,) relative.
    phase_error, delay_error, amplitude_error
        (chains,) standard errors, the last relative; zero for chain 0.
    frames
        from how many frames it comes.
    snr
        of a received element, averaged over frames and chains, linear.
    """

    phase: Floats
    delay: Floats
    amplitude: Floats
    phase_error: Floats
    delay_error: Floats
    amplitude_error: Floats
    frames: int
    snr: float

    def __len__(self) -> int:
        return len(self.phase)

    def factors(self, frequencies: ArrayLike) -> Complexes:
        """(chains, Nsc) by which demodulated subcarriers at baseband `frequencies` [Hz] are to be
        multiplied, so that all chains are alike."""
        f = np.asarray(frequencies, dtype=float)
        turn = 2 * np.pi * self.delay[:, None] * f - self.phase[:, None]
        return np.asarray(np.exp(1j * turn) / self.amplitude[:, None])


def calibrate(model: SnapshotModel, frames: ArrayLike, response: ArrayLike) -> Calibration:
    """The chains' phases, amplitudes and delays from frames of a known transmitter.

    Carrier offsets may be as large as half the inverse of a symbol, and delays, of frames and of
    chains, half the span 1 / (subcarrier spacing) over which they are unambiguous, as far as the
    demodulator bears that.

    Parameters
    ----------
    model
        the snapshot model of the frames.
    frames
        (K, Ms, Nsc, Nrf) demodulated frames, descrambled.
    response
        (K, Ms, Nrf) or (Ms, Nrf) spatial response of the transmitter's direction
        (`SnapshotModel.response`).

    Raises
    ------
    CalibrationError
        too few frames, values that are not finite, a chain that is dead, chains that follow the
        responses of others, or a signal too weak to measure the phases to `MOST_PHASE_ERROR`.
    """
    y = np.asarray(frames)
    if y.shape[1:] != model.shape:
        raise CalibrationError(f"frames have shape {y.shape}; (K, {model.shape}) is needed")
    if len(y) < LEAST_FRAMES:
        raise CalibrationError(
            f"{len(y)} frames are too few to calibrate from; at least {LEAST_FRAMES} are needed"
        )
    if not np.isfinite(y).all():
        raise CalibrationError("frames hold values that are not finite")
    silent = np.flatnonzero(~np.any(y, axis=(0, 1, 2)))
    if len(silent):
        raise CalibrationError(f"{_chains(silent)} dead: nothing but zeros; check its cables")
    response = np.broadcast_to(response, (len(y), *np.shape(response)[-2:]))
    deaf = np.flatnonzero(np.sum(np.abs(response) ** 2, axis=(0, 1)) == 0)
    if len(deaf):
        raise CalibrationError(f"{_chains(deaf)} deaf in the transmitter's direction; move it")
    fit = _Fit(model, y, response)
    fit.search()
    fit.refine()
    return fit.outcome()


def _chains(numbers: Iterable[int], verb: str = "is", plural: str = "are") -> str:
    *most, last = map(str, numbers)
    return f"chains {', '.join(most)} and {last} {plural}" if most else f"chain {last} {verb}"


class _Fit:
    """The parameters of frames and chains, from a first guess to the most likely ones."""

    def __init__(self, model: SnapshotModel, y: NDArray, response: Complexes) -> None:
        self.y, self.response = y, response
        self.time = model.symbol_times
        # f[m, n] of each element
        self.frequency = np.add.outer(model.offsets, model.frequencies)
        self.first = model.frequencies[0]
        steps = np.diff(model.frequencies)
        self.spacing = float(steps[0]) if len(steps) else 1.0
        frames, chains = len(y), y.shape[-1]
        self.frame_delay, self.frame_rate, self.frame_doppler = np.zeros((3, frames))
        self.frame_gain: Complexes = np.ones(frames, dtype=complex)
        self.chain_delay: Floats = np.zeros(chains)
        self.chain_gain: Complexes = np.ones(chains, dtype=complex)

    # What the current parameters make of the pilots

    def _frame_turn(self) -> Complexes:
        """(K, Ms, Nsc) what turns in a frame, of all chains alike."""
        turns = self.frame_doppler[:, None] * self.time
        delay = self.frame_delay[:, None] + self.frame_rate[:, None] * self.time
        return np.exp(2j * np.pi * (turns[:, :, None] - delay[:, :, None] * self.frequency))

    def _chain_turn(self) -> Complexes:
        """(Nrf, Ms, Nsc) what turns in a chain, in all frames alike."""
        return np.exp(-2j * np.pi * np.multiply.outer(self.chain_delay, self.frequency))

    # A first guess

    def search(self) -> None:
        """Finds delays and carrier offsets on grids, then gains as the best product a_k g_i."""
        self.frame_delay = self._delays("kmin->kn")
        self.chain_delay = self._delays("kmin->in")
        self.frame_doppler = self._dopplers()
        sums = self._sums("kmi", self._frame_turn(), self._chain_turn()).sum(axis=1)
        norm = np.sqrt(self._energy().sum(axis=1))
        left, value, right = np.linalg.svd(sums / norm, full_matrices=False)
        self.chain_gain = right[0] / np.sqrt(np.mean(norm**2, axis=0))
        self.chain_gain /= np.linalg.norm(self.chain_gain)
        self.frame_gain = left[:, 0] * value[0] / np.linalg.norm(norm * self.chain_gain, axis=1)

    def _energy(self) -> Floats:
        """(K, Ms, Nrf) energy of the responses over the subcarriers."""
        return np.asarray(np.abs(self.response) ** 2 * self.frequency.shape[1])

    def _parts(self) -> Iterator[slice]:
        """Frames that are worked on together."""
        size = max(1, _ELEMENTS // (4 * self.y[0].size))
        return (slice(k, k + size) for k in range(0, len(self.y), size))

    def _aligned(self, part: slice) -> Complexes:
        """(k, Ms, Nrf, Nsc) some frames, with what is known of delays taken off."""
        known = np.exp(
            2j * np.pi * np.multiply.outer(self.frame_delay[part], self.frequency)
        )  # the chains' own delay is not known yet
        z = np.einsum("kmni,kmi,kmn->kmin", self.y[part], self.response[part].conj(), known)
        return np.asarray(z)

    def _delays(self, pattern: str) -> Floats:
        """Delays at which the power, summed over symbols and all else, is largest [s]."""
        points = scipy.fft.next_fast_len(4 * self.frequency.shape[1])
        power: Floats | float = 0.0
        found = []
        for part in self._parts():
            peaks = np.abs(scipy.fft.ifft(self._aligned(part), points)) ** 2
            summed = np.einsum(pattern, peaks)
            if pattern.endswith("kn"):
                found.append(summed)
            else:
                power = power + summed
        grid = np.concatenate(found) if found else np.asarray(power)
        place = np.argmax(grid, axis=1)
        place -= points * (place >= points // 2)
        return np.asarray(place / (points * self.spacing))

    def _dopplers(self) -> Floats:
        """Carrier offsets [Hz] at which the power of all chains is largest."""
        if len(self.time) < 2:
            return np.zeros(len(self.y))
        unambiguous = 1 / np.diff(np.unique(self.time)).min()
        span = np.ptp(self.time) + 1 / unambiguous
        count = int(np.ceil(4 * span * unambiguous))
        grid = unambiguous * (np.arange(count) / count - 0.5)
        sums = self._sums("kmi", self._frame_turn(), self._chain_turn())
        power = np.abs(np.exp(-2j * np.pi * np.outer(grid, self.time)) @ sums) ** 2
        return np.asarray(grid[np.argmax(power.sum(axis=2), axis=1)])

    def _sums(self, kept: str, frame: Complexes, chain: Complexes) -> Complexes:
        """The frames against what is expected, summed over all but the `kept` indices."""
        path = "greedy"
        return np.asarray(
            np.einsum(
                f"kmni,kmi,kmn,imn->{kept}",
                self.y,
                self.response.conj(),
                frame.conj(),
                chain.conj(),
                optimize=path,
            )
        )

    # The most likely parameters

    def refine(self) -> None:
        """Newton's steps for the frames with the chains held, and the other way round."""
        t, f = self._scales()
        constant, time = np.ones_like(self.frequency), self.time[:, None] * t
        delay = -self.frequency * f
        frame_basis = np.stack([constant, time * constant, delay, time * delay])
        chain_basis = np.stack([constant, delay])
        power = np.abs(self.response) ** 2
        for _ in range(_ROUNDS):
            chain = self.chain_gain[:, None, None] * self._chain_turn()
            data = self._sums("kmn", self._frame_turn(), chain)
            weight = np.einsum("kmi,i->km", power, np.abs(self.chain_gain) ** 2)
            self.frame_gain, step = _newton(data, weight, frame_basis)
            self.frame_doppler = self.frame_doppler + step[:, 1] * t / (2 * np.pi)
            self.frame_delay = self.frame_delay + step[:, 2] * f / (2 * np.pi)
            self.frame_rate = self.frame_rate + step[:, 3] * f * t / (2 * np.pi)
            self.frame_gain = self.frame_gain * np.exp(1j * step[:, 0])

            frame = self.frame_gain[:, None, None] * self._frame_turn()
            data = self._sums("imn", frame, self._chain_turn())
            weight = np.einsum("kmi,k->im", power, np.abs(self.frame_gain) ** 2)
            before = self.chain_gain
            self.chain_gain, step = _newton(data, weight, chain_basis)
            self.chain_delay = self.chain_delay + step[:, 1] * f / (2 * np.pi)
            self.chain_gain = self.chain_gain * np.exp(1j * step[:, 0])
            self._judge(data, weight, chain_basis)
            moved = np.angle(self.chain_gain / before)
            moved = np.stack([moved - moved[0], step[:, 1] - step[0, 1]])
            if np.all(np.abs(moved) <= _STILL * self.error[:2] + 1e-12):
                break

    def _scales(self) -> tuple[float, float]:
        """Hz and s that turn the ends of a frame, and of the band, by about a radian."""
        span, band = float(np.ptp(self.time)), float(np.abs(self.frequency).max())
        return 1 / max(span, 1e-12), 1 / max(band, 1e-12)

    def _judge(self, data: Complexes, weight: Floats, basis: Floats) -> None:
        """Noise and standard errors [of basis functions] at the current parameters."""
        count = self.y.size - 2.5 * len(self.y) - 1.5 * len(self.chain_gain)
        energy = weight.sum(axis=1) * data.shape[2]
        total = float(np.sum(np.abs(self.y) ** 2, dtype=float))
        self.signal = float(np.sum(np.abs(self.chain_gain) ** 2 * energy))
        self.noise = max(total - self.signal, 1e-30 * total) / count
        information = np.einsum("im,pmn,qmn->ipq", weight, basis, basis)
        scale = self.noise / (2 * np.abs(self.chain_gain) ** 2)
        variance = scale[:, None] * np.diagonal(np.linalg.pinv(information), axis1=1, axis2=2)
        self.error = np.sqrt(np.vstack([variance.T, scale / energy]))

    def _response_energies(self) -> tuple[Floats, Floats]:
        """(Nrf, Nrf) energy of chain i that the response of chain j explains, and (Nrf,) that of
        its whole signal; both over the noise's density in chain i.

        The noise is what changes over the subcarriers otherwise than a delay: what does not follow
        a response over the symbols is signal still.
        """
        frames, symbols, subcarriers, _ = self.y.shape
        turns = self._frame_turn().conj(), self._chain_turn().conj()
        sums = np.einsum("kmni,kmn,imn->kmi", self.y, *turns, optimize="greedy")
        kept = np.sum(np.abs(sums) ** 2, axis=(0, 1)) / subcarriers
        total = np.sum(np.abs(self.y) ** 2, axis=(0, 1, 2), dtype=float)
        count = frames * symbols * (subcarriers - 1)
        noise = (total - kept) / count if count else np.full(len(total), self.noise)
        noise = np.maximum(noise, 1e-30 * total)
        expected = self.frame_gain[:, None, None] * self.response
        match = np.einsum("kmi,kmj->ij", sums, expected.conj(), optimize="greedy")
        energy = subcarriers * np.sum(np.abs(expected) ** 2, axis=(0, 1))
        signal = np.maximum(kept / noise - frames * symbols, 1.0)
        return np.abs(match) ** 2 / (energy * noise[:, None]), signal

    def _check_responses(self) -> None:
        """Refuses chains whose samples follow another chain's response rather than their own."""
        energy, signal = self._response_energies()
        own, most, like = np.diagonal(energy), energy.max(axis=1), energy.argmax(axis=1)
        wrong = [*map(int, np.flatnonzero((most - own > SURE) & (own < LEAST_SHARE * most)))]
        if not wrong:
            return
        found = {i: int(like[i]) for i in wrong if most[i] >= LEAST_SHARE * signal[i]}
        shares = ", ".join(f"{own[i] / signal[i]:.0%}" for i in wrong)
        text = f"known responses explain {shares} of what {_chains(wrong, 'hears', 'hear')}"
        if found:
            pairs = (f"chain {i} follows the response of chain {j}" for i, j in found.items())
            text += f": {', '.join(pairs)}"
        remedy = "check cables, beams, and where the scenario says that the transmitter is"
        if sorted(found.values()) == wrong:
            how = "swapped" if len(wrong) == 2 else "exchanged"
            remedy = f"check the cables: {_chains(wrong, 'looks', 'look')} {how}"
        raise CalibrationError(f"{text}; {remedy}")

    def outcome(self) -> Calibration:
        """The calibration, if it deserves the name."""
        elements, frames = self.y.size, len(self.y)
        self._check_responses()
        in_frame = self.signal / (self.noise * frames)
        if not in_frame >= LEAST_FRAME_SNR:
            raise CalibrationError(
                f"the known signal is too weak: {10 * np.log10(max(in_frame, 1e-9)):.1f} dB in a "
                f"frame, {10 * np.log10(LEAST_FRAME_SNR):.0f} dB are needed; bring the transmitter "
                "closer, or check where the scenario says that it is"
            )
        amplitude = np.abs(self.chain_gain)
        dead = np.flatnonzero(amplitude < DEAD * np.median(amplitude))
        if len(dead):
            level = 20 * np.log10(max(amplitude[dead].max() / np.median(amplitude), 1e-9))
            raise CalibrationError(
                f"{_chains(dead)} dead, {-level:.0f} dB below the others; check its cables"
            )
        # All but chain 0 also have the error of chain 0, to which they are compared.
        error = np.hypot(self.error, self.error[:, :1])
        error[:, 0] = 0.0
        worst = int(np.argmax(error[0]))
        if error[0, worst] > MOST_PHASE_ERROR:
            raise CalibrationError(
                f"the phase of chain {worst} is known to {np.degrees(error[0, worst]):.0f} degrees "
                f"only, {np.degrees(MOST_PHASE_ERROR):.0f} are needed; take more frames than "
                f"{frames}, or bring the transmitter closer"
            )
        phase = np.angle(self.chain_gain / self.chain_gain[0])
        phase[0] = 0.0
        return Calibration(
            phase=phase,
            delay=self.chain_delay - self.chain_delay[0],
            amplitude=amplitude / amplitude[0],
            phase_error=error[0],
            delay_error=error[1] * self._scales()[1] / (2 * np.pi),
            amplitude_error=error[2],
            frames=frames,
            snr=self.signal / (self.noise * elements),
        )


def _newton(data: Complexes, weight: Floats, basis: Floats) -> tuple[Complexes, Floats]:
    """Amplitudes (rows,) of data, and a step (rows, P) towards the phases that fit them best.

    Parameters
    ----------
    data
        (rows, Ms, Nsc) sums that are amplitude times weight, but for small phases.
    weight
        (rows, Ms).
    basis
        (P, Ms, Nsc) phases that one unit of each parameter makes, a constant first.
    """
    gain = data.sum(axis=(1, 2)) / (weight.sum(axis=1) * data.shape[2])
    turned = (gain.conj() / np.abs(gain) ** 2)[:, None, None] * data
    slope = np.einsum("rmn,pmn->rp", turned.imag, basis)
    # what is expected of it, rather than what noise makes of it, bends the likelihood
    curvature = np.einsum("rm,pmn,qmn->rpq", weight, basis, basis)
    step = np.einsum("rpq,rq->rp", np.linalg.pinv(curvature, hermitian=True), slope)
    return gain, step
