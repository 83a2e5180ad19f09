# SPDX-License-Identifier: MIT
"""pushpin: a proxy that holds streams for a backend, in C++ and Rust (condure, its connections).

pushpin-proxy and zurl pass a subscriber's request on to the backend (backend.py), which answers
that the response is to be held, and for which channel. From then on the backend has no part in the
stream: events go from the control port of pushpin-handler to condure. It only spares the publisher
a new connection for each event. So backend.py is not among pids().
"""
import sys
from pathlib import Path

from peer import CHANNEL, HOST, Peer, Process, Running, find, free_ports, package_version

HERE = Path(__file__).resolve().parent
# Of 2,000 that wait for their answer at once, half are answered 500 or 502; of 100, none was.
OPENING_MAX = 50
PROGRAMS = ["pushpin", "pushpin-proxy", "pushpin-handler", "condure", "zurl"]

CONFIGURATION = """\
[global]
include={{libdir}}/internal.conf
rundir={folder}/run
ipc_prefix=peer-
port_offset=0
# Seldom: the statistics of each connection are sent anew before they expire.
stats_connection_ttl=600

[runner]
# zurl too: Debian runs it as a service of its own.
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port={host}:{port}
logdir={folder}/log
# Warnings only: level 2 writes a line for each event.
log_level=1
client_buffer_size=8192
# The default. Its queues hold a twentieth of it; with 1,010,000 more connections were lost.
client_maxconn=50000

[proxy]
routesfile=routes
updates_check=off
# Debian's internal.conf looks for zurl where its service would be.
zurl_out_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-in
zurl_out_stream_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-in-stream
zurl_in_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-out

[handler]
push_in_spec=ipc://{{rundir}}/{{ipc_prefix}}push-in
push_in_sub_specs=ipc://{{rundir}}/{{ipc_prefix}}push-in-sub
command_spec=ipc://{{rundir}}/{{ipc_prefix}}command
push_in_http_addr={host}
push_in_http_port={control}
push_in_http_max_body_size=1000000
# Deliveries per second, and how many may wait: 2,500 and 25,000 by default, far below what is
# measured here. Without a limit nothing is dropped for being too much.
message_rate=0
message_hwm=0
"""


class Pushpin(Peer):
    name = "pushpin"
    language = "C++, Rust"
    packages = ["pushpin"]

    def version(self):
        if self.missing():
            return None
        return f"{package_version('pushpin')} (condure {package_version('condure')})"

    def missing(self):
        absent = [program for program in PROGRAMS if not find(program)]
        if absent:
            return f"not installed: {', '.join(absent)} (Debian package pushpin)"
        return None

    def start(self, folder, core):
        port, control, hold, publish = free_ports(4)
        Path(folder, "routes").write_text(f"* {HOST}:{hold}\n")
        Path(folder, "pushpin.conf").write_text(CONFIGURATION.format(
            folder=folder, host=HOST, port=port, control=control))
        backend = Process([sys.executable, HERE / "backend.py", hold, publish, control], folder,
                          core, "backend.log")
        server = Process([find("pushpin"), f"--config={folder}/pushpin.conf"], folder, core,
                         "pushpin.log")
        # Content is the event as it is to be sent, inside JSON. There is a faster way in, the
        # ZeroMQ socket push_in_spec, but what limits pushpin here are the deliveries.
        return Running(self, f"http://{HOST}:{port}", f"/events/{CHANNEL}", {
            "url": f"http://{HOST}:{publish}", "target": "/publish/",
            "headers": {"Content-Type": "application/json"},
            "body_prefix": '{"items":[{"channel":"%s","formats":{"http-stream":{"content":"data: '
                           % CHANNEL,
            "body_suffix": '\\n\\n"}}}]}',
            "json_escape": True,
        }, server, [backend], opening_max=OPENING_MAX).wait()
