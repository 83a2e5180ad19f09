#!/usr/bin/env ruby
# SPDX-License-Identifier: MIT
# Publishes each line of its input: over_http.rb http://127.0.0.1:8080/publish/news
require 'json'
require 'net/http'
require 'securerandom'

# Gives the event's id, once it is published; raises ArgumentError if it is refused.
def publish(url, data, key = SecureRandom.uuid)
  headers = { 'Content-Type' => 'text/plain; charset=utf-8', 'Idempotency-Key' => key }
  loop do
    begin
      answer = Net::HTTP.post(URI(url), data, headers)
      status = answer.code.to_i
      return JSON.parse(answer.body)['ids'][0] if status == 200
      raise ArgumentError, answer.body if status.between?(400, 499) && status != 429
    rescue SystemCallError, IOError, Timeout::Error, Net::ProtocolError
      # no answer, or half of one
    end
    sleep 0.5 # by its key it is published once, however often it is sent
  end
end

$stdout.sync = true
$stdin.each_line(chomp: true) { |line| puts publish(ARGV[0], line) }
