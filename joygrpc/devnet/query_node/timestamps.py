"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime


def date_time_text(moment: datetime) -> str:
    """A moment as the indexer writes it; texts of moments order as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
