// SPDX-License-Identifier: MIT
// Publishes each line of its input: go run over_feed.go /run/fanfare/feed.sock news
package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"
)

// Feed is a connection to the feed, made when it is needed; one goroutine's alone.
type Feed struct {
	path string
	conn net.Conn
	read *bufio.Scanner
}

// A line for each of the value's, so that no value makes a field of another name.
func field(name, value string) string {
	next := "\n" + name + ": "
	lines := strings.NewReplacer("\r\n", next, "\r", next, "\n", next).Replace(value)
	return name + ": " + lines + "\n"
}

// Publish gives the event's id, once it is published, or says why it is refused.
func (feed *Feed) Publish(channel, data, key string) (string, error) {
	event := field("channel", channel) + field("key", key) + "ack: 1\n" + field("data", data) + "\n"
	for {
		answer, err := feed.ask(event)
		if err == nil && answer["id"] != "" {
			return answer["id"], nil
		} else if err == nil && answer["error"] != "stopping" {
			return "", errors.New(answer["error"])
		}
		if feed.conn != nil { // by its key it is published once, however often it is sent
			feed.conn.Close()
			feed.conn = nil
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func (feed *Feed) ask(event string) (answer map[string]string, err error) {
	if feed.conn == nil {
		if feed.conn, err = net.Dial("unix", feed.path); err != nil {
			return nil, err
		}
		feed.read = bufio.NewScanner(feed.conn)
	}
	if _, err = feed.conn.Write([]byte(event)); err != nil {
		return nil, err
	}
	answer = map[string]string{}
	for feed.read.Scan() {
		if feed.read.Text() == "" {
			return answer, nil
		}
		name, value, _ := strings.Cut(feed.read.Text(), ": ")
		answer[name] = value
	}
	return nil, errors.New("the feed has ended")
}

func newKey() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return fmt.Sprintf("%x", bytes)
}

func main() {
	feed := &Feed{path: os.Args[1]}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		id, err := feed.Publish(os.Args[2], lines.Text(), newKey())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id)
	}
}
