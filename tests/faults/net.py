"""The simulated network: requests and sockets between one process and the broker, where everything may go wrong.

What comes in: the requests of production code.  What goes out: answers late, never, cut off, or twice.
"""

import json

import msgspec

from stratofold.adapters.ports import NoAnswer, Response

from .world import SECOND, Later

encode = msgspec.json.Encoder().encode
_ERRORS = (500, 502, 503, 504)


class Faults:
    """How often each thing goes wrong, as a fraction of 1; all of it stops at `until` (ns)."""

    def __init__(self, world, *, loss=0.03, drop=0.06, error=0.03, throttle=0.01, deaf=0.1, twice=0.1, cut=0.01, crash=0.002,
                 meddle=0.01, mute=None, outage=(0, 0), delay=0.05, until=0):  # fmt: skip
        self.world = world
        self._chance = world.random.random
        self.loss, self.drop, self.error, self.throttle = loss, drop, error, throttle
        self.deaf, self.twice, self.cut, self.crash, self.until = deaf, twice, cut, crash, until
        self.mute = deaf if mute is None else mute  # the same of the trade stream, if it is another
        self.meddle = meddle  # that another process acts just before ours commits
        self.delay = delay  # seconds that a request takes at most, and its answer again
        self.outage = outage  # from when to when (ns) no question is answered

    def is_out(self):
        """Whether the venue answers no question now."""
        return self.outage[0] <= self.world.now < self.outage[1]

    def is_going_out(self):
        """Whether an outage begins within two seconds: answers to what is sent now are lost."""
        return self.outage[0] - 2 * SECOND <= self.world.now < self.outage[0]

    def strikes(self, chance):
        """Whether something goes wrong now."""
        return self.world.now < self.until and self._chance() < chance


class Net:
    """The ports `Http` and `Sockets` of one process."""

    def __init__(self, process, broker, market, faults):
        self.process = process
        self.broker = broker
        self.market = market
        self.faults = faults

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        """The port: one request over a line that loses, cuts and delays."""
        later = Later()
        world = self.process.world
        if self.faults.strikes(self.faults.loss) or (method == "GET" and self.faults.is_out()):
            world.after(timeout_seconds, self.process.resolve, later, None, "lost", NoAnswer("timed out"))
        else:
            world.after(
                world.random.random() * self.faults.delay, self._arrive, later, method, url, body, timeout_seconds
            )
        return await later

    def _arrive(self, later, method, url, body, timeout_seconds):
        """The broker has it; what it does it does, whatever becomes of the answer."""
        world, faults = self.process.world, self.faults
        world.note(f"request {method} {url.partition('?')[0]}")
        if faults.strikes(faults.throttle):
            status, said = 429, {"code": 42910000, "message": "too many requests"}
        else:
            status, said = (self.market if self.market.serves(url) else self.broker).answer(method, url, body)
            if url.endswith("/v2/positions"):
                self.process.counted = world.now
        data = b"" if said is None else encode(said)
        delay = world.random.random() * faults.delay
        if faults.strikes(faults.drop) or (method == "POST" and faults.is_going_out()):
            world.after(timeout_seconds, self.process.resolve, later, None, "cut", NoAnswer("the answer was lost"))
        elif faults.strikes(faults.error):
            world.after(delay, self.process.resolve, later, Response(world.random.choice(_ERRORS), {}, b"{}"), "5xx")
        else:
            world.after(delay, self.process.resolve, later, Response(status, {}, data), f"answer {status}")

    async def connect(self, url, headers=None):
        """The port: open a stream."""
        later = Later()
        self.process.world.after(0.01, self.process.resolve, later, None, "connected")
        await later
        if self.faults.is_out():
            raise NoAnswer("refused")
        return DataSocket(self) if "data" in url else TradeSocket(self)


class _Socket:
    """Frames that wait to be read."""

    def __init__(self, net):
        self.net = net
        self.process = net.process
        self.frames = []
        self.waiting = None
        self.closed = False

    def push(self, frame):
        """A frame arrives: perhaps not at all, perhaps twice, perhaps late and so out of order; or the line is cut."""
        faults, world = self.net.faults, self.process.world
        if faults.strikes(faults.cut):
            world.after(world.random.random() * 0.2, self._arrive, None)
        if faults.is_out() or faults.strikes(self.deafness()):
            return
        for _ in range(2 if faults.strikes(faults.twice) else 1):
            world.after(world.random.random() * 0.2, self._arrive, frame)

    def deafness(self):
        """How many frames are lost."""
        return self.net.faults.deaf

    def say(self, frame):
        """A frame that nothing happens to."""
        self.process.world.at(self.process.world.now, self._arrive, frame)

    def _arrive(self, frame):
        if self.closed:
            return
        later, self.waiting = self.waiting, None
        if frame is None and later is not None:
            self.process.resolve(later, None, "disconnected", NoAnswer("the line was cut"))
        elif later is not None:
            self.process.resolve(later, frame, "frame")
        else:
            self.frames.append(frame)

    async def receive(self, timeout_seconds=None):
        """The port."""
        if self.frames:
            frame = self.frames.pop(0)
            if frame is None:
                raise NoAnswer("the line was cut")
            return frame
        later = self.waiting = Later()
        if timeout_seconds is not None:
            self.process.world.after(timeout_seconds, self._timeout, later)
        return await later

    def _timeout(self, later):
        if self.waiting is later:
            self.waiting = None
            self.process.resolve(later, None, "timeout")

    async def close(self):
        """The port."""
        self.closed = True
        for listeners in (self.net.broker.listeners, self.net.market.listeners):
            if self.push in listeners:
                listeners.remove(self.push)


class TradeSocket(_Socket):
    """The stream of trade updates."""

    def __init__(self, net):
        super().__init__(net)
        net.broker.listeners.append(self.push)

    def deafness(self):
        """How many updates are lost."""
        return self.net.faults.mute

    async def send(self, data):
        """The port: authenticate, listen."""
        asked = json.loads(data)
        if asked["action"] == "listen":
            self.say(json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}}))
        else:
            self.say(
                json.dumps({"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}})
            )


class DataSocket(_Socket):
    """The stream of bars."""

    def __init__(self, net):
        super().__init__(net)
        self.say(msgspec.msgpack.encode([{"T": "success", "msg": "connected"}]))

    async def send(self, data):
        """The port: authenticate, subscribe."""
        asked = msgspec.msgpack.decode(data)
        if asked["action"] == "auth":
            self.say(msgspec.msgpack.encode([{"T": "success", "msg": "authenticated"}]))
        else:
            self.say(msgspec.msgpack.encode([{"T": "subscription", "bars": asked.get("bars", [])}]))
            self.net.market.listeners.append(self.push)
