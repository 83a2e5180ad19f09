# SPDX-License-Identifier: MIT
"""libfanfare for a server of asyncio, by ctypes: to be copied, and added to as it is needed."""
import asyncio
import ctypes
import errno
import os
from ctypes import c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

LIBRARY = ctypes.CDLL(os.environ.get("FANFARE_LIBRARY", "libfanfare.so.1"))
LIBRARY.fanfare_new.restype = c_void_p
LIBRARY.fanfare_error.restype = LIBRARY.fanfare_strerror.restype = c_char_p
JOINED, LEFT = 1, 2


class Subscription(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("channel", c_char_p), ("channel_len", c_size_t),
                ("channels", c_void_p), ("channel_count", c_size_t), ("resume", c_char_p),
                ("resume_len", c_size_t), ("head", c_char_p), ("head_len", c_size_t),
                ("first", c_void_p), ("first_count", c_size_t), ("since", c_uint64),
                ("tag", c_uint64), ("last", c_uint32), ("limit", c_uint32),
                ("lifetime_ms", c_uint32), ("flags", c_uint32)]


class Note(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("kind", c_int32), ("reason", c_int32),
                ("subscriber", c_uint64), ("tag", c_uint64), ("sequence", c_uint64),
                ("duration_ms", c_uint64), ("request", c_void_p)]


def check(result):
    if result < 0:
        raise OSError(-result, LIBRARY.fanfare_strerror(result).decode())


class Engine:
    def __init__(self, **options):
        self.engine = c_void_p(LIBRARY.fanfare_new())
        for name, value in options.items():
            LIBRARY.fanfare_set(self.engine, name.replace("_", "-").encode(), value.encode())
        if LIBRARY.fanfare_start(self.engine) < 0:
            raise ValueError(LIBRARY.fanfare_error(self.engine).decode())

    async def publish(self, channel, data, kind=None):
        """Returns once it is published; where there is no room, a thread waits for it."""
        text = data.encode()
        event = (self.engine, channel.encode(), kind and kind.encode(), text, c_size_t(len(text)))
        result = LIBRARY.fanfare_publish(*event, 0, None)
        if result == -errno.EAGAIN:
            result = await asyncio.to_thread(LIBRARY.fanfare_publish, *event, -1, None)
        check(result)

    def adopt(self, fd, channel, resume=None, **more):
        """Gives the subscriber's id. The descriptor is the engine's then, and no longer ours."""
        name, last, subscriber = channel.encode(), (resume or "").encode(), c_uint64()
        asked = Subscription(size=ctypes.sizeof(Subscription), channel=name, channel_len=len(name),
                             resume=last or None, resume_len=len(last), **more)
        check(LIBRARY.fanfare_adopt(self.engine, fd, ctypes.byref(asked),
                                    ctypes.byref(subscriber)))
        return subscriber.value

    def notes(self):
        """What there is now; LIBRARY.fanfare_note_fd(engine) is readable when there is more."""
        note = Note(size=ctypes.sizeof(Note))
        while LIBRARY.fanfare_note_next(self.engine, ctypes.byref(note), 0) == 1:
            yield note

    def stop(self):
        """Says goodbye to everybody; nothing of it may be called any more."""
        LIBRARY.fanfare_stop(self.engine)
        LIBRARY.fanfare_free(self.engine)
