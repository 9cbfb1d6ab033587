"""Requests over keep-alive connections, all at once or at a fixed rate. Slow responses do not lower the rate."""
import collections
import json
import re
import select
import socket
import time

SILENCE_SECONDS = 60
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# `due` is when a request should be sent and `done` when its response had arrived, by time.perf_counter().
Answer = collections.namedtuple("Answer", "status body due done")


def raw(method, path, token=None, body=None, content_type="application/json"):
    """The bytes of a request."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body is not None:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"\r\n" + content


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def content_of(data):
    """The status and content of a response, or None while it is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = CONTENT_LENGTH.search(data, 0, end)
    if len(data) < end + 4 + (int(length[1]) if length else 0):
        return None
    return int(data[9:12]), bytes(data[end + 4:])


class Exchange:
    """Requests in flight. `streams` are sockets that are only read: `heard` collects (socket, time, bytes)."""

    def __init__(self, port, connections, streams=()):
        self.free = collections.deque(connect(port) for _ in range(connections))
        self.waiting, self.streams, self.heard = {}, streams, []

    def run(self, requests, rate=None, linger=0.0):
        """The responses in the order of the requests. `rate` limits the requests per second. A request that finds no free
        connection waits, and its time counts from when it was due. The streams are read for `linger` more seconds."""
        answers, sent, begin, end = [None] * len(requests), 0, time.perf_counter(), None
        while True:
            now = time.perf_counter()
            while sent < len(requests) and self.free and (not rate or begin + sent / rate <= now):
                connection = self.free.popleft()
                connection.sendall(requests[sent])
                self.waiting[connection] = sent, begin + sent / rate if rate else now, bytearray()
                sent += 1
            if sent == len(requests) and not self.waiting:
                end = end or now + linger
                if now >= end:
                    return answers
            pause = SILENCE_SECONDS if self.waiting else (end or now) - now
            if rate and sent < len(requests) and self.free:
                pause = begin + sent / rate - now
            self.read(max(pause, 0), answers)

    def read(self, pause, answers):
        readable = select.select([*self.waiting, *self.streams], [], [], pause)[0]
        if not readable and pause == SILENCE_SECONDS:
            raise SystemExit(f"no answer within {SILENCE_SECONDS} s")
        now = time.perf_counter()
        for connection in readable:
            data = connection.recv(1 << 18)
            if not data:
                raise SystemExit("the service closed a connection")
            if connection not in self.waiting:
                self.heard.append((connection, now, data))
                continue
            index, due, got = self.waiting[connection]
            got += data
            whole = content_of(got)
            if whole:
                answers[index] = Answer(*whole, due, now)
                del self.waiting[connection]
                self.free.append(connection)

    def close(self):
        for connection in [*self.free, *self.waiting]:
            connection.close()


def ask_all(port, requests, connections=16, rate=None):
    """The responses to these raw requests, in the same order."""
    exchange = Exchange(port, min(connections, len(requests) or 1))
    try:
        return exchange.run(requests, rate)
    finally:
        exchange.close()


def contents(port, requests, connections=16):
    """The parsed JSON bodies of the responses, which must all be successes."""
    answers = ask_all(port, requests, connections)
    for request, answer in zip(requests, answers):
        if answer.status >= 300:
            raise SystemExit(f"{request.splitlines()[0].decode()}: {answer.status} {answer.body[:300].decode()}")
    return [json.loads(answer.body) for answer in answers]
