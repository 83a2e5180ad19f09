# SPDX-License-Identifier: MIT
"""Peers that no package of Debian or npm brings: they take part if PATH has their program.

mercure          a hub of the Mercure protocol, in Go; 0.17 or newer, 1.0 included
centrifugo       in Go; 6 or newer, its unidirectional SSE transport
uwebsockets-sse  a server on uWebSockets, in C++, that somebody built: it listens on 127.0.0.1 at
                 the port after --port; GET /events/bench subscribes, POST /publish sends the body
                 as the data of an event

Both Go programs use one thread, since the Go runtime counts the cores that it may run on.
"""
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from pathlib import Path

from peer import CHANNEL, HOST, Peer, Process, Running, find, free_ports, output_of

CADDYFILE = """\
{{
    admin off
    persist_config off
    auto_https off
    log {{
        level ERROR
    }}
}}
http://{host}:{port} {{
    bind {host}
    mercure {{
        # No history, and thus no database that is written for each event.
        transport local
        anonymous
{keys}
        # Streams live as long as their subscribers, and no comments are sent on them.
        write_timeout 0s
        heartbeat 0s
    }}
}}
"""
KEYS_0 = """\
        publisher_jwt {key}
        subscriber_jwt {key}"""
KEYS_1 = """\
        issuer {issuer} {{
            publisher {{
                jwt {key}
            }}
            subscriber {{
                jwt {key}
            }}
        }}
        resource_identifier {resource}"""
ISSUER = "https://bench.example"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims, key):
    """A JSON Web Token, signed by HS256. The type is that of Mercure 1.0; 0.x does not look."""
    head = json.dumps({"alg": "HS256", "typ": "at+jwt"}).encode()
    text = encode(head) + b"." + encode(json.dumps(claims).encode())
    return (text + b"." + encode(hmac.new(key.encode(), text, hashlib.sha256).digest())).decode()


class OnPath(Peer):
    version_command = []

    def version(self):
        if self.missing():
            return None
        said = output_of([find(self.name), *self.version_command]) if self.version_command else None
        found = re.search(r"v?(\d+\.\d+[\w.+-]*)", said or "")
        return found.group(1) if found else "unknown"

    def missing(self):
        return None if find(self.name) else "not on this machine"


class Mercure(OnPath):
    name = "mercure"
    language = "Go"
    version_command = ["version"]

    def start(self, folder, core):
        [port] = free_ports(1)
        key = secrets.token_hex(32)
        resource = f"http://{HOST}:{port}/.well-known/mercure"
        modern = not self.version().startswith("0.")
        keys = (KEYS_1 if modern else KEYS_0).format(issuer=ISSUER, key=key, resource=resource)
        Path(folder, "Caddyfile").write_text(CADDYFILE.format(host=HOST, port=port, keys=keys))
        server = Process(
            [find(self.name), "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder,
            core, "mercure.log", {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})
        return Running(
            self, f"http://{HOST}:{port}",
            f"/.well-known/mercure?{'match' if modern else 'topic'}={CHANNEL}",
            {"target": "/.well-known/mercure",
             "headers": {"Content-Type": "application/x-www-form-urlencoded",
                         "Authorization": "Bearer " + signed(self.claims(resource), key)},
             "body_prefix": f"topic={CHANNEL}&data="}, server).wait()

    def claims(self, resource):
        """May publish everything: `mercure` says so to 0.x, the rest to 1.0."""
        now = int(time.time())
        return {"mercure": {"publish": ["*"]}, "iss": ISSUER, "aud": resource, "sub": ISSUER,
                "client_id": ISSUER, "iat": now, "exp": now + 86400, "jti": secrets.token_hex(8),
                "authorization_details": [{
                    "type": "https://mercure.rocks/authorization-detail",
                    "actions": ["publish"], "topics": [{"match": "*"}]}]}


class Centrifugo(OnPath):
    name = "centrifugo"
    language = "Go"
    version_command = ["version"]

    def start(self, folder, core):
        [port] = free_ports(1)
        key = secrets.token_hex(32)
        Path(folder, "config.json").write_text(json.dumps({
            "http_server": {"address": HOST, "port": port},
            "http_api": {"key": key},
            "log": {"level": "error"},
            "uni_sse": {"enabled": True},
            "client": {
                "allow_anonymous_connect_without_token": True,
                "ping_interval": "1h",  # no pings, as no other server here sends any
                # Bytes that a connection may be behind; 1 MiB by default, and then it is closed.
                "queue_max_size": 64 << 20,
            },
            # Without history, so that publishing is nothing but delivering.
            "channel": {"without_namespace": {"allow_subscribe_for_anonymous": True,
                                              "allow_subscribe_for_client": True}},
        }, indent=2))
        server = Process([find(self.name), "--config", "config.json"], folder, core,
                         "centrifugo.log")
        subs = "%7B%22subs%22%3A%7B%22" + CHANNEL + "%22%3A%7B%7D%7D%7D"  # {"subs":{"bench":{}}}
        return Running(
            self, f"http://{HOST}:{port}", f"/connection/uni_sse?cf_connect={subs}",
            {"target": "/api/publish",
             "headers": {"Content-Type": "application/json", "X-API-Key": key},
             "body_prefix": '{"channel":"%s","data":"' % CHANNEL, "body_suffix": '"}',
             "json_escape": True}, server,
            received=('{"channel":"%s","pub":{"data":"' % CHANNEL, '"}}')).wait()


class UWebSockets(OnPath):
    name = "uwebsockets-sse"
    language = "C++"

    def start(self, folder, core):
        [port] = free_ports(1)
        server = Process([find(self.name), "--port", port], folder, core, "uwebsockets.log")
        return Running(self, f"http://{HOST}:{port}", f"/events/{CHANNEL}",
                       {"target": "/publish", "headers": {"Content-Type": "text/plain"}},
                       server).wait()


PEERS = [Mercure(), Centrifugo(), UWebSockets()]
