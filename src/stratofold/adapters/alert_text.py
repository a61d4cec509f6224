"""An alert as a person reads it, the same by every channel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratofold.adapters.nouns import Alert


def text_of(alert: Alert) -> str:
    """What happened, when, and the facts, a line each."""
    when = datetime.fromtimestamp(alert.time // 1_000_000_000, UTC).isoformat()
    facts = [f"{name}: {value}" for name, value in alert.facts.items()]
    return "\n".join([alert.text, f"time: {when}", *facts])
