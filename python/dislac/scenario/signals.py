# SPDX-License-Identifier: GPL-3.0-or-later
"""Signal of the transmitter of a scenario: numerology, pilots, payload and beams."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import phase_shifter_beams
from ..waveform import (
    Numerology,
    Payload,
    Pilots,
    PrsResource,
    PrsResourceSet,
    make_payload,
    make_pilots,
    nr_cyclic_prefixes,
    prs_pilots,
    sensing_grid,
    thin,
)
from ..waveform.numerology import nr_mu, nr_slot_symbols
from ..waveform.prs import PRB
from .links import beams_of
from .loader import Document
from .model import Node, Synchronization
from .text import Key

__all__ = [
    "draw_beams",
    "make_numerology",
    "payload_of",
    "pilots_of",
    "prs_resources",
    "towards_receiver",
]

EARLY = 4
"""Beside a direct path windows begin early by the shortest prefix over this. Between whole samples
the edges of its symbols ring into the window of the symbol before: at -43 dB, and below -60 dB
three samples on."""


def make_numerology(
    document: Document, prs: PrsResourceSet | None, synchronization: Synchronization
) -> Numerology:
    """Numerology of a frame; that of NR PRS has as many symbols as their slots."""
    values = dict(document.data["numerology"])
    values["advance"] = values.pop("window_advance", None)
    fft_size, prefix = values["fft_size"], values["cyclic_prefix"]
    if prs is not None:
        needed = prs.slots * prs.slot_symbols
        if values.setdefault("symbols", needed) != needed:
            raise document.error(
                "numerology.symbols",
                f"{values['symbols']} symbols; a frame of nr-prs is {needed}, {prs.slots} slot(s) "
                f"of {prs.slot_symbols}: leave the key out",
            )
    elif "symbols" not in values:
        raise document.error("numerology", "'symbols' is a required property")
    if isinstance(prefix, str):
        extended = prefix == "extended"
        try:
            lengths = nr_cyclic_prefixes(
                nr_mu(values["subcarrier_spacing"]),
                fft_size,
                extended=extended,
                first_slot=0 if prs is None else prs.slot_offset,
                slots=-(-values["symbols"] // nr_slot_symbols(extended)),
            )[: values["symbols"]]
        except ValueError as error:
            key = "fft_size" if "fft_size" in str(error) else "subcarrier_spacing"
            raise document.error(f"numerology.{key}", str(error)) from None
        values["cyclic_prefix"] = lengths[0] if len(set(lengths)) == 1 else lengths
    if "frame_period" not in values:
        values["frame_period"] = _frame_length(values)
        if prs is not None and isinstance(prefix, str):
            # Slots of NR: 2^mu of them in a subframe of a millisecond.
            values["frame_period"] = 15 * fft_size * prs.period
        elif prs is not None:
            values["frame_period"] = prs.period * prs.slot_symbols * (fft_size + prefix)
    try:
        numerology = Numerology(**values)
        if synchronization.removal != "none" and numerology.advance is None:
            numerology = replace(numerology, advance=-(-numerology.shortest_prefix // EARLY))
        return numerology
    except ValueError as error:
        keys = "subcarriers", "window_advance", "frame_period"
        key = next(key for key in keys if key in str(error) or key == "frame_period")
        raise document.error(f"numerology.{key}", str(error)) from None


def _frame_length(values: Mapping[str, Any]) -> int:
    prefix = values["cyclic_prefix"]
    prefixes = sum(prefix) if isinstance(prefix, tuple) else values["symbols"] * prefix
    return int(values["symbols"] * values["fft_size"] + prefixes)


def prs_resources(document: Document) -> PrsResourceSet | None:
    """The set of PRS resources, None where pilots are others."""
    pilots = dict(document.data.get("pilots", {}))
    kind = pilots.pop("kind", "zadoff-chu")
    codes = {"user", "interleaved"}
    own = codes if kind == "nr-prs" else set(pilots) - codes
    for key in own & set(pilots):
        raise document.error(f"pilots.{key}", f"pilots of kind {kind} have no such key")
    if kind != "nr-prs":
        return None
    numerology = document.data["numerology"]
    if numerology["subcarriers"] % PRB:
        raise document.error(
            "numerology.subcarriers",
            f"{numerology['subcarriers']} subcarriers are no whole resource blocks; with nr-prs "
            f"use a multiple of {PRB}",
        )
    try:
        mu = nr_mu(numerology["subcarrier_spacing"])
    except ValueError as error:
        raise document.error("numerology.subcarrier_spacing", str(error)) from None
    comb = pilots.pop("comb", 2)
    grid_start = pilots.pop("grid_start_prb", 0)
    muting = pilots.pop("muting", {})
    values = {
        "symbols": comb,
        "period": 10 << mu,
        "start_prb": grid_start,
        "prbs": numerology["subcarriers"] // PRB,
        "muting_option_1": tuple(muting.get("option_1", ())),
        "muting_bit_repetition": muting.get("bit_repetition", 1),
        "muting_option_2": tuple(muting.get("option_2", ())),
        "extended": numerology["cyclic_prefix"] == "extended",
        **pilots,
        "resources": tuple(PrsResource(**each) for each in pilots.get("resources", [{}])),
    }
    try:
        return PrsResourceSet(mu, comb, **values)
    except ValueError as error:
        raise document.error("pilots", str(error)) from None


def pilots_of(document: Document, numerology: Numerology, prs: PrsResourceSet | None) -> Pilots:
    """Pilots of a frame, of the kind that the scenario names."""
    """The pilots of the link's transmitter.

    Raises
    ------
    ScenarioError
        its chains cannot send them.
    """
    data = document.data.get("pilots", {})
    beams = beams_of(document, ("nodes", "transmitter"))
    chains = beams["chains"]
    if prs is not None:
        if len(prs.resources) > 1 and beams["coupling"] == "paired":
            raise document.error(
                "beams.coupling",
                "several PRS resources distinguish the chains' beams by themselves, for every "
                "receive chain; use coupling 'physical', or a single resource",
            )
        try:
            return prs_pilots(
                prs,
                chains,
                grid_prbs=numerology.subcarriers // PRB,
                grid_start=data.get("grid_start_prb", 0),
            )
        except ValueError as error:
            raise document.error("pilots", str(error)) from None
    try:
        return make_pilots(
            data.get("kind", "zadoff-chu"),
            numerology.symbols,
            numerology.subcarriers,
            chains,
            user=data.get("user", 0),
            seed=document.data.get("seed", 1),
            interleaved=data.get("interleaved", True),
        )
    except ValueError as error:
        raise document.error("pilots.user", str(error)) from None


def payload_of(
    document: Document, pilots: Pilots, towards: NDArray[np.complex128]
) -> tuple[Pilots, Payload]:
    """The pilots as they are sent beside a payload, and the payload."""
    data = document.data["payload"]
    prs = document.data.get("pilots", {}).get("kind") == "nr-prs"
    if prs and "pilot_comb" in data:
        raise document.error("payload.pilot_comb", "nr-prs has its own comb, pilots.comb")
    if not np.all(pilots.sent):
        raise document.error("pilots.muting.option_1", "a payload needs its pilots in all frames")
    # Chains that send resources of their own keep to them.
    shared = not np.any(pilots.chains == 0)
    try:
        if not prs:
            pilots = thin(pilots, data.get("pilot_comb", 4))
        payload = make_payload(
            sensing_grid(pilots),
            data["modulation"],
            chains=towards,
            shared=shared,
            power_share=data.get("pilot_power_share"),
            additional_dmrs=data.get("dmrs_additional", 2) if data.get("dmrs", True) else None,
            identity=data.get("identity", 0),
        )
    except ValueError as error:
        raise document.error("payload", str(error)) from None
    chains = payload.chains[pilots.symbols] if shared else pilots.chains
    return replace(pilots, chains=payload.pilot_amplitude * chains), payload


def towards_receiver(
    transmitter: Node, receiver: Node, beams: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """(Ms, Nrf) phases of the chains with which their beams add up towards the receiver."""
    line_of_sight = receiver.motion.state(0.0)[0] - transmitter.motion.state(0.0)[0]
    direction = transmitter.array.spatial_frequency(line_of_sight / np.linalg.norm(line_of_sight))
    transmit_response = np.einsum("a,mai->mi", transmitter.array.steering(direction), beams)
    return np.exp(-1j * np.angle(transmit_response))


def draw_beams(
    document: Document, role: str, elements: int, symbols: int, seed: tuple[int, ...], hold: bool
) -> NDArray[np.complex128]:
    """(symbols, elements, chains) of the transmitter or the receiver; the first symbol's in all of
    them, if they are to `hold`."""
    key: Key = ("nodes", role)
    beams = beams_of(document, key)
    chains = beams["chains"]
    if beams["kind"] == "random-phase":
        rng = np.random.default_rng(seed)
        drawn = phase_shifter_beams(1 if hold else symbols, elements, chains, rng)
        return np.broadcast_to(drawn, (symbols, elements, chains))
    if chains != elements:
        own = "chains" in document.data["nodes"][role].get("radio", {}).get("beams", {})
        raise document.error(
            (*key, "radio", "beams", "chains") if own else "beams.chains",
            f"{chains} chains do not match an array of {elements} elements; with kind 'element' "
            "both ends need one chain an element",
        )
    return np.broadcast_to(np.eye(elements, dtype=complex), (symbols, elements, elements))
