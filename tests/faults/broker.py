"""The oracle: a broker of our own making that speaks Alpaca's JSON and keeps its own books, in whole numbers.

What comes in: requests as bytes.  What goes out: answers as bytes, and facts for the streams.
Why it is shaped so: it shares no code with the product, so that a mistake cannot hide in both; it never forgets, and it
says of everything it did how it came about.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPEN = ("new", "partially_filled")
# What becomes of a part of a unit that a split leaves.
FRACTIONS = PAID, KEPT, ROUNDED_UP = "paid", "kept", "rounded up"


@lru_cache(maxsize=10_000)
def text_of(time):
    """A time (ns) as Alpaca writes it."""
    return (EPOCH + timedelta(microseconds=time // 1000)).strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{time % 1000:03d}Z"


@lru_cache(maxsize=10_000)
def asked_for(url):
    """The path of an address, and what it asks for; not to be changed."""
    parts = urlsplit(url)
    return parts.path, dict(parse_qsl(parts.query))


def cents(text):
    """A price in whole cents."""
    return round(float(text) * 100)


class Broker:
    """Orders by id, positions and cash in whole units and cents, every fill; `prices` are in cents by symbol."""

    def __init__(self, world, prices, cash):
        self.world = world
        self.prices = dict(prices)
        self.cash = cash * 100
        self.orders = {}
        self.by_client = {}
        self.working = {}  # those that may be open, and perhaps some that no longer are
        self.positions = dict.fromkeys(prices, 0)
        self.beside = dict.fromkeys(prices, Fraction(0))  # what splits have left here beside the whole units of before
        self.unpaid = 0  # cents for what was left so
        self.fills = []
        self.accepted = []  # client ids, once for each order taken
        self.listeners = []
        self.lag_until = {}  # client id: until when a look-up does not see it
        self.lag_max = 0.0
        self.list_lag_max = 0.0  # seconds until a fill is among the activities
        self.dedupes = True  # whether an id that is known already is refused
        self.haste = 0.0  # how often an order fills in part, or a replace is refused, when the replace is there
        self.count = 0
        self.closed = (0, 0)  # from when to when (ns) nothing trades
        self.split_by = {}  # symbol: new units for one old

    # What it is asked.

    def answer(self, method, url, body):
        """Status and body for one request; what changes is changed."""
        path, query = asked_for(url)
        if path == "/v2/orders" and method == "POST":
            return self._submit(msgspec.json.decode(body))
        if path == "/v2/orders":
            among = self.working if query.get("status") == "open" else self.orders
            return 200, [self._shown(one) for one in list(among.values()) if self._listed(one, query)]
        if path == "/v2/orders:by_client_order_id":
            return self._found(self.by_client.get(query["client_order_id"]))
        if path.startswith("/v2/orders/"):
            return self._one(method, path.rsplit("/", 1)[1], body)
        if path.startswith("/v2/account/activities"):
            return 200, self._activities(query)
        if path == "/v2/account":
            return 200, {
                "account_number": "SIM",
                "currency": "USD",
                "cash": f"{self.cash / 100:.2f}",
                "equity": "0",
                "buying_power": "0",
            }
        if path == "/v2/positions":
            held = ((name, quantity + self.beside[name]) for name, quantity in self.positions.items())
            return 200, [
                {
                    "symbol": name,
                    "qty": f"{float(quantity):.9f}",
                    "avg_entry_price": "1",
                    "side": "long" if quantity > 0 else "short",
                }
                for name, quantity in held
                if quantity
            ]
        if path == "/v2/clock":
            return 200, {"timestamp": text_of(self.world.now)}
        return 404, {"code": 40410000, "message": "no such door"}

    def _listed(self, order, query):
        if order["status"] not in OPEN:
            self.working.pop(order["id"], None)
        return query.get("status") != "open" or (order["status"] in OPEN and self._seen(order))

    def _seen(self, order):
        return self.lag_until.get(order["client"], 0) <= self.world.now

    def _submit(self, asked):
        client = asked["client_order_id"]
        if client in self.by_client and self.dedupes:
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        self.count += 1
        order = {
            "id": f"v{self.count}", "client": client, "symbol": asked["symbol"], "side": 1 if asked["side"] == "buy" else -1,
            "type": asked["type"], "tif": asked["time_in_force"], "quantity": round(float(asked["qty"])), "filled": 0,
            "limit": cents(asked["limit_price"]) if asked.get("limit_price") else None, "status": "new", "value": 0, "executed": 0,
            "stop": cents(asked["stop_price"]) if asked.get("stop_price") else None,
            "time": self.world.now, "replaces": None, "replaced_by": None, "end": None,
        }  # fmt: skip
        self.orders[order["id"]] = self.working[order["id"]] = self.by_client[client] = order
        self.accepted.append(client)
        self.world.touched = True
        self.lag_until[client] = self.world.now + int(self.world.random.random() * self.lag_max * 1e9)
        self._tell("new", order)
        self.world.after(self.world.random.random() * 2.0, self.trade, order)
        return 200, self._shown(order)

    def _found(self, order):
        if order is None or not self._seen(order):
            return 404, {"code": 40410000, "message": "order not found"}
        return 200, self._shown(order)

    def _one(self, method, name, body):
        order = self.orders.get(name)
        if order is None:
            return 404, {"code": 40410000, "message": "order not found"}
        if method == "GET":
            return 200, self._shown(order)
        if order["status"] not in OPEN:
            return 422, {"code": 42210000, "message": f"order is not cancelable: {order['status']}"}
        if method == "DELETE":
            order["cancelling"] = True
            self.world.after(self.world.random.random(), self._cancel, order)
            return 204, None
        return self._replace(order, msgspec.json.decode(body))

    def _replace(self, order, asked):
        client = asked.get("client_order_id") or f"auto{self.count}"
        if client in self.by_client:
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        if self.haste and self.world.random.random() < self.haste:
            if order["quantity"] - order["filled"] == 1 or self.world.random.random() < 0.5:
                return 422, {"code": 42210000, "message": "order parameters are not changed"}
            self.fill(order, 1, self.prices[order["symbol"]])
        self.count += 1
        new = dict(
            order,
            id=f"v{self.count}",
            client=client,
            replaces=order["id"],
            filled=0,
            value=0,
            executed=0,
            status="new",
            time=self.world.now,
        )
        new["quantity"] = round(float(asked["qty"])) if asked.get("qty") else order["quantity"] - order["filled"]
        if asked.get("limit_price"):
            new["limit"] = cents(asked["limit_price"])
        if asked.get("stop_price"):
            new["stop"] = cents(asked["stop_price"])
        order["status"], order["replaced_by"], order["end"] = "replaced", new["id"], self.world.now
        self.orders[new["id"]] = self.working[new["id"]] = self.by_client[client] = new
        self._tell("replaced", order)
        self._tell("new", new)
        self.world.after(self.world.random.random() * 2.0, self.trade, new)
        return 200, self._shown(new)

    # What happens by itself.

    def trade(self, order):
        """Fill some of an order, perhaps all, if its price allows."""
        if order["status"] not in OPEN:
            return
        if self.is_closed(self.world.now):
            self.world.at(self.closed[1] + int(self.world.random.random() * 1e9), self.trade, order)
            return
        price = self.prices[order["symbol"]]
        if order["stop"] is not None and order["side"] * (price - order["stop"]) >= 0:
            order["stop"] = None  # it is triggered
        if order["stop"] is not None or (order["limit"] is not None and order["side"] * (price - order["limit"]) > 0):
            self.world.after(5.0, self.trade, order)
            return
        left = order["quantity"] - order["filled"]
        some = left if self.world.random.random() < 0.6 else max(1, left // 2)
        self.fill(order, some, price)
        if order["status"] in OPEN:
            pause = 90.0 if self.world.random.random() < 0.1 else 3.0
            self.world.after(self.world.random.random() * pause, self.trade, order)

    def fill(self, order, quantity, price):
        """One execution."""
        order["filled"] += quantity
        order["executed"] += quantity
        order["value"] += quantity * price
        order["status"] = "filled" if order["filled"] == order["quantity"] else "partially_filled"
        self.positions[order["symbol"]] += order["side"] * quantity
        self.cash -= order["side"] * quantity * price
        self.count += 1
        fill = {
            "id": f"x{self.count:08d}",
            "order": order,
            "quantity": quantity,
            "price": price,
            "cumulative": order["filled"],
            "time": self.world.now,
            "row": {
                "id": f"x{self.count:08d}", "activity_type": "FILL", "order_id": order["id"], "symbol": order["symbol"],
                "side": "buy" if order["side"] > 0 else "sell", "qty": str(quantity), "price": f"{price / 100:.2f}",
                "cum_qty": str(order["filled"]), "leaves_qty": str(order["quantity"] - order["filled"]),
                "transaction_time": text_of(self.world.now),
            },
        }  # fmt: skip
        fill["listed"] = self.world.now + int(self.world.random.random() * self.list_lag_max * 1e9)
        self.fills.append(fill)
        self._tell("fill" if order["status"] == "filled" else "partial_fill", order, fill)

    def _cancel(self, order):
        if order["status"] in OPEN:
            order["status"], order["end"] = "canceled", self.world.now
            self._tell("canceled", order)

    def is_closed(self, time):
        """Whether nothing trades."""
        return self.closed[0] <= time < self.closed[1]

    def fill_parts(self):
        """What is to be had at the last moment: a part of many an order that rests."""
        for order in list(self.working.values()):
            left = order["quantity"] - order["filled"]
            if order["status"] in OPEN and order["limit"] is not None and left > 1 and self.world.random.random() < 0.7:
                self.fill(order, self.world.random.randrange(1, left), order["limit"])

    @property
    def settled(self):
        """Cents as the book counts them, which is paid for every part of a unit."""
        return self.cash + self.unpaid

    def hold(self, symbol, quantity):
        """So many units were bought at 1 before the world began."""
        self.positions[symbol] += quantity
        self.cash -= quantity * 100

    def adopted(self):
        """The book has taken what is held: a unit that was rounded up is like any other from now on."""
        for symbol, beside in self.beside.items():
            self.positions[symbol] += int(beside)
            self.beside[symbol] -= int(beside)

    def split(self, symbol, new, old, fractions):
        """So many new units for old ones; whole units are counted toward zero, and `fractions` says what becomes of the rest.

        Over a reverse split open orders are cancelled (FINRA rule 5330); over another they are adjusted, or cancelled.
        """
        self.split_by[symbol] = new / old
        held, price = self.positions[symbol], Fraction(self.prices[symbol] * old, new)
        side = 1 if held > 0 else -1
        whole, rest = divmod(abs(held) * new, old)
        self.positions[symbol] = side * whole
        self.prices[symbol] = round(price)
        worth = side * round(Fraction(rest, old) * price)
        if fractions == PAID:
            self.cash += worth
        else:
            self.unpaid += worth
            self.beside[symbol] = side * (Fraction(rest, old) if fractions == KEPT else Fraction(bool(rest)))
        self._split_orders(symbol, new, old)

    def _split_orders(self, symbol, new, old):
        cancels = self.world.random.random() < 0.5 or new < old
        for order in self.orders.values():
            if order["symbol"] != symbol or order["status"] not in OPEN:
                continue
            if cancels:
                self._cancel(order)
                continue
            order["quantity"], order["filled"] = (order[name] * new // old for name in ("quantity", "filled"))
            for price in ("limit", "stop"):
                order[price] = order[price] and round(Fraction(order[price] * old, new))

    def pay(self, symbol, cents):
        """A dividend: so much for each unit held, and what is short pays it."""
        self.cash += self.positions[symbol] * cents

    # How it says it.

    def _shown(self, order):
        average = f"{order['value'] / order['filled'] / 100:.4f}" if order["filled"] else None
        return {
            "id": order["id"], "client_order_id": order["client"], "symbol": order["symbol"], "side": "buy" if order["side"] > 0 else "sell",
            "type": order["type"], "time_in_force": order["tif"], "status": order["status"], "qty": str(order["quantity"]),
            "filled_qty": str(order["filled"]), "filled_avg_price": average, "order_class": "simple",
            "limit_price": f"{order['limit'] / 100:.2f}" if order["limit"] is not None else None,
            "stop_price": f"{order['stop'] / 100:.2f}" if order["stop"] is not None else None,
            "submitted_at": text_of(order["time"]), "created_at": text_of(order["time"]), "updated_at": text_of(self.world.now),
            "replaced_by": order["replaced_by"], "replaces": order["replaces"],
            "canceled_at": text_of(order["end"]) if order["end"] else None,
        }  # fmt: skip

    def _activities(self, query):
        after = query.get("after", "")
        now = self.world.now
        found = [one for one in self.fills if one["listed"] <= now and one["row"]["transaction_time"] > after]
        token = query.get("page_token")
        if token:
            found = [one for one in found if one["id"] > token]
        return [one["row"] for one in found[: int(query.get("page_size", 100))]]

    def _tell(self, event, order, fill=None):
        """Say a fact on the trade stream."""
        data = {"event": event, "order": self._shown(order), "timestamp": text_of(self.world.now)}
        if fill is not None:
            data.update(price=f"{fill['price'] / 100:.2f}", qty=str(fill["quantity"]), execution_id=fill["id"])
        frame = msgspec.json.encode({"stream": "trade_updates", "data": data})
        for listener in list(self.listeners):
            listener(frame)
