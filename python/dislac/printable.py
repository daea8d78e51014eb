# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from elsewhere, made fit for a terminal."""

__all__ = ["printable"]


def printable(text: object, most: int = 80) -> str:
    """Return text without control characters, and without those that turn its direction.

    Parameters
    ----------
    text
        Anything; its `str` is taken.
    most
        Characters that are kept; what follows becomes an ellipsis.

    Returns
    -------
    str
        One line, in which a replacement character stands for each that a terminal would obey.
    """
    kept = str(text)[: most + 1]
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in kept)
    return shown if len(kept) <= most else f"{shown[: most - 1]}…"
