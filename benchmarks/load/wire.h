// The little of protobuf's wire format that the load needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

inline void put_varint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

inline void put(std::string &out, uint32_t field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out.append(bytes);
}

inline void put(std::string &out, uint32_t field, uint64_t value) {
  put_varint(out, field << 3);
  put_varint(out, value);
}

// Walks the fields of one message: `while (reader.next()) if (reader.field == 1) …`. `failed`: it is malformed.
class WireReader {
public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  uint32_t field = 0;
  uint64_t number = 0;
  std::string_view bytes;
  bool failed = false;

  bool next() {
    if (rest_.empty() || failed) return false;
    uint64_t key = varint();
    field = static_cast<uint32_t>(key >> 3);
    switch (key & 7) {
    case 0: number = varint(); break;
    case 1: take(8); break;
    case 2: take(varint()); break;
    case 5: take(4); break;
    default: failed = true;
    }
    return !failed;
  }

private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed = true;
    return 0;
  }

  void take(uint64_t count) {
    if (count > rest_.size()) {
      failed = true;
      return;
    }
    bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  std::string_view rest_;
};
