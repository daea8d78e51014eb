# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes of several links in one order, whatever thread they come from."""

from collections.abc import Sequence

from .fix import Fix

__all__ = ["FixOrder"]

PATIENCE = 4096
"""Frames by which a link may be behind another before it is no longer waited for."""


class FixOrder:
    """Puts fixes in the order of their frames, and within a frame in that of the links.

    Each link gives its own in order. A frame's fixes come out once every link has come to a later
    frame.

    Parameters
    ----------
    links
        Names of transmitter and receiver of each, in order.
    """

    def __init__(self, links: Sequence[tuple[str, ...]]) -> None:
        self._rank: dict[tuple[str, ...], int] = {link: k for k, link in enumerate(links)}
        self._newest = dict.fromkeys(self._rank.values(), -1)
        self._held: dict[int, list[tuple[int, Fix]]] = {}

    def add(self, fix: Fix) -> list[Fix]:
        """Take a fix; those that are due."""
        rank = self._rank.get(fix.links[0] if fix.links else (), 0)
        self._held.setdefault(fix.frame, []).append((rank, fix))
        self._newest[rank] = max(self._newest[rank], fix.frame)
        return self._give(max(min(self._newest.values()), max(self._newest.values()) - PATIENCE))

    def rest(self) -> list[Fix]:
        """Give what is still held, at the end."""
        return self._give(max(self._newest.values(), default=0) + 1)

    def _give(self, before: int) -> list[Fix]:
        due = sorted(frame for frame in self._held if frame < before)
        held = [sorted(self._held.pop(frame), key=lambda item: item[0]) for frame in due]
        return [fix for frame in held for _, fix in frame]
