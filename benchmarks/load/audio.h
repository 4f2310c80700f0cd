// Voice sessions that speak as fast as they are acknowledged, and the bare INSERT they are compared with.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

struct AudioPlan {
  std::string address;
  // Session i is the i-th person's.
  std::vector<std::string> users, tokens;
  std::string prefix;
  // At the same time, each on a connection of its own.
  size_t sessions = 64;
  // Segments of a session that are not answered yet.
  int window = 8;
  size_t segment_bytes = 32 << 10;
  double seconds = 0;
  // The segment that ends a session, after which the person begins another one; -1: none does.
  int last_index = -1;
};

struct AudioResult {
  double seconds = 0;
  // From sending a segment, or an INSERT, to its answer.
  std::vector<double> latencies_ms;
};

// Throws std::runtime_error at the first segment that is refused, or a stream that ends by itself.
AudioResult run_audio(const AudioPlan &plan);

// Rows of a key and `bytes` bytes, one transaction each, on so many connections at the same time.
AudioResult run_inserts(const std::string &url, int connections, size_t bytes, double seconds);
