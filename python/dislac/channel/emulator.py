# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel emulator: any list of paths between moving nodes, in the sample domain."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray
from ..dsp.delay import PASSBAND
from ..dsp.noise import Noise, write_with_noise
from ..dsp.stream import CHUNK, ChunkProcessor, Samples, StreamError
from ..geometry import SPEED_OF_LIGHT
from .endpoints import make_endpoint
from .path import ChannelPath
from .propagation import Propagation
from .schedule import BeamSchedule
from .snapshot import Coupling

__all__ = ["ChannelEmulator"]

Floats = NDArray[np.float64]


class ChannelEmulator(ChunkProcessor):
    """Moves streams from a transmitter to a receiver over any number of paths, and adds noise.

    Receive stream i is y_i(t) = sum over paths l of g_l c_l,i(t) u_l(t) + noise with
    u_l(t) = z_l(t - tau_l(t)) exp(-j 2 pi fc tau_l(t)), where tau_l(t) = r_l(t) / c comes from
    the one range function of the path's nodes, t is the time of reception, and output sample n
    has t = n / fs like input sample n. Where the hops have carriers of their own, the phase is
    that of `carrier_cycles`. With beams F_m and W_m and array responses a_t and a_r,

    - ``physical``: z_l = a_t^T F_m x, c_l = W_m^H a_r: each receive chain hears all beams;
    - ``paired``: chain i hears transmit chain i alone, z_l,i = (a_t^T f_m,i) x_i and
      c_l,i = w_m,i^H a_r.

    F_m switches on the transmitter's clock, W_m on the receiver's. Delays and carrier phases run
    straight between exact values 256 samples apart.

    Without arrays and beams it joins any N input streams to any M output streams, each path
    with a coupling matrix (ones if not given).

    Parameters
    ----------
    paths
        may be empty: noise only.
    sample_rate, carrier_frequency
        [Hz].
    transmit_array, receive_array
        None for endpoints without array response.
    transmit_beams, receive_beams
        None for one stream per element.
    inputs, outputs
        numbers of streams; needed only at an endpoint with neither array nor beams (default: what
        the paths' coupling says, else 1).
    coupling
        ``physical`` or ``paired``.
    transmit_advance
        how much earlier [s] than its arrival a sample leaves, as a function of the transmitter's
        time [s] (`Precompensator.advance`): the transmit beams switch as much earlier than their
        schedule says. None for no advance.
    noise
        source of noise for the receive streams; may be replaced at any time.
    start
        index of the first sample.
    passband
        what the signal occupies, |f| <= passband fs, as sent and with its Doppler shift. The
        narrower, the shorter does the delay's filter ring.
    speed
        propagation speed [m/s].

    Raises
    ------
    StreamError
        settings disagree. While running: a path gets shorter than its sampled kernel.

    References
    ----------
    Bistatic localization paper, (3) and (7), in the time domain.

    Examples
    --------
    A carrier at 1 GHz from a node 0.3 ms away that comes nearer at 30 m/s: nothing arrives at
    first, then half the amplitude, too high in frequency by 1 GHz times 30 m/s / c.

    >>> import numpy as np
    >>> from gnuradio.dislac.channel import ChannelEmulator, ChannelPath
    >>> from gnuradio.dislac.geometry import LinearMotion
    >>> nodes = LinearMotion([90e3, 0, 0], velocity=[-30, 0, 0]), LinearMotion([0, 0, 0])
    >>> path = ChannelPath(nodes, gain=0.5)
    >>> emulator = ChannelEmulator([path], sample_rate=1e6, carrier_frequency=1e9)
    >>> received = emulator.process(np.ones((1, 1 << 18), np.complex64))[0]
    >>> np.round(np.abs(received[[200, 400]]), 3).tolist()
    [0.0, 0.5]
    >>> turn = np.angle(received[2000] / received[1000])
    >>> f"{turn / (2 * np.pi * 1e-3):.1f} Hz"
    '100.1 Hz'
    """

    def __init__(
        self,
        paths: Sequence[ChannelPath],
        *,
        sample_rate: float,
        carrier_frequency: float,
        transmit_array: PlanarArray | None = None,
        receive_array: PlanarArray | None = None,
        transmit_beams: BeamSchedule | None = None,
        receive_beams: BeamSchedule | None = None,
        inputs: int | None = None,
        outputs: int | None = None,
        coupling: Coupling = "physical",
        transmit_advance: Callable[[Floats], Floats] | None = None,
        noise: Noise | None = None,
        start: int = 0,
        passband: float = PASSBAND,
        speed: float = SPEED_OF_LIGHT,
    ) -> None:
        for name, value in (("sample_rate", sample_rate), ("speed", speed)):
            if not 0 < value < np.inf:
                raise StreamError(f"{name} is {value}; it must be positive")
        if not np.isfinite(carrier_frequency):
            raise StreamError(f"carrier_frequency is {carrier_frequency}; it must be finite")
        if coupling not in ("physical", "paired"):
            raise StreamError(f"coupling is {coupling!r}; it must be 'physical' or 'paired'")
        matrices = [np.asarray(p.coupling) for p in paths if p.coupling is not None]
        if matrices and transmit_array is None and transmit_beams is None:
            inputs = inputs or matrices[0].shape[1]
        if matrices and receive_array is None and receive_beams is None:
            outputs = outputs or matrices[0].shape[0]
        self.transmitter = make_endpoint("transmitter", transmit_array, transmit_beams, inputs)
        self.receiver = make_endpoint("receiver", receive_array, receive_beams, outputs)
        elements = self.receiver.schedule.elements, self.transmitter.schedule.elements
        if any(matrix.shape != elements for matrix in matrices):
            raise StreamError(
                f"couplings have shapes {[m.shape for m in matrices]}; the elements at the "
                f"receiver and the transmitter are {elements}"
            )
        inputs, outputs = self.transmitter.schedule.chains, self.receiver.schedule.chains
        if coupling == "paired" and (inputs != outputs or matrices):
            raise StreamError(
                f"paired coupling joins as many chains at both endpoints ({inputs} and {outputs}) "
                "and knows no coupling matrices"
            )
        if receive_beams is None and any(callable(p.gain) for p in paths):
            raise StreamError(
                "gains that change from frame to frame need receive_beams, which count the "
                "frames; for streams without beams give BeamSchedule.constant(eye, period)"
            )
        super().__init__(inputs, outputs, start)
        self.paths = tuple(paths)
        self.sample_rate, self.carrier_frequency = sample_rate, carrier_frequency
        self.coupling = coupling
        self.noise = noise
        self.speed = speed
        self.propagation = Propagation(
            paths,
            self.transmitter,
            self.receiver,
            paired=coupling == "paired",
            advance=transmit_advance,
            sample_rate=sample_rate,
            carrier_frequency=carrier_frequency,
            passband=passband,
            speed=speed,
        )
        self.reset()

    def reset(self) -> None:
        """Begin again at `start`."""
        super().reset()
        self.propagation.reset(self._index)

    @property
    def lookahead(self) -> int:
        """Input samples needed beyond the last sample of a chunk of output: none, or for paths
        of a few samples one chunk."""
        return self.propagation.wait * CHUNK

    def longest_delay(self, time: float) -> float:
        """Delay [s] of the longest path for what arrives at `time` [s], 0 without paths."""
        return self.propagation.longest_delay(time)

    def _required(self, index: int) -> int:
        return self.propagation.required(index) * CHUNK

    def _make(self, index: int, out: Samples) -> list[slice]:
        while self.propagation.taken < self.propagation.required(index):
            self.propagation.take(*self._input.chunk(self.propagation.taken))
        self._input.forget(self.propagation.taken * CHUNK)
        return self.propagation.make(index, self._chunk)

    def deliver(self, index: int, rows: Sequence[Samples]) -> None:
        """Write chunk `index`, the last that has been made, to rows of `CHUNK` samples."""
        write_with_noise(self._chunk, self._made, self.noise, index, rows)
