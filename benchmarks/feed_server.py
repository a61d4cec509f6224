"""A WebSocket server in a process of its own that says the same trades over and over, one a frame, as fast as it can be heard."""

import asyncio
import base64
import hashlib
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":%d,"p":"61837.63000000",'
    b'"q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
BLOCK = 2_000


async def serve(count: int) -> None:
    """Print the port, and say `count` trades to whoever subscribes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1] for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        agreed = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + agreed + b"\r\n\r\n")
        await reader.read(1000)
        for first in range(1, count + 1, BLOCK):
            says = (TRADE % number for number in range(first, first + BLOCK))
            writer.write(b"".join(bytes((0x81, 126)) + len(said).to_bytes(2, "big") + said for said in says))
            await writer.drain()
        await reader.read()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1])))
