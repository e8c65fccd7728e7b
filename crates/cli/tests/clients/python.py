"""Drives a server of Toxiproxy's API with `toxiproxy-python` and prints what it answers.

Usage: python python.py API_PORT UPSTREAM_PORT
"""

import json
import re
import socket
import sys
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

api_port, upstream_port = sys.argv[1:3]
upstream = f"127.0.0.1:{upstream_port}"
server = Toxiproxy()
server.update_api_consumer("127.0.0.1", int(api_port))


def show(what, value):
    print(what, re.sub(r":\d{4,5}\b", ":PORT", str(value)), flush=True)


def fails(what, kind, action):
    try:
        action()
        show(what, "no error")
    except kind as error:
        # The client raises the body as bytes; what follows the colon is the server's own wording.
        body = json.loads(error.args[0])
        show(what, (body["status"], re.sub("(bad request body: ).*", r"\1…", body["error"])))


def echo(proxy):
    start = time.monotonic()
    outcome = "?"
    try:
        with socket.create_connection(("127.0.0.1", int(proxy.listen.split(":")[-1])), 2) as client:
            client.sendall(b"hello\n")
            outcome = f"data {len(client.recv(100))}"
    except OSError as error:
        outcome = type(error).__name__
    return f"{outcome}, {'slow' if time.monotonic() - start >= 0.25 else 'fast'}"


show("running", server.running())
proxy = server.create(name="one", upstream=upstream)
show("created", (proxy.name, proxy.listen, proxy.upstream, proxy.enabled))
show("echo", echo(proxy))
proxy.add_toxic(type="latency", attributes={"latency": 300})
show("latency", vars(proxy.get_toxic("latency_downstream")))
show("latency echo", echo(proxy))
show("removed", proxy.destroy_toxic("latency_downstream"))
show("echo", echo(proxy))
proxy.add_toxic(name="cut", type="limit_data", stream="upstream", toxicity=0.5, attributes={"bytes": 9})
show("toxics", {name: vars(toxic) for name, toxic in proxy.toxics().items()})
fails("again", ProxyExists, lambda: proxy.add_toxic(name="cut", type="timeout"))
fails("unknown type", InvalidToxic, lambda: proxy.add_toxic(type="flood"))
fails("wrong attributes", InvalidToxic, lambda: proxy.add_toxic(type="latency", attributes={"latency": "x"}))
fails("unknown toxic", NotFound, lambda: proxy.destroy_toxic("nobody"))
with proxy.down():
    show("down echo", echo(proxy))
show("reset", server.reset())
show("toxics", proxy.toxics())
show("up echo", echo(proxy))
made = server.populate([{"name": "two", "upstream": upstream, "listen": "127.0.0.1:0"}])
show("populated", [(one.name, one.enabled) for one in made])
show("all", sorted(server.proxies()))
server.destroy_all()
show("left", server.proxies())
