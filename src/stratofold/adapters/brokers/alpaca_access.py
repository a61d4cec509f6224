"""What both ends of Alpaca share: addresses, keys, and how a request shows them.

What comes in: two keys; other addresses for the live account, or for a paper exchange that speaks the same.
What goes out: `Access`.
Why it is shaped so: a key is shown to the server and to nobody else, so it is in no `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """Where Alpaca is and who asks; the addresses stated here are those of its paper trading."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    trading_url: str = "https://paper-api.alpaca.markets"
    stream_url: str = "wss://paper-api.alpaca.markets/stream"
    data_url: str = "https://data.alpaca.markets"
    data_stream_url: str = "wss://stream.data.alpaca.markets/v2/iex"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {
            "APCA-API-KEY-ID": self.key_id,
            "APCA-API-SECRET-KEY": self.secret_key,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }


LIVE_TRADING_URL = "https://api.alpaca.markets"
LIVE_STREAM_URL = "wss://api.alpaca.markets/stream"
