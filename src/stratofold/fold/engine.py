"""Everything one run of a fold holds beside the strategy: the book, its risk, a venue, what is counted and written.

Live loads the book, the risk and the logs of an engine and leaves the venue out.
"""

from array import array

from stratofold.events import Action, Bar, Bars, Fill, Observation, Timer
from stratofold.fold.book import Book
from stratofold.fold.log import Logs
from stratofold.fold.risk import Risk
from stratofold.fold.sessions import Sessions
from stratofold.fold.tally import Tally
from stratofold.fold.venue import Venue

# Which hooks a strategy has.
HEARS_BAR, HEARS_BARS, HEARS_TIMER, HEARS_FILL, HEARS_OBSERVATION = 1, 2, 4, 8, 16
HEARS_QUOTE, HEARS_TRADE, HEARS_DEPTH = 32, 64, 128

FOREVER, LONG_AGO = 9223372036854775807, -9223372036854775808


class Feed:
    """The columns of a run: bars in order of (time, symbol), and the sparse events between them.

    `time` is when a bar is complete, int64 ns UTC, `shift` later than the column says; `symbol` has one element when
    there is one symbol.  `event_key` is twice the event's time, plus 2 for what is heard after the bars of that time;
    `event_about` is what time an observation is of.  `is_daily` says that each bar is the only one of a session, none of
    which is left out between the first bar's and the last one's; `is_rising` that each is later than the one before it.
    """

    __slots__ = (
        "close", "event_about", "event_currency", "event_key", "event_kind", "event_rank", "event_symbol", "event_time",
        "event_value", "high", "is_daily", "is_rising", "low", "open", "shift", "span", "symbol", "time", "volume",
    )  # fmt: skip
    FIXED_IN_RUN = ("shift", "symbol")

    def __init__(self) -> None:
        """No bars and no events."""
        self.time = array("q")
        self.symbol = array("q", [0])
        self.open = array("d")
        self.high = array("d")
        self.low = array("d")
        self.close = array("d")
        self.volume = array("d")
        self.span: int = 0
        self.shift: int = 0
        self.is_daily: bool = False
        self.is_rising: bool = False
        self.event_key = array("q")
        self.event_time = array("q")
        self.event_rank = array("q")
        self.event_kind = array("q")
        self.event_symbol = array("q")
        self.event_currency = array("q")
        self.event_value = array("d")
        self.event_about = array("q")


class Engine:
    """One run's state; `bar_index` and `event_index` say how far it has come.

    Until `quiet_until`, its nanosecond included, nothing but bars is due: no event, timer, session, expiry or group.
    Until `calm_until` nothing but bars and new sessions.
    """

    __slots__ = (
        "action", "bar", "bar_index", "bars", "book", "calm_until", "equity_steps",
        "event_index", "fill", "grace", "hears", "logs", "observation", "quiet_until", "risk",
        "sessions", "tally", "thorough", "timer", "unobserved", "venue",
    )  # fmt: skip
    FIXED_BY_STRATEGY = ("hears",)  # machine code for a strategy has nothing in it for hooks that the strategy lacks
    FIXED_IN_RUN = ("grace", "thorough")

    def __init__(
        self, book: Book, risk: Risk, venue: Venue, tally: Tally, sessions: Sessions, logs: Logs, hears: int
    ) -> None:
        """A run before its first event; `hears` says which hooks the strategy has."""
        self.book = book
        self.risk = risk
        self.venue = venue
        self.tally = tally
        self.sessions = sessions
        self.logs = logs
        self.hears: int = hears
        self.grace: int = 0
        self.unobserved: bool = False
        self.equity_steps: float = 0.0
        self.thorough: bool = venue.watches_margin or len(logs.curve) > 0 or hears & HEARS_BARS != 0
        self.quiet_until: int = LONG_AGO
        self.calm_until: int = LONG_AGO
        self.bar_index: int = 0
        self.event_index: int = 0
        self.bar = Bar()
        self.bars = Bars(book.symbol_count if hears & HEARS_BARS else 0)
        self.timer = Timer()
        self.observation = Observation()
        self.action = Action()
        self.fill = Fill()

    @property
    def done(self) -> int:
        """How many bars and events have been heard."""
        return self.bar_index + self.event_index
