#!/usr/bin/env ruby
# SPDX-License-Identifier: MIT
# Publishes each line of its input: over_feed.rb /run/fanfare/feed.sock news
require 'securerandom'
require 'socket'

# A line for each of the value's, so that no value makes a field of another name.
def field(name, value)
  "#{name}: #{value.gsub(/\r\n|\r|\n/, "\n#{name}: ")}\n"
end

class Feed
  def initialize(path)
    @path = path
  end

  # Gives the event's id, once it is published; raises ArgumentError if it is refused.
  def publish(channel, data, key = SecureRandom.uuid)
    ask("#{field('channel', channel)}#{field('key', key)}ack: 1\n#{field('data', data)}\n")
  rescue SystemCallError, IOError # by its key it is published once, however often it is sent
    @stream = nil
    sleep 0.5
    retry
  end

  private

  def ask(event)
    @stream ||= UNIXSocket.new(@path)
    @stream.write(event)
    answer = {}
    until (line = @stream.readline(chomp: true)).empty?
      name, value = line.split(': ', 2)
      answer[name] = value
    end
    raise IOError, 'the feed has ended' if answer['error'] == 'stopping'
    answer['id'] || raise(ArgumentError, answer['error'])
  end
end

$stdout.sync = true
feed = Feed.new(ARGV[0])
$stdin.each_line(chomp: true) { |line| puts feed.publish(ARGV[1], line) }
