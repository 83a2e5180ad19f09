#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hands its standard input over, for what cannot send it itself: hand_over.py HANDOFF JSON"""
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as handoff:
    handoff.connect(sys.argv[1])
    socket.send_fds(handoff, [sys.argv[2].encode()], [0])
    answer = handoff.recv(4096).decode()
if "error" in answer:
    sys.exit(answer)
