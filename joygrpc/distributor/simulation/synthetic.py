"""Made-up traces that look like those of a video platform."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from joygrpc.distributor.simulation.trace import Request

EPOCHS = 50
"""Steps in which the catalogue changes in the course of a trace."""

_SMALL_MEDIAN, _SMALL_SPREAD = 120e3, 1.0
_MEDIA_MEDIAN, _MEDIA_SPREAD, _MEDIA_MOST = 60e6, 1.2, 4e9


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a synthetic trace is made from.

    Popularity by rank falls as `1 / rank ** zipf`. `small_share` of the objects are pictures and subtitles (median 120 kB), the others media (median
    60 MB, log-normal), of which a viewer takes a part. In the course of the trace, `drift` of all ranks are taken over by new objects.
    """

    objects: int = 10_000
    zipf: float = 0.9
    small_share: float = 0.55
    drift: float = 0.5
    days: float = 7.0
    unit_size: bool = False
    """Whether every object has one byte, for comparisons with other simulators."""


def synthetic_trace(requests: int, catalogue: Catalogue | None = None, seed: int = 1) -> Iterator[Request]:
    """`requests` requests, in order of time; the same for the same arguments."""
    catalogue = catalogue or Catalogue()
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, catalogue.objects + 1) ** catalogue.zipf
    cumulative = np.cumsum(weights) / weights.sum()
    # Which object has which rank. Ids say nothing about popularity.
    by_rank = random.permutation(catalogue.objects)
    sizes = _sizes(random, catalogue, catalogue.objects)
    times = np.sort(random.uniform(0, catalogue.days * 86_400, requests)) + 1_700_000_000
    bounds = np.linspace(0, requests, EPOCHS + 1).astype(int)
    for start, end in itertools.pairwise(bounds.tolist()):
        ranks = np.searchsorted(cumulative, random.uniform(size=end - start))
        chosen = by_rank[np.minimum(ranks, catalogue.objects - 1)]
        sent = _sent(random, catalogue, sizes[chosen])
        for time_s, object_id, size, part in zip(
            times[start:end].tolist(), chosen.tolist(), sizes[chosen].tolist(), sent.tolist(), strict=True
        ):
            yield Request(time_s, object_id, size, part)
        renewed = random.uniform(size=catalogue.objects) < catalogue.drift / EPOCHS
        count = int(renewed.sum())
        by_rank[renewed] = np.arange(len(sizes), len(sizes) + count)
        sizes = np.concatenate([sizes, _sizes(random, catalogue, count)])


def _sizes(random: np.random.Generator, catalogue: Catalogue, count: int) -> npt.NDArray[np.int64]:
    if catalogue.unit_size:
        return np.ones(count, np.int64)
    small = random.lognormal(np.log(_SMALL_MEDIAN), _SMALL_SPREAD, count)
    media = np.minimum(random.lognormal(np.log(_MEDIA_MEDIAN), _MEDIA_SPREAD, count), _MEDIA_MOST)
    return np.where(random.uniform(size=count) < catalogue.small_share, small, media).astype(np.int64) + 1


def _sent(random: np.random.Generator, catalogue: Catalogue, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if catalogue.unit_size:
        return sizes
    # Many viewers leave early, and many stay to the end.
    part = np.where(sizes > 1 << 20, random.beta(0.6, 0.6, len(sizes)), 1.0)
    return np.maximum(1, (sizes * part).astype(np.int64))
