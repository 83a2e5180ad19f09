#!/usr/bin/env php
<?php
// SPDX-License-Identifier: MIT
// Publishes each line of its input: over_http.php http://127.0.0.1:8080/publish/news

// Gives the event's id, once it is published; throws if it is refused.
function publish(string $url, string $data, ?string $key = null): string
{
    $key ??= bin2hex(random_bytes(16));
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Content-Type: text/plain; charset=utf-8', "Idempotency-Key: $key"],
        'content' => $data,
        'ignore_errors' => true, // the body of a refusal says why
        'timeout' => 30,
    ]]);
    while (true) {
        $http_response_header = [];
        $body = @file_get_contents($url, false, $context);
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        if ($status === 200 && ($answer = json_decode($body, true))) {
            return $answer['ids'][0];
        }
        if ($status >= 400 && $status < 500 && $status !== 429) {
            throw new RuntimeException($body);
        }
        usleep(500_000); // by its key it is published once, however often it is sent
    }
}

while (($line = fgets(STDIN)) !== false) {
    echo publish($argv[1], rtrim($line, "\n")), "\n";
}
