# SPDX-License-Identifier: GPL-3.0-or-later
"""Every PMT key and port name of the module, and what travels under them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pmt
from numpy.typing import NDArray

from ..channel import Paths
from ..estimation import ESTIMATE_STATUSES, Estimate
from ..positioning import PATH_KINDS, Fix, FixStatus, Measurement, Reason, status_of
from ..printable import printable

__all__ = [
    "ASYNC_MESSAGES",
    "BUSY",
    "CHAINS",
    "END",
    "EVENTS",
    "FIX",
    "FRAME",
    "LAST_FRAME",
    "LINK",
    "MEASUREMENTS",
    "PATHS",
    "PDUS",
    "PDU_KEYS",
    "REASONS",
    "RX_FREQ",
    "RX_RATE",
    "RX_TIME",
    "STATUSES",
    "SYMBOLS",
    "TX_EOB",
    "TX_SOB",
    "TX_TIME",
    "MessageError",
    "bytes_from_pdu",
    "bytes_to_pdu",
    "estimate_from_pdu",
    "estimate_to_pdu",
    "event_from_pdu",
    "event_to_pdu",
    "fix_from_pdu",
    "fix_to_pdu",
    "frame_from_tag",
    "frame_to_tag",
    "link_to_pdu",
    "measurement_from_pdu",
    "measurement_to_pdu",
    "symbols_to_pdu",
    "time_from_tag",
    "time_parts_from_tag",
    "time_parts_to_tag",
    "time_to_tag",
]

# Tags
FRAME = pmt.intern("dislac:frame")
"""On the first sample of a frame, stream 0: its index (uint64). Where a precompensator has moved
the frame, the pair (index . offset at which it is due at the receiver). On a frame vector too."""
RX_TIME = pmt.intern("rx_time")
"""(uint64 seconds, double fraction). In streams, as radios give it: when a sample was received, on
the first and after each gap. On a frame vector: when the frame's first sample was."""
RX_RATE = pmt.intern("rx_rate")
RX_FREQ = pmt.intern("rx_freq")
"""Beside a radio's `RX_TIME`: samples a second, and the carrier [Hz] (double)."""
TX_TIME = pmt.intern("tx_time")
TX_SOB = pmt.intern("tx_sob")
TX_EOB = pmt.intern("tx_eob")
"""In streams to radios: when a burst's first sample is to leave, as `RX_TIME`; its first sample,
and its last."""

# Tags between processes alone
CHAINS = pmt.intern("dislac:chains")
"""Number of streams that lie interleaved (uint64); on the first sample of every message."""
BUSY = pmt.intern("dislac:busy")
"""The samples go to somebody else: address of the client that is served (symbol)."""
END = pmt.intern("dislac:end")
"""The stream has ended here (true)."""

# Ports
ASYNC_MESSAGES = pmt.intern("async_msgs")
PATHS = pmt.intern("paths")
FIX = pmt.intern("fix")
EVENTS = pmt.intern("events")
PDUS = pmt.intern("pdus")
LINK = pmt.intern("link")
MEASUREMENTS = pmt.intern("measurements")
SYMBOLS = pmt.intern("symbols")

# Keys of PDU metadata are the names of fields after this, such as `dislac:residual_delay`.
_NAMESPACE = "dislac:"

LAST_FRAME = 1 << 53
"""Index beyond which no frame is: it is kept exactly as a double, and in JSON."""

PDU_KEYS = {
    "paths": (*("frame", "time", "status", "covariance", "noise_power", "statistic", "threshold"),),
    "fix": (
        *("frame", "time", "status", "reason", "covariance", "residual_delay", "residual_doppler"),
        *("direction", "error", "bound", "target", "links"),
    ),
    "measurement": (
        *("link", "frame", "time", "kinds", "covariance", "snr", "outlier_probability", "path"),
    ),
}
"""Names of the keys of each PDU. Absent where not known or not set: `covariance` of paths,
`reason`, `target` and `links` of a fix, `link` of a measurement. The position of a fix, the values
of a measurement and the numbers of paths are the vector of the PDU."""

STATUSES = {"paths": ESTIMATE_STATUSES, "fix": tuple(str(status) for status in FixStatus)}
"""Values of the key `status`."""

REASONS = tuple(str(reason) for reason in Reason)
"""Values of the key `reason` of a fix of the status `no_solution`."""

_FIX_NUMBERS = ("time", "residual_delay", "residual_doppler", "error", "bound")
_ESTIMATE_NUMBERS = ("noise_power", "statistic", "threshold")


class MessageError(ValueError):
    """A message that is none of those that a port takes."""


def frame_to_tag(index: int, arrival: int | None = None) -> Any:
    """Value of a `FRAME` tag."""
    value = pmt.from_uint64(index)
    return value if arrival is None else pmt.cons(value, pmt.from_uint64(arrival))


def frame_from_tag(value: Any) -> tuple[int, int | None]:
    """Index of the frame, and the offset at which it is due at the receiver if the tag says so.

    Raises
    ------
    ValueError
        the tag holds something else, or an index that is no frame's.
    """
    try:
        pair = pmt.is_pair(value)
        index = pmt.to_uint64(pmt.car(value) if pair else value)
        if index <= LAST_FRAME:
            return index, pmt.to_uint64(pmt.cdr(value)) if pair else None
    except ValueError:
        pass
    raise ValueError(
        f"a {FRAME} tag holds {printable(value)}; it must hold a frame's index (uint64, at most "
        "2^53), or the pair of index and due offset"
    )


def time_to_tag(time: float) -> Any:
    """Value of an `RX_TIME` tag; whole and fraction add up to exactly `time` [s]."""
    whole = int(time)
    return time_parts_to_tag(whole, time - whole)


def time_parts_to_tag(whole: int, fraction: float) -> Any:
    """Value of an `RX_TIME` or `TX_TIME` tag, exact to parts of a sample at any time."""
    return pmt.make_tuple(pmt.from_uint64(whole), pmt.from_double(fraction))


def time_from_tag(value: Any) -> float:
    """Time [s] of an `RX_TIME` tag."""
    return float(sum(time_parts_from_tag(value)))


def time_parts_from_tag(value: Any) -> tuple[int, float]:
    """Whole and fractional seconds of an `RX_TIME` tag.

    Raises
    ------
    ValueError
        the tag holds something else.
    """
    try:
        return pmt.to_uint64(pmt.tuple_ref(value, 0)), pmt.to_double(pmt.tuple_ref(value, 1))
    except (ValueError, IndexError):
        raise ValueError(
            f"a {RX_TIME} tag holds {printable(value)}; it must hold a tuple of whole seconds "
            "(uint64) and their fraction (double)"
        ) from None


def fix_to_pdu(fix: Fix) -> Any:
    """PDU of a fix: its position [m] as data, all else as metadata, every number exact; target,
    links and reason where they are set."""
    meta: dict[str, Any] = {name: float(getattr(fix, name)) for name in _FIX_NUMBERS}
    meta |= {"frame": int(fix.frame), "status": str(fix.status)}
    meta |= {"covariance": np.ravel(fix.covariance), "direction": fix.direction}
    if fix.target:
        meta["target"] = fix.target
    if fix.reason:
        meta["reason"] = str(fix.reason)
    if fix.links:
        meta["links"] = [list(link) for link in fix.links]
    return _pdu(meta, fix.position)


def fix_from_pdu(pdu: Any) -> Fix:
    """The fix that `fix_to_pdu` was given.

    Raises
    ------
    MessageError
        the message is no such PDU.
    """
    try:
        meta, data = _parts(pdu)
        position = _numbers(data, 3)
        status, reason = status_of(
            _name(meta["status"]),
            _name(meta.get("reason", "")),
            located=bool(np.isfinite(position).all()),
        )
        return Fix(
            frame=_index(meta["frame"]),
            status=status,
            reason=reason,
            position=position,
            covariance=_numbers(meta["covariance"], 9).reshape(3, 3),
            direction=_numbers(meta["direction"], 3),
            time=_number(meta["time"]),
            residual_delay=_number(meta["residual_delay"]),
            residual_doppler=_number(meta["residual_doppler"]),
            error=_number(meta["error"]),
            bound=_number(meta["bound"]),
            target=_name(meta.get("target", "")),
            links=tuple(_names(link) for link in meta.get("links", ())),
        )
    except _MALFORMED:
        raise MessageError("the message is no fix; connect a port `fix`") from None


def measurement_to_pdu(measurement: Measurement) -> Any:
    """PDU of a measurement: its values as data, all else as metadata, every number exact."""
    meta: dict[str, Any] = {
        "frame": int(measurement.frame),
        "time": float(measurement.time),
        "kinds": list(measurement.kinds),
        "covariance": np.ravel(measurement.covariance),
        "snr": float(measurement.snr),
        "outlier_probability": float(measurement.outlier_probability),
        "path": measurement.path,
    }
    if measurement.link:
        meta["link"] = list(measurement.link)
    return _pdu(meta, measurement.values)


def measurement_from_pdu(pdu: Any) -> Measurement:
    """The measurement that `measurement_to_pdu` was given.

    Raises
    ------
    MessageError
        the message is no such PDU.
    """
    try:
        meta, values = _parts(pdu)
        kinds = _names(meta["kinds"])
        path = meta["path"]
        if path not in PATH_KINDS:
            raise ValueError
        return Measurement(
            link=_names(meta.get("link", ())),
            frame=_index(meta["frame"]),
            time=_number(meta["time"]),
            kinds=kinds,
            values=_numbers(values, len(kinds)),
            covariance=_numbers(meta["covariance"], len(kinds) ** 2).reshape(2 * (len(kinds),)),
            snr=_number(meta["snr"]),
            outlier_probability=_number(meta["outlier_probability"]),
            path=path,
        )
    except _MALFORMED:
        raise MessageError("the message is no measurement") from None


def estimate_to_pdu(estimate: Estimate, frame: int, time: float) -> Any:
    """PDU of what was found in a frame, every number exact.

    The data are eight numbers a path: gain (real, imaginary), arrival (x, y), departure (x, y),
    delay [s], Doppler [Hz].
    """
    p = estimate.paths
    meta: dict[str, Any] = {name: float(getattr(estimate, name)) for name in _ESTIMATE_NUMBERS}
    meta |= {"frame": int(frame), "time": float(time), "status": estimate.status}
    if estimate.covariance is not None:
        meta["covariance"] = np.ravel(estimate.covariance)
    columns = p.gain.real, p.gain.imag, p.arrival, p.departure, p.delay, p.doppler
    return _pdu(meta, np.ravel(np.column_stack(columns)))


def estimate_from_pdu(pdu: Any) -> tuple[Estimate, int, float]:
    """The estimate, frame and time [s] that `estimate_to_pdu` was given.

    Raises
    ------
    MessageError
        the message is no such PDU.
    """
    try:
        meta, data = _parts(pdu)
        table = _numbers(data).reshape(-1, 8)
        paths = Paths(
            gain=table[:, 0] + 1j * table[:, 1],
            arrival=table[:, 2:4],
            departure=table[:, 4:6],
            delay=table[:, 6],
            doppler=table[:, 7],
        )
        covariance = meta.get("covariance")
        if covariance is not None:
            covariance = _numbers(covariance, 36 * len(table)).reshape(-1, 6, 6)
        numbers = {name: _number(meta[name]) for name in _ESTIMATE_NUMBERS}
        status = meta.get("status", "ok")
        if status not in ESTIMATE_STATUSES:
            raise ValueError
        estimate = Estimate(paths, covariance, **numbers, status=status)
        return estimate, _index(meta["frame"]), _number(meta["time"])
    except _MALFORMED:
        raise MessageError("the message holds no paths; connect a port `paths`") from None


def bytes_to_pdu(data: bytes, frame: int | None = None) -> Any:
    """PDU of bytes, with the frame that completed them."""
    meta = {} if frame is None else {_NAMESPACE + "frame": int(frame)}
    return pmt.cons(pmt.to_pmt(meta), pmt.init_u8vector(len(data), list(data)))


def bytes_from_pdu(pdu: Any) -> bytes:
    """The bytes of a PDU.

    Raises
    ------
    MessageError
        the message is no PDU of bytes, or of none.
    """
    if not (pmt.is_pdu(pdu) and pmt.is_u8vector(pmt.cdr(pdu)) and pmt.length(pmt.cdr(pdu))):
        raise MessageError(
            "the message is no PDU of bytes (a pair of metadata and u8vector, one byte or more)"
        )
    return bytes(pmt.u8vector_elements(pmt.cdr(pdu)))


def symbols_to_pdu(symbols: NDArray[np.complex128], frame: int) -> Any:
    """PDU of equalized symbols (complex64), as constellation displays take them."""
    values = pmt.init_c32vector(len(symbols), symbols.tolist())
    return pmt.cons(pmt.to_pmt({_NAMESPACE + "frame": int(frame)}), values)


def link_to_pdu(meta: Mapping[str, Any]) -> Any:
    """PDU of how a frame was received, as metadata; `event_from_pdu` gives it back."""
    return _pdu(meta, np.zeros(0))


def event_to_pdu(event: str, details: Mapping[str, Any]) -> Any:
    """PDU of something that has happened: its name and its details, as metadata."""
    return _pdu({"event": event, **details}, np.zeros(0))


def event_from_pdu(pdu: Any) -> dict[str, Any]:
    """Name (under `event`) and details of what has happened.

    Raises
    ------
    MessageError
        the message is no such PDU.
    """
    try:
        return _parts(pdu)[0]
    except _MALFORMED:
        raise MessageError("the message is no event; connect a port `events`") from None


def _pdu(meta: Mapping[str, Any], data: NDArray[np.float64]) -> Any:
    keyed = {_NAMESPACE + name: value for name, value in meta.items()}
    return pmt.cons(pmt.to_pmt(keyed), pmt.to_pmt(np.ascontiguousarray(data, dtype=float)))


def _parts(pdu: Any) -> tuple[dict[str, Any], NDArray[np.float64]]:
    if not pmt.is_pdu(pdu):
        raise ValueError("the message is no PDU")
    meta = pmt.to_python(pmt.car(pdu))
    named = {key.removeprefix(_NAMESPACE): value for key, value in meta.items()}
    return named, pmt.to_python(pmt.cdr(pdu))


_MALFORMED = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError)
"""Exceptions of reading what a message does not hold, PMT's own among them."""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _index(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _name(value: Any) -> str:
    if not (isinstance(value, str) and value.isprintable()):
        raise TypeError
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(map(_name, value))


def _numbers(value: Any, count: int | None = None) -> NDArray[np.float64]:
    """Return a vector of real numbers, of `count` of them where that is given."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise TypeError
    if value.ndim != 1 or (count is not None and len(value) != count):
        raise ValueError
    return value.astype(float, copy=False)
