# SPDX-License-Identifier: MIT
"""nchan: a module of nginx for publishing and subscribing, in C.

Where a setting is not a default, the reason stands beside it. Messages are stored: its README says
of nchan_store_messages that without it messages are missed when publishing is very quick.
"""
import os
from pathlib import Path

from peer import (BACKLOG, CHANNEL, HOST, Peer, Process, Running, find, free_ports,
                  package_version)

MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so"

CONFIGURATION = """\
load_module {module};
{user}
daemon off;
pid nginx.pid;
error_log error.log warn;

# One core, one worker: as many as there are cores is nginx's own advice.
worker_processes 1;
worker_rlimit_nofile 20000;
events {{
    worker_connections 16000;
    # Take all that wait at once: subscribers come by the thousand.
    multi_accept on;
}}

http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # A published message stays in memory, and so does what is stored of it.
    client_body_buffer_size 1m;
    # The publisher's connection is not closed after 1,000 requests, nor for being silent.
    keepalive_requests 1000000000;
    keepalive_time 24h;
    keepalive_timeout 1h;
    # A subscriber that takes nothing for a while is slow, not gone.
    send_timeout 10m;

    nchan_shared_memory_size 256M;

    server {{
        listen {host}:{port} backlog={backlog};
        location = /events/{channel} {{
            nchan_subscriber eventsource;
            nchan_channel_id {channel};
            nchan_subscriber_first_message newest;
        }}
        location = /publish {{
            nchan_publisher http;
            nchan_channel_id {channel};
            # More than the default of 10, so that a burst is there when it is sent.
            nchan_message_buffer_length 1000;
            nchan_message_timeout 1m;
        }}
    }}
}}
"""


class Nchan(Peer):
    name = "nchan"
    language = "C"
    packages = ["nginx", "libnginx-mod-nchan"]

    def version(self):
        if self.missing():
            return None
        return f"{package_version('libnginx-mod-nchan')} (nginx {package_version('nginx')})"

    def missing(self):
        if not find("nginx"):
            return "nginx is not installed (Debian package nginx)"
        if not Path(MODULE).exists():
            return "the nchan module of nginx is not installed (Debian package libnginx-mod-nchan)"
        return None

    def start(self, folder, core):
        [port] = free_ports(1)
        Path(folder, "nginx.conf").write_text(CONFIGURATION.format(
            module=MODULE, host=HOST, port=port, channel=CHANNEL, backlog=BACKLOG,
            # Else the worker becomes a user who may not write into the folder.
            user="user root;" if os.geteuid() == 0 else ""))
        server = Process([find("nginx"), "-p", folder, "-e", "error.log", "-c", "nginx.conf"],
                         folder, core, "nginx.log")
        return Running(self, f"http://{HOST}:{port}", f"/events/{CHANNEL}",
                       {"target": "/publish", "headers": {"Content-Type": "text/plain"}},
                       server).wait()
