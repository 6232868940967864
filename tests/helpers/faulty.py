#!/usr/bin/env python3
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
"""A web server with faults, on 127.0.0.1: faulty.py FOLDER

GET /FAULT/FILE answers with that file of FOLDER/www, and with the fault, which is a function below:
fault_FAULT. FOLDER/port gets the number of the port, which the system chooses; FOLDER/requests gets
a line for each request: method, path, range.
"""
import functools
import mmap
import os
import re
import socketserver
import sys
import threading
import time

FOLDER = sys.argv[1]
END = threading.Event()
lock = threading.Lock()
counts = {}


@functools.lru_cache
def contents(path, _time):
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


class Request:
    """What is asked, and the parts of the right answer."""

    def __init__(self, method, path, headers, connection):
        self.method, self.path, self.headers, self.connection = method, path, headers, connection
        _, self.fault, self.name = path.split("?")[0].split("/", 2)
        self.argument = path.partition("?")[2]
        self.file = FOLDER + "/www/" + self.name.rsplit("/", 1)[-1]
        self.bytes = contents(self.file, os.stat(self.file).st_mtime_ns)
        self.first, self.last = 0, len(self.bytes) - 1
        asked = re.match(r"bytes=(\d+)-(\d+)$", headers.get("range", ""))
        if asked:
            self.first, self.last = int(asked[1]), min(int(asked[2]), len(self.bytes) - 1)
        with lock:
            self.number = counts[path] = counts.get(path, 0) + 1  # 1 for the first of this path

    def body(self):
        return self.bytes[self.first:self.last + 1]

    def send_body(self):
        """Without a copy: what the server computes, a client on the same machine cannot."""
        with open(self.file, "rb") as file:
            self.connection.sendfile(file, self.first, self.last + 1 - self.first)

    def header(self, status="206 Partial Content", tag='"1"', size=None, length=None, total=None, more="", first=None):
        first = self.first if first is None else first
        size = self.last + 1 - self.first if length is None else length
        total = len(self.bytes) if total is None else total
        lines = ["HTTP/1.1 " + status, "Content-Length: %d" % size,
                 "Content-Range: bytes %d-%d/%s" % (first, first + self.last - self.first, total)]
        if tag:
            lines.append("ETag: " + tag)
        return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode()


def error(status, more=""):
    return ("HTTP/1.1 %s\r\nContent-Length: 0\r\n%s\r\n" % (status, more)).encode()


def fault_none(request, send):
    send(request.header() + request.body())


def fault_delay(request, send):
    time.sleep(0.02)
    send(request.header())
    request.send_body()


def fault_stall(request, send):
    send(request.header() + request.body()[:1000])
    END.wait(60)


def fault_silent(_request, _send):
    END.wait(60)


def fault_drip(request, send):
    send(request.header())
    for byte in request.body():
        send(bytes([byte]))
        if END.wait(0.1):
            break


def fault_cut(request, send):
    send(request.header() + request.body()[:1000])
    return False


def fault_cut_once(request, send):
    if request.number == 1:
        return fault_cut(request, send)
    return fault_none(request, send)


def fault_close(_request, _send):
    return False


def fault_more(request, send):
    """More than the range, which a length in front does not give away."""
    send(request.header().replace(b"Content-Length: %d\r\n" % len(request.body()), b"Transfer-Encoding: chunked\r\n"))
    body = request.body() + b"more"
    send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


def fault_shifted(request, send):
    send(request.header(first=request.first + 1) + request.body())


def fault_longer(request, send):
    send(request.header(length=len(request.body()) + 10) + request.body() + b"0123456789")


def fault_shorter(request, send):
    send(request.header(length=len(request.body()) - 10) + request.body()[:-10])


def fault_sizeless(request, send):
    send(request.header(total="*") + request.body())


def fault_rangeless(request, send):
    send(re.sub(rb"Content-Range:.*?\r\n", b"", request.header()) + request.body())


def fault_whole(request, send):
    send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.bytes) + request.bytes[:])


def fault_tag(request, send):
    send(request.header(tag='"%d"' % request.number) + request.body())


def fault_time(request, send):
    more = "Last-Modified: Thu, 01 Jan 2026 00:00:%02d GMT\r\n" % request.number
    send(request.header(tag=None, more=more) + request.body())


def fault_size(request, send):
    send(request.header(total=len(request.bytes) + request.number - 1) + request.body())


def fault_gzip(request, send):
    send(request.header(more="Content-Encoding: gzip\r\n") + request.body())


def fault_parts(request, send):
    send(request.header(more="Content-Type: multipart/byteranges; boundary=x\r\n") + request.body())


def fault_busy(request, send):
    send(error("503 Service Unavailable"))


def fault_hole(request, send):
    """Is busy for ranges that contain byte 1 MiB + 7."""
    if request.first <= (1 << 20) + 7 <= request.last:
        send(error("503 Service Unavailable"))
    else:
        fault_none(request, send)


def fault_gone(request, send):
    """Away from the fourth request on."""
    if request.number > 3:
        return False
    return fault_none(request, send)


def fault_busy_once(request, send):
    if request.number == 1:
        send(error("503 Service Unavailable", "Retry-After: 1\r\n"))
    else:
        fault_none(request, send)


def fault_limited_once(request, send):
    if request.number == 1:
        send(error("429 Too Many Requests", "Retry-After: 0\r\n"))
    else:
        fault_none(request, send)


def fault_patience(request, send):
    send(error("429 Too Many Requests", "Retry-After: 3600\r\n"))


def fault_headers(request, send):
    send(b"HTTP/1.1 206 Partial Content\r\n")
    while not END.is_set():
        send(b"X-Header: %s\r\n" % (b"x" * 1000))


def fault_status(request, send):
    send(error(request.argument.replace("+", " ")))


def fault_garbage(request, send):
    send(os.urandom(2000))
    return False


def fault_hops(request, send):
    left = int(request.name.split("/")[0])
    if left > 0:
        send(error("302 Found", "Location: /hops/%d/%s\r\n" % (left - 1, request.name.split("/")[1])))
    else:
        fault_none(request, send)


def fault_elsewhere(request, send):
    send(error("302 Found", "Location: %s\r\n" % request.argument))


def fault_secret(request, send):
    """Says in its tag whether a token was sent: a tag that changes is noticed."""
    if "x-token" in request.headers or "authorization" in request.headers:
        send(error("400 Token"))
    else:
        fault_none(request, send)


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def next_request(self):
        words = self.rfile.readline(65536).decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = {}
        while True:
            line = self.rfile.readline(65536).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        with lock, open(FOLDER + "/requests", "a") as log:
            log.write("%s %s %s\n" % (words[0], words[1], headers.get("range")))
        return Request(words[0], words[1], headers, self.connection)

    def send(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def handle(self):
        try:
            while (request := self.next_request()) is not None:
                if globals()["fault_" + request.fault.replace("-", "_")](request, self.send) is False:
                    break
        except (OSError, ValueError):
            pass  # the client went away


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


with Server(("127.0.0.1", 0), Handler) as server:
    with open(FOLDER + "/port.new", "w") as port:
        port.write("%d\n" % server.server_address[1])
    os.rename(FOLDER + "/port.new", FOLDER + "/port")
    server.serve_forever()
