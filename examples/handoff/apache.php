<?php
// SPDX-License-Identifier: MIT
// Under Apache with mod_socket_handoff, which gives the connection away when the script has ended.
if (!preg_match('/^\w+$/', $_COOKIE['user'] ?? '')) {
    http_response_code(401);
    exit;
}
header('X-Socket-Handoff: ' . getenv('HANDOFF'));
header('X-Handoff-Data: ' . json_encode([
    'adopt' => ['news', 'user/' . $_COOKIE['user']],
    'last-event-id' => $_SERVER['HTTP_LAST_EVENT_ID'] ?? null,
]));
