"""Servers on this machine, in the shape of those an alert goes to: what they hear is kept, as bytes came in.

`Post` takes mail (SMTP, RFC 5321).  `Web` is an HTTPS proxy that answers for every host itself, under a certificate of its
own, so that a client for hooks.slack.com or events.pagerduty.com speaks to it unmodified.
"""

import json
import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager


class Post(socketserver.StreamRequestHandler):
    """One conversation of mail."""

    def handle(self):
        self.say(220)
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.say(354)
                self.server.heard.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.say(221 if word == b"QUIT" else 250)
            if word == b"QUIT":
                return

    def say(self, code):
        self.wfile.write(b"%d here\r\n" % code)


class Web(socketserver.StreamRequestHandler):
    """One request, through a tunnel or straight; the server's `answers` by host say what is answered."""

    def handle(self):
        host, read, write = b"", self.rfile, self.wfile
        request, headers = self.head(read)
        if request.startswith(b"CONNECT"):
            host = request.split()[1].partition(b":")[0]
            write.write(b"HTTP/1.1 200 OK\r\n\r\n")
            inside = self.server.context.wrap_socket(self.connection, server_side=True)
            read, write = inside.makefile("rb"), inside.makefile("wb")
            request, headers = self.head(read)
        body = read.read(int(headers.get(b"content-length", 0)))
        self.server.heard.append((host.decode(), request.split()[1].decode(), json.loads(body)))
        status, answer = self.server.answers.get(host.decode(), (200, b"ok"))
        write.write(
            b"HTTP/1.1 %d So\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(answer)) + answer
        )
        write.flush()

    @staticmethod
    def head(read):
        """The request line, and the headers by their names in small letters."""
        request = read.readline()
        lines = iter(read.readline, b"\r\n")
        return request, {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def serving(kind, **given):
    """A server of a kind, on a port of its own, with what it heard in `heard`."""
    with Server(("127.0.0.1", 0), kind) as server:
        server.heard = []
        vars(server).update(given)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def certificate(folder):
    """A context for a server that nobody has reason to trust."""
    names = [str(folder / "key.pem"), str(folder / "certificate.pem")]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=here"]
    subprocess.run([*made, "-keyout", names[0], "-out", names[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(names[1], names[0])
    return context
