<?php
// SPDX-License-Identifier: MIT
// libfanfare for PHP, by FFI: to be copied, and added to as it is needed.

class Engine
{
    public readonly FFI $c;
    private $engine;

    public function __construct(array $options)
    {
        $declarations = getenv('FANFARE_CDEF') ?: '/usr/share/fanfare/fanfare.cdef';
        $library = getenv('FANFARE_LIBRARY') ?: 'libfanfare.so.1';
        $this->c = FFI::cdef(file_get_contents($declarations), $library);
        $this->engine = $this->c->fanfare_new();
        foreach ($options as $name => $value) {
            $this->c->fanfare_set($this->engine, $name, $value);
        }
        if ($this->c->fanfare_start($this->engine) < 0) {
            throw new RuntimeException($this->c->fanfare_error($this->engine));
        }
    }

    // Returns once it is published, however long it waits for room.
    public function publish(string $channel, string $data, ?string $type = null): void
    {
        $this->check($this->c->fanfare_publish($this->engine, $channel, $type, $data,
            strlen($data), $this->c->FANFARE_FOREVER, null));
    }

    // Gives the connection of a PHP stream to the engine; the stream is closed.
    public function adopt($stream, string $channel, string $resume = ''): void
    {
        $asked = $this->c->new('struct fanfare_subscription');
        $texts = ['channel' => $channel, 'resume' => $resume];
        foreach ($texts as $name => $text) {
            $texts[$name] = FFI::new('char[' . strlen($text) + 1 . ']');
            FFI::memcpy($texts[$name], $text, strlen($text));
            $asked->$name = FFI::cast('char *', FFI::addr($texts[$name]));
            $asked->{"{$name}_len"} = strlen($text);
        }
        $asked->size = FFI::sizeof($asked);
        $fd = $this->check($this->c->fanfare_detach(self::fd($stream)));
        fclose($stream);
        $r = $this->c->fanfare_adopt($this->engine, $fd, FFI::addr($asked), null);
        if ($r < 0) {
            FFI::cdef('int close(int fd);')->close($fd);
            $this->check($r);
        }
    }

    // What there is now: [kind, subscriber] of each.
    public function notes(): iterable
    {
        $note = $this->c->new('struct fanfare_note');
        $note->size = FFI::sizeof($note);
        while ($this->c->fanfare_note_next($this->engine, FFI::addr($note), 0) === 1) {
            yield [$note->kind, $note->subscriber];
        }
    }

    // To select on: readable while there are notes.
    public function noteStream()
    {
        return fopen('php://fd/' . $this->c->fanfare_note_fd($this->engine), 'r');
    }

    // Says goodbye to everybody; nothing of it may be called any more.
    public function stop(): void
    {
        $this->c->fanfare_stop($this->engine);
        $this->c->fanfare_free($this->engine);
    }

    private static function fd($stream): int // which PHP does not tell
    {
        $socket = 'socket:[' . fstat($stream)['ino'] . ']';
        foreach (glob('/proc/self/fd/*') as $path) {
            if (@readlink($path) === $socket) {
                return (int) basename($path);
            }
        }
        throw new RuntimeException('no socket');
    }

    private function check(int $result): int
    {
        return $result >= 0 ? $result
            : throw new RuntimeException($this->c->fanfare_strerror($result));
    }
}
