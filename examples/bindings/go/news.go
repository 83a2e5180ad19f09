// SPDX-License-Identifier: MIT

// A server of Go that reads requests itself, and gives its streams to libfanfare.
//
//	go run . PORT        then curl -N http://127.0.0.1:PORT/events/news
//
// Each line of the input is published to the channel `news`; who comes and goes is printed.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

func (engine *Engine) serve(writer http.ResponseWriter, request *http.Request) {
	conn, _, err := writer.(http.Hijacker).Hijack()
	if err != nil {
		log.Print(err)
		return
	}
	// Go lets go of its own descriptor, and the connection lives on in this one.
	fd, err := duplicate(conn.(*net.TCPConn))
	conn.Close()
	if err == nil {
		channel := strings.TrimPrefix(request.URL.Path, "/events/")
		if _, err = engine.Adopt(fd, channel, request.Header.Get("Last-Event-ID")); err != nil {
			syscall.Close(fd)
		}
	}
	if err != nil {
		log.Print(err)
	}
}

func duplicate(conn *net.TCPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(own uintptr) { fd, failed = syscall.Dup(int(own)) })
	if err == nil {
		err = failed
	}
	return fd, err
}

func (engine *Engine) tell(done chan bool) {
	for kind, subscriber := engine.NextNote(); kind != stopped; kind, subscriber = engine.NextNote() {
		if kind == joined {
			fmt.Println("joined", subscriber)
		} else if kind == left {
			fmt.Println("left", subscriber)
		}
	}
	done <- true
}

func main() {
	engine, err := newEngine(map[string]string{"notes": "on", "workers": "1"})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	http.HandleFunc("/events/", engine.serve)
	go http.Serve(listener, nil)
	done := make(chan bool)
	go engine.tell(done)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := engine.Publish("news", lines.Text()); err != nil {
			log.Fatal(err)
		}
	}
	engine.Stop()
	<-done
}
