# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of receiving and transmitting radios: opening them, setting them up, looking after them.

gr-uhd and gr-soapy are imported when a radio is opened, so that all else works without them.
"""

import ctypes
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Event, Thread
from typing import Any

import numpy as np
import pmt
from gnuradio import gr

from ..scenario import Scenario

__all__ = [
    "PATIENCE",
    "Guard",
    "RadioError",
    "RadioSettings",
    "nothing",
    "open_radio",
    "parse_device",
    "too_late",
]

PATIENCE = 3.0
"""Silence after which a radio counts as lost [s]."""

PerChannel = float | str | Sequence[float] | Sequence[str] | None
"""One value for all channels, one for each, or None to leave them as they are."""

_SECOND_EDGE = 1.2
"""Time within which a pulse per second has come [s]."""

_LOCK_TIME, _LOCK_TRIES = 1.0, 10
"""Time that a board may take to lock to its reference [s], and times that it is asked."""


class RadioError(ValueError):
    """A radio is not there, cannot do what it should, or is lost: says which and why."""

    def __init__(self, device: str, reason: object) -> None:
        super().__init__(f"radio {device}: {' '.join(str(reason).split())}")


@dataclass(frozen=True)
class RadioSettings:
    """Settings of a radio. Gain [dB], frequency and offset [Hz]; names as the driver has them."""

    device: str
    channels: Sequence[int]
    sample_rate: float
    carrier_frequency: float
    gain: PerChannel = None
    antenna: PerChannel = None
    lo_offset: float = 0.0
    clock_source: str = ""
    time_source: str = ""

    @classmethod
    def make(
        cls,
        scenario: Scenario,
        device: str,
        channels: Sequence[int] | None,
        *,
        transmit: bool = False,
        **settings: Any,
    ) -> "RadioSettings":
        """The settings that a scenario's rate, carrier and number of chains ask for: those of its
        receiver or, to `transmit`, of its transmitter.

        Raises
        ------
        RadioError
            the number of channels, or of values for them, is not the scenario's.
        """
        chains = scenario.transmit_chains if transmit else scenario.receive_chains
        chosen = list(range(chains)) if channels is None else list(channels)
        if len(chosen) != chains or len(set(chosen)) != len(chosen):
            raise RadioError(device, f"channels {chosen} for {chains} chains; give each its own")
        numerology = scenario.numerology
        made = cls(device, chosen, scenario.sample_rate, numerology.carrier_frequency, **settings)
        for name in ("gain", "antenna"):
            made.each(name)
        return made

    def each(self, name: str) -> list[Any]:
        """The value of `gain` or `antenna` for each chain."""
        value = getattr(self, name)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return [value] * len(self.channels)
        if len(value) != len(self.channels):
            raise RadioError(
                self.device, f"{len(value)} values of {name} for {len(self.channels)} chains"
            )
        return list(value)


def parse_device(device: str) -> tuple[str, str]:
    """Library and arguments of a device such as `uhd:addr=192.168.10.2`, `soapy:driver=lime`.

    Raises
    ------
    RadioError
        it is neither.
    """
    library, colon, arguments = device.partition(":")
    if library not in ("uhd", "soapy") or not colon:
        raise RadioError(device, "is neither uhd:ARGS nor soapy:ARGS, such as soapy:driver=lime")
    return library, arguments


def open_radio(settings: RadioSettings, transmit: bool) -> Any:
    """The source or sink of gr-uhd or gr-soapy, set up.

    Raises
    ------
    RadioError
        there is no such radio, or it cannot do what the settings say.
    """
    library, arguments = parse_device(settings.device)
    try:
        module = import_module(f"gnuradio.{library}")
    except ImportError as error:
        raise RadioError(
            settings.device, f"GNU Radio has no {library} here ({error}); `dislac doctor` says more"
        ) from None
    make = _open_uhd if library == "uhd" else _open_soapy
    try:
        radio = make(module, arguments, settings, transmit)
        _catch_terminate(settings.device)
        return radio
    except RadioError:
        raise
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        raise RadioError(settings.device, _reason(str(error))) from None


def _reason(text: str) -> str:
    """Message of a driver, without what only its authors need."""
    if re.search("No devices found|no match", text):
        return "not found; `dislac doctor` says which are, and docs/radios.md what drivers need"
    return re.sub(r"^(\w+Error: )+", "", text)


_terminate: Any = None  # held, as the C++ library calls it


def _catch_terminate(device: str) -> None:
    """Ends the process with one line where a driver makes the C++ library abort it.

    A USB device that is pulled out raises in gr-uhd's `work`, which ends its thread; that calls
    `stop`, which raises again, beyond the reach of anything in Python.
    """

    def end() -> None:
        os.write(
            2,
            f"dislac: error: {RadioError(device, 'its driver has failed: it is lost')}\n".encode(),
        )
        os._exit(1)

    global _terminate
    _terminate = ctypes.CFUNCTYPE(None)(end)
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libstdc++.so.6")._ZSt13set_terminatePFvvE(_terminate)


def _open_uhd(uhd: Any, arguments: str, settings: RadioSettings, transmit: bool) -> Any:
    stream = uhd.stream_args(cpu_format="fc32", otw_format="sc16", channels=settings.channels)
    radio = (uhd.usrp_sink if transmit else uhd.usrp_source)(arguments, stream)
    boards = range(radio.get_num_mboards())
    sources = {
        "clock": (settings.clock_source, radio.get_clock_sources, radio.set_clock_source),
        "time": (settings.time_source, radio.get_time_sources, radio.set_time_source),
    }
    for name, (said, known, choose) in sources.items():
        if said:
            wanted = said.split(",")
            for board in boards:
                source = wanted[min(board, len(wanted) - 1)]
                _check_choice(settings, f"{name} source", source, known(board))
                choose(source, board)
    if settings.clock_source:
        for board in boards:
            _check_lock(settings, radio, "ref_locked", board)
    radio.set_samp_rate(settings.sample_rate)
    _check_rate(settings, radio.get_samp_rate())
    for k in range(len(settings.channels)):
        request = uhd.tune_request(settings.carrier_frequency, settings.lo_offset)
        radio.set_center_freq(request, k)
        _check_frequency(settings, radio.get_center_freq(k))
        antenna, gain = settings.each("antenna")[k], settings.each("gain")[k]
        if antenna is not None:
            _check_choice(settings, "antenna", antenna, radio.get_antennas(k))
            radio.set_antenna(antenna, k)
        if gain is not None:
            limits = radio.get_gain_range(k)
            _check_gain(settings, gain, limits.start(), limits.stop())
            radio.set_gain(gain, k)
    _set_time(uhd, radio, settings)
    return radio


def _check_lock(settings: RadioSettings, radio: Any, sensor: str, board: int) -> None:
    """Waits until a board has locked to its reference, if it reports that."""
    if sensor not in radio.get_mboard_sensor_names(board):
        return
    for _ in range(_LOCK_TRIES):
        if radio.get_mboard_sensor(sensor, board).to_bool():
            return
        time.sleep(_LOCK_TIME / _LOCK_TRIES)
    reference = "satellites" if sensor == "gps_locked" else f"clock ({settings.clock_source})"
    raise RadioError(settings.device, f"board {board} does not lock to its {reference}")


def _set_time(uhd: Any, radio: Any, settings: RadioSettings) -> None:
    """Sets the clocks of all boards by their pulse per second, to GPS time where there is one."""
    source = settings.time_source
    if source.startswith("gpsdo"):
        _check_lock(settings, radio, "gps_locked", 0)
        radio.set_time_next_pps(
            uhd.time_spec(float(radio.get_mboard_sensor("gps_time", 0).to_int() + 1))
        )
        time.sleep(_SECOND_EDGE)
    elif source.startswith("external"):
        radio.set_time_unknown_pps(uhd.time_spec(0.0))
    elif "mimo" in source:
        radio.set_time_now(uhd.time_spec(0.0), 0)  # the cable takes it to the other board


def _open_soapy(soapy: Any, arguments: str, settings: RadioSettings, transmit: bool) -> Any:
    driver, chains = arguments, len(settings.channels)
    if list(settings.channels) != list(range(chains)):
        raise RadioError(settings.device, f"gr-soapy takes the channels from 0 on, all {chains}")
    if settings.time_source:
        raise RadioError(settings.device, "gr-soapy gives no time; leave the time source out")
    tuning = f"OFFSET={settings.lo_offset}" if settings.lo_offset else ""
    make = soapy.sink if transmit else soapy.source
    radio = make(driver, "fc32", chains, "", "", [tuning], [""])
    if settings.clock_source:
        _check_choice(settings, "clock source", settings.clock_source, radio.list_clock_sources())
        radio.set_clock_source(settings.clock_source)
    for k in range(chains):
        radio.set_sample_rate(k, settings.sample_rate)
        _check_rate(settings, radio.get_sample_rate(k))
        radio.set_frequency(k, settings.carrier_frequency)
        _check_frequency(settings, radio.get_frequency(k))
        antenna, gain = settings.each("antenna")[k], settings.each("gain")[k]
        if antenna is not None:
            _check_choice(settings, "antenna", antenna, radio.list_antennas(k))
            radio.set_antenna(k, antenna)
        if gain is not None:
            limits = radio.get_gain_range(k)
            _check_gain(settings, gain, limits.minimum(), limits.maximum())
            if radio.has_gain_mode(k):
                radio.set_gain_mode(k, False)
            radio.set_gain(k, float(gain))
    return radio


def _check_choice(settings: RadioSettings, what: str, choice: str, choices: Sequence[str]) -> None:
    if choice not in choices:
        raise RadioError(
            settings.device, f"no {what} '{choice}'; it has {', '.join(choices) or 'none'}"
        )


def _check_rate(settings: RadioSettings, rate: float) -> None:
    # A part in 10^8 is 0.1 ns in 10 ms: less than any clock's own error
    if abs(rate - settings.sample_rate) > 1e-8 * settings.sample_rate:
        raise RadioError(
            settings.device,
            f"gives {rate / 1e6:.9g} Msps, and the scenario needs {settings.sample_rate / 1e6:.9g};"
            " choose a master clock that is a multiple of it (master_clock_rate=...)",
        )


def _check_frequency(settings: RadioSettings, frequency: float) -> None:
    # Steps of a synthesizer are some Hz; farther off, the radio has another range
    if abs(frequency - settings.carrier_frequency) > 1e3:
        raise RadioError(
            settings.device,
            f"tunes to {frequency / 1e6:.6f} MHz, and the scenario needs "
            f"{settings.carrier_frequency / 1e6:.6f} (--set numerology.carrier_frequency=...)",
        )


def _check_gain(settings: RadioSettings, gain: float, least: float, most: float) -> None:
    if not least <= gain <= most:
        raise RadioError(settings.device, f"no gain of {gain:g} dB; it has {least:g} to {most:g}")


def too_late(device: str, now: float, start: float) -> RadioError:
    """A start [s] lies in the past of the device's clock."""
    return RadioError(
        device, f"its clock shows {now:.3f} s; the time to start, {start:g} s, is over"
    )


class nothing(gr.sync_block):
    """Stands where a radio should be that could not be opened, and ends the flowgraph."""

    def __init__(self, inputs: int, outputs: int) -> None:
        gr.sync_block.__init__(
            self, "no_radio", [np.complex64] * inputs or None, [np.complex64] * outputs or None
        )

    def work(self, input_items, output_items):
        return -1


class Guard(Thread):
    """Ends a radio's block when it stands still for too long.

    A driver that has lost its radio waits for ever, or its exception ends the thread of its block,
    which nobody notices. `progress` says how many samples have passed, None where none are due;
    `lost` is called when that has not changed for `patience` seconds, from `first` seconds on.
    """

    def __init__(
        self,
        radio: Any,
        progress: Callable[[], int | None],
        lost: Callable[[], None],
        patience: float,
        first: float = 0.0,
    ) -> None:
        super().__init__(daemon=True)
        self._radio, self._progress, self._lost = radio, progress, lost
        self._patience, self._first = patience, first
        self._end = Event()

    def run(self) -> None:
        before, wait = None, self._first + self._patience
        while not self._end.wait(wait):
            now, wait = self._progress(), self._patience
            if now is not None and now == before:
                self._lost()
                # What reads from it, or writes to it, then ends, whether its thread lives or not
                done = pmt.cons(pmt.intern("done"), pmt.from_long(1))
                self._radio.to_basic_block()._post(pmt.intern("system"), done)
                self._radio.detail().set_done(True)
                return
            before = now

    def close(self) -> None:
        self._end.set()
        if self.is_alive():
            self.join()
