# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal's receiver: from demodulated frames to blocks of bytes that pass their check."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .equalizer import Equalizer
from .modulation import soft_bits
from .payload import Payload

__all__ = ["PayloadReceiver", "Reception"]


@dataclass(frozen=True, eq=False)
class Reception:
    """Outcome of a frame: data, and how it was received.

    Parameters
    ----------
    block
        (block_size,) its bytes, right where `good`.
    good
        whether they pass their check.
    bits
        (bits,) as decided, still scrambled.
    symbols
        (D,) equalized data elements, the constellation at unit mean power.
    noise_power
        (D,) E|error|^2 on each, as the receiver reckons.
    evm
        root mean square error of the symbols, over the constellation's; from the points that were
        sent where the block is good, else from the nearest points.
    received_noise
        E|z|^2 of an element as received.
    """

    block: NDArray[np.uint8]
    good: bool
    bits: NDArray[np.uint8]
    symbols: NDArray[np.complex128]
    noise_power: NDArray[np.float64]
    evm: float
    received_noise: float

    def soft_bits(self, modulation: str) -> NDArray[np.float64]:
        """(bits,) log-likelihood ratios log P(0)/P(1), for a decoder of your own."""
        return soft_bits(self.symbols, self.noise_power, modulation)


@dataclass(frozen=True, eq=False)
class PayloadReceiver:
    """Equalizes, demaps and checks.

    Parameters
    ----------
    payload
        what frames hold.
    equalizer
        made for the payload's known elements.
    """

    payload: Payload
    equalizer: Equalizer

    def receive(self, frame: ArrayLike, index: int = 0) -> Reception:
        """Reception of one frame (Ms, Nsc, Nrf) as demodulated, and of this index."""
        payload = self.payload
        equalized = self.equalizer(frame, payload.known_in(index))
        bits = payload.read(equalized.symbols)
        block, good = payload.decode(bits)
        sent = payload.grid(payload.encode(block) if good else bits)[payload.data]
        symbols = equalized.symbols[payload.data]
        return Reception(
            block=block,
            good=bool(good),
            bits=bits,
            symbols=symbols / payload.amplitude,
            noise_power=np.divide(equalized.noise_power[payload.data], payload.amplitude**2),
            evm=float(np.linalg.norm(symbols - sent) / np.linalg.norm(sent)),
            received_noise=equalized.received_noise,
        )
