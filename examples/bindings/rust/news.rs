// SPDX-License-Identifier: MIT

//! A server of Rust that reads requests itself, and gives its streams to libfanfare.
//!
//!     python3 declare.py /usr/share/fanfare/fanfare.cdef >fanfare_sys.rs
//!     rustc --edition 2021 -l fanfare news.rs
//!     ./news PORT        then curl -N http://127.0.0.1:PORT/events/news
//!
//! Each line of the input is published to the channel `news`; who comes and goes is printed.

mod fanfare_sys;

use fanfare_sys::*;
use std::ffi::{CStr, CString};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::c_int;
use std::os::unix::io::{FromRawFd, IntoRawFd};
use std::ptr::{null, null_mut};
use std::{mem, thread};

/// Any thread may use it, as the header says.
#[derive(Clone, Copy)]
struct Engine(*mut fanfare);
unsafe impl Send for Engine {}
unsafe impl Sync for Engine {}

fn check(result: c_int) -> Result<c_int, String> {
    let text = || unsafe { CStr::from_ptr(fanfare_strerror(result)) };
    (result >= 0).then_some(result).ok_or_else(|| text().to_string_lossy().into_owned())
}

impl Engine {
    fn new(options: &[(&str, &str)]) -> Result<Engine, String> {
        let engine = unsafe { fanfare_new() };
        for (name, value) in options {
            let (name, value) = (CString::new(*name).unwrap(), CString::new(*value).unwrap());
            unsafe { fanfare_set(engine, name.as_ptr(), value.as_ptr()) };
        }
        check(unsafe { fanfare_start(engine) }).map(|_| Engine(engine))
    }

    /// Returns once it is published, however long it waits for room.
    fn publish(self, channel: &str, data: &str) -> Result<c_int, String> {
        let channel = CString::new(channel).map_err(|error| error.to_string())?;
        check(unsafe {
            fanfare_publish(self.0, channel.as_ptr(), null(), data.as_ptr().cast(), data.len(),
                FANFARE_FOREVER, null_mut())
        })
    }

    /// Gives the subscriber's id. The connection is the engine's then.
    fn adopt(self, stream: TcpStream, channel: &str, resume: &str) -> Result<u64, String> {
        let mut asked: fanfare_subscription = unsafe { mem::zeroed() };
        asked.size = mem::size_of::<fanfare_subscription>();
        asked.channel = channel.as_ptr().cast();
        asked.channel_len = channel.len();
        if !resume.is_empty() {
            asked.resume = resume.as_ptr().cast();
            asked.resume_len = resume.len();
        }
        let (fd, mut subscriber) = (stream.into_raw_fd(), 0);
        let result = unsafe { fanfare_adopt(self.0, fd, &asked, &mut subscriber) };
        if result < 0 {
            drop(unsafe { TcpStream::from_raw_fd(fd) });
        }
        check(result).map(|_| subscriber)
    }

    fn tell(self) {
        let mut note: fanfare_note = unsafe { mem::zeroed() };
        note.size = mem::size_of::<fanfare_note>();
        while unsafe { fanfare_note_next(self.0, &mut note, FANFARE_FOREVER) } == 1 {
            match note.kind {
                FANFARE_NOTE_JOINED => println!("joined {}", note.subscriber),
                FANFARE_NOTE_LEFT => println!("left {}", note.subscriber),
                _ => return,
            }
        }
    }

    fn serve(self, stream: TcpStream) -> Result<(), String> {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let last = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("last-event-id").then(|| value.trim().to_owned())
        });
        match path.strip_prefix("/events/").map(str::to_owned) {
            Some(channel) => self.adopt(stream, &channel, &last.unwrap_or_default()).map(|_| ()),
            None => (&stream)
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                .map_err(|error| error.to_string()),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(&[("notes", "on"), ("workers", "1")])?;
    let port = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            engine.serve(stream).unwrap_or_else(|error| eprintln!("{error}"));
        }
    });
    let told = thread::spawn(move || engine.tell());
    for line in std::io::stdin().lines() {
        engine.publish("news", &line?)?;
    }
    unsafe { fanfare_stop(engine.0) };
    told.join().ok();
    Ok(())
}
