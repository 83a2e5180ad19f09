// SPDX-License-Identifier: MIT

// libfanfare for Go, by cgo: to be copied, and added to as it is needed.
package main

// #cgo LDFLAGS: -lfanfare
// #include <fanfare.h>
// #include <stdlib.h>
import "C"

import (
	"errors"
	"unsafe"
)

const (
	joined  = C.FANFARE_NOTE_JOINED
	left    = C.FANFARE_NOTE_LEFT
	stopped = C.FANFARE_NOTE_STOPPED
)

// An Engine may be used by any number of goroutines at once.
type Engine struct{ c *C.struct_fanfare }

func check(result C.int) error {
	if result >= 0 {
		return nil
	}
	return errors.New(C.GoString(C.fanfare_strerror(result)))
}

func newEngine(options map[string]string) (*Engine, error) {
	engine := &Engine{C.fanfare_new()}
	for name, value := range options {
		cName, cValue := C.CString(name), C.CString(value)
		C.fanfare_set(engine.c, cName, cValue)
		C.free(unsafe.Pointer(cName))
		C.free(unsafe.Pointer(cValue))
	}
	if C.fanfare_start(engine.c) < 0 {
		return nil, errors.New(C.GoString(C.fanfare_error(engine.c)))
	}
	return engine, nil
}

// Publish returns once it is published, however long it waits for room.
func (engine *Engine) Publish(channel, data string) error {
	cChannel, cData := C.CString(channel), C.CString(data)
	defer C.free(unsafe.Pointer(cChannel))
	defer C.free(unsafe.Pointer(cData))
	return check(C.fanfare_publish(engine.c, cChannel, nil, cData, C.size_t(len(data)),
		C.FANFARE_FOREVER, nil))
}

// Adopt gives the subscriber's id. The descriptor is the engine's then, and no longer ours.
func (engine *Engine) Adopt(fd int, channel, resume string) (uint64, error) {
	asked := C.struct_fanfare_subscription{size: C.sizeof_struct_fanfare_subscription}
	asked.channel, asked.channel_len = C.CString(channel), C.size_t(len(channel))
	defer C.free(unsafe.Pointer(asked.channel))
	if resume != "" {
		asked.resume, asked.resume_len = C.CString(resume), C.size_t(len(resume))
		defer C.free(unsafe.Pointer(asked.resume))
	}
	var subscriber C.uint64_t
	err := check(C.fanfare_adopt(engine.c, C.int(fd), &asked, &subscriber))
	return uint64(subscriber), err
}

// NextNote waits for it: who came, or went, or that the engine has stopped.
func (engine *Engine) NextNote() (kind int, subscriber uint64) {
	note := C.struct_fanfare_note{size: C.sizeof_struct_fanfare_note}
	if C.fanfare_note_next(engine.c, &note, C.FANFARE_FOREVER) != 1 {
		return stopped, 0
	}
	return int(note.kind), uint64(note.subscriber)
}

// Stop says goodbye to everybody.
func (engine *Engine) Stop() { C.fanfare_stop(engine.c) }
