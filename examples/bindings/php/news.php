#!/usr/bin/env php
<?php
// SPDX-License-Identifier: MIT
/*
 * A server of PHP that reads requests itself, and gives its streams to libfanfare.
 *
 *     news.php [PORT]        then curl -N http://127.0.0.1:PORT/events/news
 *
 * Each line of the input is published to the channel `news`; who comes and goes is printed.
 */
require __DIR__ . '/fanfare.php';

function serve(Engine $engine, $client): void
{
    [, $target] = explode(' ', fgets($client) ?: '') + ['', ''];
    $fields = [];
    while (($line = rtrim((string) fgets($client))) !== '') {
        [$name, $value] = explode(':', $line, 2) + ['', ''];
        $fields[strtolower($name)] = trim($value);
    }
    $path = rawurldecode($target);
    if (!str_starts_with($path, '/events/')) {
        fwrite($client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    $channel = substr($path, strlen('/events/'));
    $engine->adopt($client, $channel, $fields['last-event-id'] ?? '');
}

$engine = new Engine(['notes' => 'on', 'workers' => '1']);
$server = stream_socket_server("tcp://127.0.0.1:$argv[1]");
$notes = $engine->noteStream();
echo 'http://', stream_socket_get_name($server, false), "\n";
for ($line = ''; $line !== false;) {
    $readable = [STDIN, $server, $notes];
    $none = null;
    stream_select($readable, $none, $none, null);
    foreach ($engine->notes() as [$kind, $subscriber]) {
        echo $kind === $engine->c->FANFARE_NOTE_JOINED ? 'joined' : 'left', " $subscriber\n";
    }
    if (in_array($server, $readable, true)) {
        serve($engine, stream_socket_accept($server));
    }
    if (in_array(STDIN, $readable, true) && ($line = fgets(STDIN)) !== false) {
        $engine->publish('news', rtrim($line, "\n"));
    }
}
$engine->stop();
