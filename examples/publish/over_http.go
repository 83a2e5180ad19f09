// SPDX-License-Identifier: MIT
// Publishes each line of its input: go run over_http.go http://127.0.0.1:8080/publish/news
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

var client = http.Client{Timeout: 30 * time.Second}

// publish gives the event's id, once it is published, or says why it is refused.
func publish(url, data, key string) (string, error) {
	for {
		status, body, err := post(url, data, key)
		var answer struct{ Ids []string }
		if status == 200 && err == nil && json.Unmarshal(body, &answer) == nil {
			return answer.Ids[0], nil
		} else if status >= 400 && status < 500 && status != 429 {
			return "", errors.New(string(body))
		}
		time.Sleep(500 * time.Millisecond) // by its key it is published once, however often sent
	}
}

func post(url, data, key string) (int, []byte, error) {
	request, err := http.NewRequest("POST", url, strings.NewReader(data))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	request.Header.Set("Idempotency-Key", key)
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func newKey() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return fmt.Sprintf("%x", bytes)
}

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		id, err := publish(os.Args[1], lines.Text(), newKey())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id)
	}
}
