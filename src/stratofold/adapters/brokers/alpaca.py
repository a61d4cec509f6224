"""Alpaca as a broker: orders out, facts in.  The port `Broker` over the ports `Http`, `Sockets` and `Clock`.

What comes in: claimed messages, and questions.
What goes out: `Answer`s, and what Alpaca says of orders, fills and the account.
Why it is shaped so: an order is sent once, and only a plain word from Alpaca counts as an answer; everything else is
unknown until it is found again by its client id.  What the words mean is in `alpaca_translate.py`; here is only who is
asked, how often, and until which page.

Ignores: fractional and notional orders, options and crypto orders, extended hours.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from stratofold.adapters.beside import side_by_side
from stratofold.adapters.brokers import alpaca_translate as translate
from stratofold.adapters.brokers import alpaca_wire as wire
from stratofold.adapters.network.calls import UNREADABLE, Calls, readable
from stratofold.adapters.network.moments import SECOND_NS, nanoseconds_of, text_of
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import ACCEPTED, UNKNOWN, Answer, Capabilities, NoAnswer, VenueOrder, VenueReport
from stratofold.errors import Error, Retry, Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    import msgspec

    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.ports import AccountState, Clock, Http, Message, Response, Socket, Sockets, Tasks

ACCOUNT, POSITIONS = "/v2/account", "/v2/positions"
ORDERS_A_PAGE = 500
ACTIVITIES_A_PAGE = 100
HANDSHAKE_SECONDS = 10.0
REMEMBERED_MAX = 100_000
REPLACES_MAX = 1_000  # of one order

Wire = TypeVar("Wire")


class AlpacaBroker:
    """One account at Alpaca, or at an exchange that speaks the same.

    `random` is seeded by who gives it; it spreads the waiting times of reconnecting.  `requests_per_minute` 0 is no
    limit; Alpaca's own is 200.
    """

    def __init__(
        self,
        access: Access,
        http: Http,
        sockets: Sockets,
        clock: Clock,
        random: Random,
        *,
        requests_per_minute: int = 200,
        timeout_seconds: float = 10.0,
        lookup_settle_seconds: float = 30.0,
    ) -> None:
        """Nothing is asked before the first call."""
        self.capabilities = Capabilities(
            dedupes_client_id=True,
            lookup_by_client_id=True,
            lookup_settle_seconds=lookup_settle_seconds,
            executions_have_ids=True,
            native_bracket=True,
            requests_per_minute=requests_per_minute,
        )
        self.listening = False
        self._access = access
        self._sockets = sockets
        self._clock = clock
        self._random = random
        self._calls = Calls(
            http,
            clock,
            random,
            access.trading_url,
            access.headers,
            requests_per_minute=requests_per_minute,
            timeout_seconds=timeout_seconds,
        )
        self._client_ids: dict[str, str] = {}  # by venue id, because activities do not hold them
        self._legs: dict[str, str] = {}  # venue ids of protective legs, by the name that we give them
        self._cancel_keys: dict[str, str] = {}  # the last cancel or replace of a venue id; only a hint for the stream

    def __repr__(self) -> str:
        """The address; keys are shown nowhere."""
        return f"AlpacaBroker({self._access.trading_url})"

    # Orders out.

    async def submit(self, message: Message) -> Answer:
        """Send a new order, once."""
        answer = await self._send(message, "POST", "/v2/orders", translate.submission(message))
        if isinstance(answer, Answer):
            return answer
        meaning = translate.submitted(message, answer, self._clock.now())
        if meaning.state == ACCEPTED:
            self._noted(wire.one_order.decode(answer.body))  # its legs too, whose ids are Alpaca's
        return meaning

    async def cancel(self, message: Message, venue_id: str) -> Answer:
        """Ask for a cancel, once; asked although the venue seems down."""
        self._remember(self._cancel_keys, venue_id, message.key)
        answer = await self._send(message, "DELETE", translate.order_path(venue_id), b"", insist=True)
        if isinstance(answer, Answer):
            return answer
        return translate.cancel_asked(message, answer, venue_id, self._clock.now())

    async def replace(self, message: Message, venue_id: str) -> Answer:
        """Ask for other terms, once; the order that comes of it has an id of its own, which is the answer's."""
        self._remember(self._cancel_keys, venue_id, message.key)
        path = translate.order_path(venue_id)
        answer = await self._send(message, "PATCH", path, translate.replacement(message))
        if isinstance(answer, Answer):
            return answer
        meaning = translate.replaced(message, answer, self._clock.now())
        if meaning.venue_id:
            self._remember(self._client_ids, meaning.venue_id, message.key)
        return meaning

    async def _send(
        self, message: Message, method: str, path: str, body: bytes, *, insist: bool = False
    ) -> Response | Answer:
        """The venue's answer, or what having none means."""
        deadline = message.expires_at or None
        try:
            return await self._calls.send(method, path, body, deadline=deadline, insist=insist)
        except NoAnswer as error:
            if error.sent:
                return Answer(UNKNOWN, "", f"no answer: {error.why}")
            return translate.not_sent(message, error.why, self._clock.now())

    # Questions.

    @readable
    async def order(self, client_id: str, *, sent: bool = False) -> VenueOrder | None:
        """One order by our id; None when Alpaca does not know it (yet).  Raises NoAnswer, Retry, Stop.

        What was `sent` by itself is no leg, so it is not looked for with its entry.  Where a replace has made another of it, that one; its state says how the order stands.
        """
        found = await self._by_client_id(client_id) or (None if sent else await self._leg(client_id))
        replaced = found
        for _ in range(REPLACES_MAX):
            if replaced is None or not replaced.replaced_by:
                break
            replaced = await self._order(translate.order_path(replaced.replaced_by))
            found = replaced or found
        return None if found is None else translate.shown(found)

    async def _by_client_id(self, client_id: str) -> wire.WireOrder | None:
        """The order that Alpaca knows by an id of ours."""
        return await self._order("/v2/orders:by_client_order_id", {"client_order_id": client_id})

    async def _leg(self, name: str) -> wire.WireOrder | None:
        """A protective leg by our name, which Alpaca does not know: found through its entry."""
        if not translate.name_of(name):
            return None
        for places in (1, 2):
            entry_name = translate.later_name(name, -places)
            entry = await self._by_client_id(entry_name) if entry_name and name not in self._legs else None
            if entry is not None and entry.order_class in translate.PROTECTED:
                await self._order(translate.order_path(entry.id), {"nested": "true"})
        return await self._order(translate.order_path(self._legs[name])) if name in self._legs else None

    async def _learn(self, leg: wire.WireOrder) -> None:
        """Find the entry of a leg whose id Alpaca chose: it is as old, and shows its legs when asked."""
        made = nanoseconds_of(leg.created_at or leg.submitted_at or "")
        query: dict[str, str | int] = {
            "status": "all", "nested": "true", "symbols": leg.symbol, "limit": ORDERS_A_PAGE, "direction": "asc",
            "after": text_of(made - SECOND_NS), "until": text_of(made + SECOND_NS),
        }  # fmt: skip
        for entry in _decoded(wire.many_orders, await self._calls.read("/v2/orders", query)):
            self._noted(entry)
        self._client_ids.setdefault(leg.id, leg.client_order_id)  # not ours after all
        self._noted(leg)

    async def _order(self, path: str, query: dict[str, str | int] | None = None) -> wire.WireOrder | None:
        """The order that an address shows."""
        body = await self._calls.read(path, query)
        return None if body is None else self._noted(_decoded(wire.one_order, body))

    @readable
    async def orders(self, since: int = 0, *, only_open: bool = True) -> list[VenueOrder]:
        """Orders, open or all, submitted at `since` (ns UTC) or later, oldest first.  Raises NoAnswer, Retry, Stop.

        Of all, legs come with their entry, which says whose they are.
        """
        found: dict[str, wire.WireOrder] = {}
        after = max(since - 1, 0)
        while True:
            page = await self._orders_page(after, "open" if only_open else "all")
            before = len(found)
            for order in page:
                named = await self._named(order)
                found.update((one.id, one) for one in (named, *(named.legs or ())))
            if len(page) < ORDERS_A_PAGE:
                return [translate.shown(order) for order in found.values()]
            # Orders of one moment may lie on both sides of a page's edge, so the next page begins with that moment.
            after = nanoseconds_of(page[-1].submitted_at or page[-1].created_at or "") - 1
            if len(found) == before:
                raise Stop(
                    "SF875",
                    f"more than {ORDERS_A_PAGE} orders were submitted at one moment",
                    place=text_of(after + 1),
                    why="Alpaca's list has no way past them, so some order would be overlooked",
                    fix="reconcile from a later time",
                )

    async def _orders_page(self, after: int, status: str) -> list[wire.WireOrder]:
        nested = "true" if status == "all" else "false"
        query: dict[str, str | int] = {"status": status, "limit": ORDERS_A_PAGE, "direction": "asc", "nested": nested}
        if after:
            query["after"] = text_of(after)
        return _decoded(wire.many_orders, await self._calls.read("/v2/orders", query))

    @readable
    async def executions(self, since: int, tasks: Tasks | None = None) -> list[VenueReport]:
        """Fills at `since` (ns UTC) or later, oldest first, every page of them.  Raises NoAnswer, Retry, Stop.

        They hold no name of ours: an order that nothing has named yet is asked for by itself, with `tasks` several at a time.
        """
        fills: list[wire.WireFill] = []
        query: dict[str, str | int] = {"direction": "asc", "page_size": ACTIVITIES_A_PAGE}
        if since > 0:
            query["after"] = text_of(since - 1)
        while True:
            body = await self._calls.read("/v2/account/activities/FILL", query)
            page = _decoded(wire.many_fills, body)
            fills.extend(page)
            if len(page) < ACTIVITIES_A_PAGE:
                break
            query["page_token"] = page[-1].id
        nameless = dict.fromkeys(fill.order_id for fill in fills if fill.order_id not in self._client_ids)
        if tasks is not None:
            await side_by_side(tasks, [partial(readable(self._client_id), venue_id) for venue_id in nameless])
        return [translate.execution(fill, await self._client_id(fill.order_id)) for fill in fills]

    async def _client_id(self, venue_id: str) -> str:
        """Our id of an order by the venue's; "" where the venue does not know the order any more."""
        if venue_id not in self._client_ids:
            order = await self._order(translate.order_path(venue_id))
            if order is not None:
                await self._named(order)
        return self._client_ids.get(venue_id, "")

    @readable
    async def account(self, tasks: Tasks | None = None) -> AccountState:
        """Money and positions.  Raises NoAnswer, Retry, Stop."""
        if tasks is None:
            money, held = await self._calls.read(ACCOUNT), await self._calls.read(POSITIONS)
        else:
            money, held = await self._both(tasks, ACCOUNT, POSITIONS)
        positions = _decoded(wire.many_positions, held)
        return translate.account_state(_decoded(wire.one_account, money), positions)

    async def _both(self, tasks: Tasks, *paths: str) -> list[bytes | None]:
        """What some addresses show, asked side by side; raises what one of them failed with.

        Where nothing answers, one of them may meet the breaker that the others have opened: that there is no answer says more.
        """
        shown: dict[str, bytes | None] = {}
        failed: list[NoAnswer | Error] = []

        async def ask(path: str) -> None:
            try:
                shown[path] = await self._calls.read(path)
            except (NoAnswer, Error) as error:
                failed.append(error)

        await side_by_side(tasks, [partial(ask, path) for path in paths])
        if failed:
            raise next((one for one in failed if isinstance(one, NoAnswer)), failed[0])
        return [shown[path] for path in paths]

    @readable
    async def clock(self) -> int:
        """Alpaca's time, ns UTC.  Raises NoAnswer, Retry, Stop."""
        return nanoseconds_of(_decoded(wire.one_clock, await self._calls.read("/v2/clock")).timestamp)

    # The stream.

    async def reports(self) -> AsyncIterator[VenueReport | None]:
        """Trade updates as they come; None whenever the stream was opened (anew).

        A stream that breaks is opened again, after a while that doubles, until the caller stops asking.
        Raises Stop SF870 when the keys are refused.
        """
        backoff = Backoff(self._random)
        while True:
            socket: Socket | None = None
            try:
                socket = await self._sockets.connect(self._access.stream_url)
                await self._listen(socket)
                backoff.reset()
                self.listening = True
                yield None
                while True:
                    report = await self._report(await _received(socket))
                    if report is not None:
                        yield report
            except (NoAnswer, Retry, *UNREADABLE):
                self.listening = False
                await self._clock.sleep(backoff.next_seconds())
            finally:
                if socket is not None:
                    await socket.close()

    async def _listen(self, socket: Socket) -> None:
        """Show the keys and ask for trade updates; the stream is open when it says so."""
        await socket.send(translate.authenticate(self._access.key_id, self._access.secret_key))
        if not translate.is_authorised(translate.stream_message(await _received(socket, HANDSHAKE_SECONDS))):
            raise Stop(
                "SF870",
                "the keys were refused",
                place=self._access.stream_url,
                why="the trade stream does not take them; paper keys open paper addresses only, live keys live ones",
                fix="store the key id and secret that belong to this address",
            )
        await socket.send(translate.LISTEN)
        while translate.stream_message(await _received(socket, HANDSHAKE_SECONDS)).stream != "listening":
            continue

    async def _report(self, data: str | bytes) -> VenueReport | None:
        """The fact in one message of the stream, if there is one."""
        message = translate.stream_message(data)
        if message.stream != "trade_updates":
            return None
        update = translate.trade_update(message)
        is_leg = translate.is_nameless(update.order)
        await self._named(update.order)
        if is_leg and update.event in {"new", "accepted"}:
            return None  # that a leg comes to work follows from its entry's fill, and may be told before it
        return translate.update_report(update, self._cancel_keys.get(update.order.id, ""))

    async def _named(self, order: wire.WireOrder) -> wire.WireOrder:
        """The order under our own name; a leg's is looked for, once."""
        if translate.is_nameless(order) and order.id not in self._client_ids:
            await self._learn(order)
        return self._noted(order)

    def _noted(self, order: wire.WireOrder) -> wire.WireOrder:
        """The order, under our own name where we know it; its two ids are remembered together, and its legs'."""
        if not translate.is_nameless(order):
            self._remember(self._client_ids, order.id, order.client_order_id)
        order.client_order_id = self._client_ids.get(order.id, order.client_order_id)
        translate.name_legs(order)
        for leg in order.legs or ():
            if not translate.is_nameless(leg):
                self._remember(self._client_ids, leg.id, leg.client_order_id)
                self._remember(self._legs, leg.client_order_id, leg.id)
        return order

    @staticmethod
    def _remember(table: dict[str, str], key: str, value: str) -> None:
        """Keep a fact that can be asked for again; the oldest goes when there are very many."""
        if key not in table and len(table) >= REMEMBERED_MAX:
            del table[next(iter(table))]
        table[key] = value


async def _received(socket: Socket, timeout_seconds: float | None = None) -> str | bytes:
    """The next message; raises NoAnswer when it does not come in time."""
    data = await socket.receive(timeout_seconds)
    if data is None:
        raise NoAnswer(f"the stream said nothing for {timeout_seconds:g} s")
    return data


def _decoded(decoder: msgspec.json.Decoder[Wire], body: bytes | None) -> Wire:
    """What a body holds; raises a msgspec error for what is none."""
    return decoder.decode(b"" if body is None else body)
