# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes as JSON objects, to the last bit."""

import json
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..files import open_regular
from ..positioning import Fix, status_of

__all__ = [
    "check_fix",
    "fix_from_dict",
    "fix_to_dict",
    "fix_to_json",
    "iterate_fixes",
    "label_texts",
    "labels",
    "plain",
    "read_fixes",
]

_LONGEST = 1 << 16
"""Bytes of a line; a fix takes less than two thousand."""

_LONGEST_NAME = 1000
"""Characters of the name of a node or a target."""

_GREATEST = 1e12
"""Time [s] and coordinate [m] that no scene reaches."""

_LAST_FRAME = 1 << 53
"""Index beyond which no frame is: JSON has whole numbers up to it."""


def fix_to_dict(fix: Fix) -> dict[str, Any]:
    """A fix as JSON objects carry it: SI units, null for what is not known; target and links where
    they are set.

    Numbers are kept to the last bit: they are written with as many digits as it takes to read
    the same number again.

    Examples
    --------
    >>> import numpy as np
    >>> from gnuradio.dislac.io import fix_to_dict
    >>> from gnuradio.dislac.positioning import Fix, FixStatus
    >>> fix = Fix(7, 0.028, FixStatus.OK, position=np.array([1.5, -2.0, 0.0]), target="van")
    >>> written = fix_to_dict(fix)
    >>> written["position"], written["error"], written["target"]
    ([1.5, -2.0, 0.0], None, 'van')
    """
    return {
        "frame": int(fix.frame),
        "time": float(fix.time),
        "position": plain(fix.position),
        "covariance": plain(fix.covariance),
        "residual_delay": plain(fix.residual_delay),
        "residual_doppler": plain(fix.residual_doppler),
        "direction": plain(fix.direction),
        "status": str(fix.status),
        **({"reason": str(fix.reason)} if fix.reason else {}),
        "error": plain(fix.error),
        "bound": plain(fix.bound),
        **labels(fix),
    }


def labels(fix: Fix) -> dict[str, Any]:
    """Target and links of a fix, as far as they are set: links as pairs of names."""
    target = {"target": fix.target} if fix.target else {}
    links = {"links": [list(link) for link in fix.links]} if fix.links else {}
    return {**target, **links}


def label_texts(fix: Fix) -> dict[str, str]:
    """Target and links of a fix, as far as they are set: ``leo > roof; leo > mast``."""
    texts = labels(fix)
    if fix.links:
        texts["links"] = "; ".join(" > ".join(link) for link in fix.links)
    return texts


def fix_from_dict(values: Mapping[str, Any]) -> Fix:
    """The fix that `fix_to_dict` was given.

    Raises
    ------
    ValueError
        the object is no fix.
    """
    try:
        if type(values["frame"]) is not int or isinstance(values["time"], str):
            raise TypeError
        position = _array(values["position"], (3,))
        status, reason = status_of(
            values["status"], values.get("reason", ""), located=bool(np.isfinite(position).all())
        )
        return Fix(
            frame=values["frame"],
            time=float(values["time"]),
            status=status,
            position=position,
            reason=reason,
            covariance=_array(values["covariance"], (3, 3)),
            residual_delay=float(_array(values["residual_delay"])),
            residual_doppler=float(_array(values["residual_doppler"])),
            direction=_array(values["direction"], (3,)),
            error=float(_array(values["error"])),
            bound=float(_array(values["bound"])),
            target=_name(values.get("target", "")),
            links=tuple(map(_link, values.get("links", ()))),
        )
    except KeyError as error:
        raise ValueError(f"a fix without {error}") from None
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise ValueError("a fix with values that are none of a fix") from None


def check_fix(fix: Fix) -> None:
    """Check that frame, time and position of a fix can be those of a scene.

    Raises
    ------
    ValueError
        They cannot.
    """
    numbers = [fix.time, *(fix.position if fix.valid else ())]
    # Comparisons with NaN are false, so that it is refused, too.
    if abs(fix.frame) > _LAST_FRAME or not all(abs(number) < _GREATEST for number in numbers):
        raise ValueError("a fix with numbers that none has")


def fix_to_json(fix: Fix) -> str:
    """A fix as one line of JSON."""
    return json.dumps(fix_to_dict(fix), allow_nan=False)


def iterate_fixes(path: str | os.PathLike[str]) -> Iterator[Fix]:
    """Give the fixes of a JSON Lines file one by one; a last line that was cut off is left out.

    Raises
    ------
    OSError
        No regular file.
    ValueError
        A line before the last is no fix, or one whose position or time is none.
    """
    faulty = 0
    with BufferedReader(open_regular(path)) as file:  # type: ignore[type-var]
        for number in count(1):
            line = file.readline(_LONGEST)
            if not line:
                return
            if faulty:
                raise ValueError(f"{os.fspath(path)}:{faulty}: not a fix")
            try:
                fix = fix_from_dict(json.loads(line))
                check_fix(fix)
            except (ValueError, RecursionError):
                faulty = number
            else:
                yield fix


def read_fixes(path: str | os.PathLike[str]) -> list[Fix]:
    """The fixes of a JSON Lines file, see `iterate_fixes`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from gnuradio.dislac.io import fix_to_json, read_fixes
    >>> from gnuradio.dislac.positioning import Fix, FixStatus
    >>> fix = Fix(frame=7, time=0.1 + 0.2, status=FixStatus.NO_DETECTION)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "fixes.jsonl")
    ...     _ = path.write_text(fix_to_json(fix))
    ...     (again,) = read_fixes(path)
    >>> again.frame, again.time == 0.1 + 0.2, again.outcome
    (7, True, 'no_detection')
    """
    return list(iterate_fixes(path))


def plain(value: ArrayLike) -> Any:
    """Numbers or nested lists of them; None for what is not finite, one None when nothing is."""
    array = np.asarray(value, dtype=float)
    known = np.isfinite(array)
    plain = array.astype(object)
    plain[~known] = None
    return plain.tolist() if known.any() else None


def _name(value: Any) -> str:
    """A name as nodes and targets have it.

    Raises
    ------
    TypeError
        the value is none.
    """
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_NAME:
        raise TypeError
    return value


def _link(value: Any) -> tuple[str, ...]:
    """Names of a link's transmitter and receiver.

    Raises
    ------
    TypeError
        the value is none.
    """
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_name, value))


def _array(value: Any, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """Inverse of `plain`: NaN for None.

    Raises
    ------
    ValueError, TypeError
        the value is of another shape, or no number.
    """
    if value is None:
        return np.full(shape, np.nan)
    return np.asarray(value, dtype=float).reshape(shape)
