# SPDX-License-Identifier: GPL-3.0-or-later
"""The innermost loops of delay, rotation and beams, compiled (extra `fast`).

The delay filters are short, and here they go through the first cache once, without Python's lock;
`delay` and the emulator do the same by FFT and matrix products, several times slower. Samples are
pairs of floats, which compilers put into vector instructions better than complex numbers. Loops
work element by element, so equal work gives equal bits anywhere.
"""

import numpy as np
from numba import njit

from . import delay as filters
from . import stream

__all__ = [
    "active_blocks",
    "add_segments",
    "apply_beams",
    "copy_from_pool",
    "copy_segments",
    "delay",
    "zero_fill",
]

# Written out, because what numba keeps on disk is made again only when this file changes.
BLOCK, TAPS, REACH, FINE = 256, 48, 8, 16
assert (BLOCK, TAPS, REACH) == (stream.BLOCK, filters.TAPS, filters.REACH), (
    "the compiled loops are for other sizes"
)

RAMP = filters.RAMP

# A product may be rounded together with the sum it goes into; nothing is reordered.
_compiled = njit(cache=True, nogil=True, fastmath={"contract"})


@_compiled
def zero_fill(rows, place, segments):  # type: ignore[no-untyped-def]
    """Write zeros to some segments (segments, 2) of a chunk that begins at pair `place` of rows."""
    for i in range(len(rows)):
        for k in range(len(segments)):
            rows[i, 2 * (place + segments[k, 0]) : 2 * (place + segments[k, 1])] = 0


@_compiled
def copy_segments(source, segments, out, place):  # type: ignore[no-untyped-def]
    """Copy some segments (segments, 2) of a chunk to one that begins at pair `place` of rows."""
    for i in range(len(out)):
        for k in range(len(segments)):
            a, b = 2 * segments[k, 0], 2 * segments[k, 1]
            _copy(source[i, a:b], out[i, a + 2 * place : b + 2 * place])


@_compiled
def copy_from_pool(pool, starts, rows):  # type: ignore[no-untyped-def]
    """Fill each of a tuple of rows of floats with a pool of pairs from a start of its own on."""
    for i in range(len(rows)):
        row = rows[i]
        _copy(pool[2 * starts[i] : 2 * starts[i] + len(row)], row)


@njit(cache=True)  # too short to be worth giving the lock away
def active_blocks(segments, starts, length):  # type: ignore[no-untyped-def]
    """Mask of the blocks whose window of that length is not empty, as `delay.active_blocks`.

    Parameters
    ----------
    segments
        (segments, 2) indices of samples outside which there is silence.
    starts
        (paths, BLOCKS) where the windows begin.
    """
    blocks = starts.shape[1]
    active = np.zeros(blocks, np.bool_)
    for k in range(len(segments)):
        for path in range(len(starts)):
            for block in range(blocks):
                start = starts[path, block]
                active[block] |= (start < segments[k, 1]) & (start > segments[k, 0] - length)
    return active


@_compiled
def delay(  # type: ignore[no-untyped-def]
    ring, size, rows, active, starts, taps, row, used, slope, late, begin, end, out
):
    """Delay and rotate some blocks of a few paths.

    Parameters
    ----------
    ring
        (streams, 2 size or more) floats: sample n of a stream is pair n mod size.
    rows
        (paths, 3) which streams go over each path, from and to, and the first stream of what they
        become.
    active
        (BLOCKS,) which blocks to make.
    starts
        (paths, BLOCKS) index of the first sample of each block's window of BLOCK + TAPS - 1 + 2
        REACH.
    taps
        (filters, TAPS).
    row
        (paths, BLOCKS) which filter is for each block.
    used
        taps before used[0] and from used[1] on are zero; four or more, in fours, are not.
    slope
        (K,) the `differentiator`.
    late
        (2, paths, BLOCKS) by how many samples delays exceed their filters' at the borders of each
        block.
    begin, end
        (paths, BLOCKS) phases at the borders of each block [cycles].
    out
        (streams, 2 CHUNK or more) floats; only the blocks made are written.
    """
    gathered = np.empty(2 * (BLOCK + TAPS - 1 + 2 * REACH), np.float32)
    turn = np.empty(2 * BLOCK, np.float32)
    total = np.empty(2 * (BLOCK + 2 * REACH), np.float32)
    moved = np.empty(2 * BLOCK, np.float32)
    for block in range(len(active)):
        if active[block]:
            for path in range(len(rows)):
                _rotation(begin[path, block], end[path, block], turn)
                _delay_block(
                    *(ring, size, rows[path], starts[path, block], taps[row[path, block]], used),
                    *(slope, late[0, path, block], late[1, path, block]),
                    *(gathered, turn, total, moved, out, 2 * BLOCK * block),
                )


@_compiled
def _delay_block(  # type: ignore[no-untyped-def]
    ring, size, rows, start, taps, used, slope, begin, end, gathered, turn, total, moved, out, place
):
    reach = len(slope) if begin != end else 0
    first = (start + REACH - reach) % size
    length, pairs = BLOCK + TAPS - 1 + 2 * reach, 2 * (BLOCK + 2 * reach)
    before = min(length, size - first)
    total = total[:pairs]
    for row in range(rows[1] - rows[0]):
        samples = ring[rows[0] + row]
        if before == length:
            window = samples[2 * first : 2 * (first + length)]
        else:
            _copy(samples[2 * first : 2 * size], gathered[: 2 * before])
            _copy(samples[: 2 * (length - before)], gathered[2 * before : 2 * length])
            window = gathered
        total[:] = 0
        for tap in range(used[0], used[1], 4):
            a = 2 * (TAPS - 1 - tap)
            _accumulate(
                *(taps[tap], taps[tap + 1], taps[tap + 2], taps[tap + 3]),
                *(window[a : a + pairs], window[a - 2 : a - 2 + pairs]),
                *(window[a - 4 : a - 4 + pairs], window[a - 6 : a - 6 + pairs]),
                total,
            )
        delayed = total
        if reach:
            delayed = moved
            _copy(total[2 * reach : 2 * (reach + BLOCK)], moved)
            for k in range(0, reach, 4):
                _follow(
                    *(slope[k], slope[k + 1], slope[k + 2], slope[k + 3]),
                    *(total[2 * (reach + k) :], total[2 * (reach - k - 4) :]),
                    *(begin, end - begin, moved),
                )
        _turn(delayed, turn, out[rows[2] + row, place : place + 2 * BLOCK])


@_compiled
def _follow(p, q, r, s, after, before, late, step, out):  # type: ignore[no-untyped-def]
    for m in range(2 * BLOCK):
        change = p * (after[m + 2] - before[m + 6]) + q * (after[m + 4] - before[m + 4])
        change += r * (after[m + 6] - before[m + 2]) + s * (after[m + 8] - before[m])
        out[m] -= (late + step * RAMP[m]) * change


@_compiled
def apply_beams(  # type: ignore[no-untyped-def]
    source, source_place, segments, offsets, first, schedule, weights, gains, out, out_place
):
    """Weigh streams with the beams of each symbol, and sum: out = weights @ (gains * source).

    Parameters
    ----------
    source
        (N, pairs) floats, of which the chunk begins at pair source_place.
    segments
        (segments, 2) samples of the chunk to make, from and to.
    offsets
        (BLOCKS,) what is added to the sample index in each block before its beams are looked up.
    first
        sample index at which the chunk begins.
    schedule
        end of each symbol in a frame, then the frames' period and their start.
    weights
        (parts, symbols, M, N) of equal parts of the chunk, whole blocks each.
    gains
        (frames, N); row 0 is for the frame of the first sample of the chunk, offset 0.
    out
        (M, pairs) floats, of which the chunk begins at pair out_place; only the segments are
        written.
    """
    parts, symbols = weights.shape[:2]
    blocks = len(offsets) // parts
    ends, period, start = schedule[:symbols], schedule[symbols], schedule[symbols + 1]
    base = (first - start) // period
    straight = np.empty((len(source), 2 * BLOCK), np.float32)
    turned = np.empty((len(source), 2 * BLOCK), np.float32)
    total = np.empty((len(out), 2 * BLOCK), np.float32)
    for k in range(len(segments)):
        here, stop = segments[k, 0], segments[k, 1]
        while here < stop:
            block = here // BLOCK
            moment = first + here + offsets[block] - start
            frame, within = moment // period, moment % period
            symbol = 0
            while symbol < symbols - 1 and within >= ends[symbol]:
                symbol += 1
            lasts = (period if symbol == symbols - 1 else ends[symbol]) - within
            there = min(stop, here + lasts, (block + 1) * BLOCK)
            row = min(max(frame - base, 0), len(gains) - 1)
            count = 2 * (there - here)
            a, b = 2 * (source_place + here), 2 * (source_place + there)
            c, d = 2 * (out_place + here), 2 * (out_place + there)
            for j in range(len(source)):
                _split_complex(source[j, a:b], straight[j], turned[j])
            _weigh(weights[block // blocks, symbol], gains[row], straight, turned, count, total)
            for i in range(len(out)):
                _copy(total[i, :count], out[i, c:d])
            here = there


@_compiled
def add_segments(source, segments, rows):  # type: ignore[no-untyped-def]
    """Add some segments of a chunk to rows of the caller's.

    Parameters
    ----------
    source
        (streams, pairs) floats.
    segments
        (segments, 2) from and to.
    rows
        a tuple of as many rows of floats.
    """
    for i in range(len(rows)):
        row = rows[i]
        for k in range(len(segments)):
            a, b = 2 * segments[k, 0], 2 * segments[k, 1]
            _increase(source[i, a:b], row[a:b])


@_compiled
def _increase(x, out):  # type: ignore[no-untyped-def]
    for m in range(len(out)):
        out[m] += x[m]


@_compiled
def _rotation(begin, end, out):  # type: ignore[no-untyped-def]
    """As `rotator.rotation`, of one block."""
    step = np.exp(2j * np.pi * ((end - begin) / BLOCK))
    steps = np.empty(2 * FINE, np.float32)
    turn = 1.0 + 0.0j
    for k in range(FINE):
        steps[2 * k], steps[2 * k + 1] = turn.real, turn.imag
        turn *= step
    stride, turn = turn, np.exp(2j * np.pi * (begin - np.rint(begin)))
    for k in range(BLOCK // FINE):
        real, imag = np.float32(turn.real), np.float32(turn.imag)
        part = out[2 * FINE * k : 2 * FINE * (k + 1)]
        for m in range(FINE):
            part[2 * m] = real * steps[2 * m] - imag * steps[2 * m + 1]
            part[2 * m + 1] = real * steps[2 * m + 1] + imag * steps[2 * m]
        turn *= stride


@_compiled
def _accumulate(p, q, r, s, a, b, c, d, total):  # type: ignore[no-untyped-def]
    for m in range(len(total)):
        total[m] += p * a[m] + q * b[m] + r * c[m] + s * d[m]


@_compiled
def _turn(x, turn, out):  # type: ignore[no-untyped-def]
    for m in range(BLOCK):
        real = x[2 * m] * turn[2 * m] - x[2 * m + 1] * turn[2 * m + 1]
        imag = x[2 * m] * turn[2 * m + 1] + x[2 * m + 1] * turn[2 * m]
        out[2 * m] = real
        out[2 * m + 1] = imag


@_compiled
def _split_complex(x, straight, turned):  # type: ignore[no-untyped-def]
    """x and j x: with both, products with complex numbers are sums of products with real ones."""
    for m in range(len(x) // 2):
        real, imag = x[2 * m], x[2 * m + 1]
        straight[2 * m], straight[2 * m + 1] = real, imag
        turned[2 * m], turned[2 * m + 1] = -imag, real


@_compiled
def _weigh(weights, gains, straight, turned, count, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        for m in range(count):
            out[i, m] = 0
        for j in range(len(straight)):
            weight = weights[i, j] * gains[j]
            if weight != 0:
                real, imag = weight.real, weight.imag
                for m in range(count):
                    out[i, m] += real * straight[j, m] + imag * turned[j, m]


@_compiled
def _copy(x, out):  # type: ignore[no-untyped-def]
    for m in range(len(out)):
        out[m] = x[m]
