<?php
// SPDX-License-Identifier: MIT
// A server on PHP's own sockets: php sockets.php PORT FEED
$feed = socket_create(AF_UNIX, SOCK_STREAM, 0);
socket_connect($feed, $argv[2]);
$listener = socket_create_listen((int) $argv[1]);
while ($client = socket_accept($listener)) {
    $head = socket_read($client, 16384);
    $stream = socket_export_stream($client); // of a Socket itself 0 is sent: php/php-src#22338
    if (!preg_match('/^cookie:.*\buser=(\w+)/im', $head, $user)) {
        fwrite($stream, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    } else {
        $block = "adopt: news\nadopt: user/$user[1]\n";
        if (preg_match('/^last-event-id: *(.*?)\r$/im', $head, $last)) {
            $block .= "last-event-id: $last[1]\n";
        }
        socket_sendmsg($feed, ['iov' => ["$block\n"], 'control' => [
            ['level' => SOL_SOCKET, 'type' => SCM_RIGHTS, 'data' => [$stream]]]], 0);
    }
    fclose($stream); // ours; the server has its own
}
