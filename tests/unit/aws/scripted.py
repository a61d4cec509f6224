"""A server on loopback that answers as it is told, one request after another, and keeps what it was asked."""

import json
import socket
import threading
from contextlib import contextmanager

CLOSE = object()  # read the request, then hang up without an answer
CUT = object()  # answer half


def answer(status=200, body=b"{}", headers=()):
    """A whole answer as bytes."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Scripted:
    def __init__(self, answers):
        self.answers, self.requests, self.connections = list(answers), [], 0
        self.hung_up = threading.Event()  # a connection that had its last answer is closed
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as file:
            self.converse(connection, file)
        self.hung_up.set()

    def converse(self, connection, file):
        while self.answers:
            request = self.read(file)
            if request is None:
                return
            self.requests.append(request)
            given = self.answers.pop(0)
            if given is CLOSE:
                return
            if given is CUT:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
                return
            connection.sendall(given)

    @staticmethod
    def read(file):
        """Method, path, headers by their names in small letters, body."""
        line = file.readline().decode()
        if not line:
            return None
        headers = {}
        while (row := file.readline().decode().strip()) != "":
            name, _, value = row.partition(": ")
            headers[name.lower()] = value
        return *line.split()[:2], headers, file.read(int(headers.get("content-length", 0)))


@contextmanager
def scripted(*answers):
    server = Scripted(answers)
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        server.listener.close()
