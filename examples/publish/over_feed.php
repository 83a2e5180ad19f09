#!/usr/bin/env php
<?php
// SPDX-License-Identifier: MIT
// Publishes each line of its input: over_feed.php /run/fanfare/feed.sock news

// A line for each of the value's, so that no value makes a field of another name.
function field(string $name, string $value): string
{
    return "$name: " . preg_replace('/\r\n|\r|\n/', "\n$name: ", $value) . "\n";
}

class Feed
{
    private $stream = null;

    public function __construct(private string $path) {}

    // Gives the event's id, once it is published; throws if it is refused.
    public function publish(string $channel, string $data, ?string $key = null): string
    {
        $event = field('channel', $channel) . field('key', $key ?? bin2hex(random_bytes(16)))
            . "ack: 1\n" . field('data', $data) . "\n";
        while (!($answer = $this->ask($event)) || ($answer['error'] ?? '') === 'stopping') {
            $this->stream = null; // by its key it is published once, however often it is sent
            usleep(500_000);
        }
        return $answer['id'] ?? throw new RuntimeException($answer['error']);
    }

    private function ask(string $event): array // empty: the connection is lost
    {
        $this->stream ??= @stream_socket_client("unix://$this->path") ?: null;
        if (!$this->stream || @fwrite($this->stream, $event) !== strlen($event)) {
            return [];
        }
        $answer = [];
        while (($line = fgets($this->stream)) !== "\n") {
            if ($line === false) {
                return [];
            }
            [$name, $answer[$name]] = explode(': ', rtrim($line, "\n"), 2);
        }
        return $answer;
    }
}

$feed = new Feed($argv[1]);
while (($line = fgets(STDIN)) !== false) {
    echo $feed->publish($argv[2], rtrim($line, "\n")), "\n";
}
