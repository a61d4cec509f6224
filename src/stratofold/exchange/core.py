"""The exchange: accounts over one market, and the moments at which something happens to all of them.

What comes in: steps of the replay, and requests by way of `api`.  What goes out: updates and bars, left in `outgoing`
until the server has queued them to its sockets.
Why it is shaped so: no I/O and no clock, so the same requests at the same moments give the same answers for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from stratofold.exchange.account import Account
from stratofold.exchange.desk import Terms
from stratofold.exchange.faults import Faults
from stratofold.exchange.market import Candle, Deed, Level, Market, Tick
from stratofold.exchange.ticks import TickMarket
from stratofold.market.data import MarketData

if TYPE_CHECKING:
    from stratofold.exchange.dialect import Json
    from stratofold.market.data import Moment
    from stratofold.market.tick_data import TickData

MULTIPLIER = 4.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the broker allows: exposure as a multiple of equity, and requests a minute (0: as many as you like).

    `strict`: a position is not crossed in one order, and shares that working orders offer are not offered twice; Alpaca is
    so, a backtest is not.
    """

    multiplier: float = MULTIPLIER
    requests_per_minute: int = 200
    wash_trades: bool = False
    strict: bool = False


@dataclass(slots=True)
class Released:
    """What one step did: the thing released (None: only time), and how much was sent because of it."""

    time: int
    what: Candle | Deed | Tick | Level | None
    updates: int
    bars: int


@dataclass(slots=True)
class Outgoing:
    """What waits for the sockets: updates by account, then bars, ticks, and messages of depth; in which order they must arrive."""

    updates: list[tuple[Account, Json]] = field(default_factory=list)
    bars: list[Candle] = field(default_factory=list)
    ticks: list[Tick | tuple[Level, ...]] = field(default_factory=list)


class Exchange:
    """Accounts by key over one replayed market."""

    def __init__(
        self,
        data: MarketData | TickData,
        start: Moment = None,
        terms: Terms | None = None,
        rules: Rules | None = None,
        seed: int = 1,
        accounts: int = 1,
        *,
        follows: bool = False,
    ) -> None:
        """`accounts` accounts with equal terms; raises Setup SF850 when nothing is left to replay.

        One that `follows` has `data` for its history and hears what comes after from a live feed.
        """
        self._identity = (data.content_hash, str(start), seed, accounts)
        self.market = market_of(data, start, follows=follows)
        self.rules = rules or Rules()
        self.terms = terms or Terms()
        self.seed = seed
        self.assets = [_asset(self.market, handle) for handle in range(len(self.market.symbols))]
        made = [self._account(number) for number in range(accounts)]
        self.accounts: dict[str, Account] = {account.key_id: account for account in made}
        self.outgoing = Outgoing()
        self.faults = Faults(seed)
        self.wall = 0
        self._halted_for: dict[int, int] = {}
        self._message: dict[str, list[Level]] = {}  # of each symbol the levels of a message that is not complete yet

    def _account(self, number: int) -> Account:
        """Account `number`; its keys follow from the seed, so that they survive a restart (they guard play money)."""
        digest = sha256(f"stratofold exchange {self.seed} {number}".encode()).hexdigest()
        return Account(self.market, self.terms, f"PK{digest[:18].upper()}", digest[18:58], self.assets)

    def identity(self) -> Json:
        """What must be the same for two exchanges to be one: data, where the replay begins, terms, rules, seed."""
        content, start, seed, accounts = self._identity
        terms = {name: _plain(getattr(self.terms, name)) for name in self.terms.__slots__}
        return {
            "data": content, "start": start, "seed": seed, "accounts": accounts, "terms": terms,
            "multiplier": str(self.rules.multiplier), "wash_trades": self.rules.wash_trades,
            "strict": self.rules.strict,
        }  # fmt: skip

    def account(self, key_id: str, secret_key: str) -> Account | None:
        """The account of a pair of keys, None where they fit no account."""
        account = self.accounts.get(key_id)
        return account if account is not None and account.secret_key == secret_key else None

    def step(self, until: int | None = None) -> Released:
        """Release the next thing, if it comes no later than `until`; else only let time come to `until`.

        Orders are matched and their updates left first, then the bar becomes visible.
        """
        following = self.market.next_time
        if following is None or (until is not None and following > until):
            return self.wait(until if until is not None else self.market.now)
        what = self.market.release()
        share = self._trouble(what)
        sent = 0
        for account in self.accounts.values():
            account.catch_up(what if isinstance(what, Deed) else None, share)
            sent += self.collect(account)
        if isinstance(what, Candle):
            self.outgoing.bars.append(what)
        elif isinstance(what, Tick):
            self.outgoing.ticks.append(what)
        elif isinstance(what, Level):
            self._message.setdefault(what.symbol, []).append(what)
            if what.last:
                self.outgoing.ticks.append(tuple(self._message.pop(what.symbol)))
        return Released(self.market.now, what, sent, int(isinstance(what, Candle)))

    def wait(self, until: int) -> Released:
        """Time comes to `until` without anything released; day orders may end."""
        self.market.now = max(self.market.now, until)
        sent = 0
        for account in self.accounts.values():
            account.arrive()
            sent += self.collect(account)
        return Released(self.market.now, None, sent, 0)

    def _trouble(self, what: Candle | Deed | Tick | Level | None) -> float:
        """Halts that begin and end with this bar; returns the share of the working quantity that it can fill."""
        if not isinstance(what, Candle):
            return inf
        handle, row = self.market.handles[what.symbol], self.market.bar_index
        if self._halted_for.get(handle, 0) > 0:
            self._halted_for[handle] -= 1
            if self._halted_for[handle] == 0:
                self.halt(handle, halted=False)
        elif self.faults.befalls("halts", row):
            self._halted_for[handle] = self.faults.switches.halt_bars
            self.halt(handle, halted=True)
        return self.faults.chance("share", row) if self.faults.befalls("partial_fills", row) else inf

    def halt(self, handle: int, *, halted: bool) -> None:
        """A symbol stops or resumes trading, for everyone."""
        self.market.halted[handle] = halted
        for account in self.accounts.values():
            account.desk.halt(handle, halted)

    def collect(self, account: Account) -> int:
        """Move an account's new updates to what waits for the sockets; returns how many."""
        updates = account.taken_updates()
        self.outgoing.updates += [(account, update) for update in updates]
        return len(updates)

    def taken(self) -> Outgoing:
        """What the sockets have not been given yet."""
        taken, self.outgoing = self.outgoing, Outgoing()
        return taken


def market_of(data: MarketData | TickData, start: Moment, *, follows: bool) -> Market:
    """The market of bars or of ticks; raises Setup SF850 when nothing is left to replay."""
    if isinstance(data, MarketData):
        return Market(data, start, follows=follows)
    return TickMarket(data, start, follows=follows)


def _plain(value: object) -> str:
    """A value, or the numbers of a cost model, as text."""
    names = getattr(type(value), "__slots__", ())
    return repr([(name, getattr(value, name)) for name in names]) if names else repr(value)


def _asset(market: Market, handle: int) -> Json:
    """An instrument as the API's asset."""
    instrument = market.instruments[handle]
    crypto = instrument.kind == "crypto"
    return {
        "id": str(uuid5(NAMESPACE_URL, f"stratofold exchange asset {instrument.symbol}")),
        "class": "crypto" if crypto else "us_equity",
        "exchange": "CRYPTO" if crypto else "NYSE",
        "symbol": instrument.symbol,
        "name": instrument.symbol,
        "status": "active",
        "tradable": True,
        "marginable": not crypto,
        "shortable": not crypto,
        "easy_to_borrow": not crypto,
        "fractionable": float(instrument.lot or 1.0) < 1.0,
        "min_order_size": str(instrument.lot or 1),
        "min_trade_increment": str(instrument.lot or 1),
        "price_increment": str(1.0 / instrument.price_scale),
        "maintenance_margin_requirement": 100.0 * instrument.maintenance,
        "attributes": [],
    }
