#include "phone_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

Address::Address(const std::string &text) {
  auto colon = text.rfind(':');
  name.sin_family = AF_INET;
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &name.sin_addr) != 1)
    throw std::runtime_error("not an address: " + text);
  name.sin_port = htons(static_cast<uint16_t>(std::stoi(text.substr(colon + 1))));
}

PhoneSocket::PhoneSocket(Loop &loop, const Address &address, const std::string &path, bool offers_deflate)
    : loop_(loop) {
  request_ = "GET " + path +
             " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
             (offers_deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "") + "\r\n";
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
  int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(descriptor_, reinterpret_cast<const sockaddr *>(&address.name), sizeof address.name) != 0 &&
      errno != EINPROGRESS)
    throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
  loop_.add(descriptor_, EPOLLIN | EPOLLOUT, this);
}

PhoneSocket::~PhoneSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::string PhoneSocket::text_frame(std::string_view text) {
  std::string frame(1, char(0x81));
  if (text.size() < 126) {
    frame += char(0x80 | text.size());
  } else if (text.size() < 65536) {
    frame += char(0x80 | 126);
    frame += char(text.size() >> 8);
    frame += char(text.size());
  } else {
    frame += char(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) frame += char(uint64_t(text.size()) >> shift);
  }
  frame.append(4, '\0');
  frame += text;
  return frame;
}

void PhoneSocket::ready(uint32_t events) {
  if (state_ == State::connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return end(std::string("connect: ") + std::strerror(error));
    state_ = State::upgrading;
    unsent_ = std::move(request_);
    request_.clear();
    request_.shrink_to_fit();
    flush();
    if (state_ == State::closed) return;
  }
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
    static char buffer[1 << 16];
    while (descriptor_ >= 0) {
      ssize_t count = read(descriptor_, buffer, sizeof buffer);
      if (count > 0) {
        received_.append(buffer, static_cast<size_t>(count));
        received();
        if (count < static_cast<ssize_t>(sizeof buffer)) break;
      } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        break;
      } else {
        return end(count == 0 ? "the peer closed" : std::string("read: ") + std::strerror(errno));
      }
    }
  }
  if ((events & EPOLLOUT) && descriptor_ >= 0 && state_ != State::connecting) flush();
}

void PhoneSocket::send(std::string_view frame) {
  if (descriptor_ < 0) return;
  if (unsent_.empty()) {
    ssize_t count = ::send(descriptor_, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) return end(std::string("send: ") + std::strerror(errno));
    frame.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
  }
  unsent_ += frame;
  watch();
}

void PhoneSocket::flush() {
  bool had_unsent = !unsent_.empty();
  while (!unsent_.empty()) {
    ssize_t count = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN) break;
      return end(std::string("send: ") + std::strerror(errno));
    }
    unsent_.erase(0, static_cast<size_t>(count));
  }
  watch();
  if (had_unsent && unsent_.empty() && state_ == State::open) drained();
}

void PhoneSocket::watch() {
  if (descriptor_ < 0 || wants_writable_ == !unsent_.empty()) return;
  wants_writable_ = !unsent_.empty();
  loop_.change(descriptor_, EPOLLIN | (wants_writable_ ? EPOLLOUT : 0u), this);
}

void PhoneSocket::received() {
  if (state_ == State::upgrading) {
    auto head = received_.find("\r\n\r\n");
    if (head == std::string::npos) return;
    if (received_.compare(0, 12, "HTTP/1.1 101") != 0) return end(received_.substr(0, received_.find("\r\n")));
    received_.erase(0, head + 4);
    state_ = State::open;
    opened();
  }
  while (descriptor_ >= 0 && parse_frame()) {
  }
  received_.erase(0, parsed_);
  parsed_ = 0;
  if (received_.empty() && received_.capacity() > 1024) received_.shrink_to_fit();
}

bool PhoneSocket::parse_frame() {
  auto *bytes = reinterpret_cast<const unsigned char *>(received_.data()) + parsed_;
  size_t available = received_.size() - parsed_, length, at = 2;
  if (available < 2) return false;
  length = bytes[1] & 0x7F;
  if (length >= 126) {
    size_t count = length == 126 ? 2 : 8;
    if (available < 2 + count) return false;
    length = 0;
    for (size_t i = 0; i < count; i++) length = length << 8 | bytes[2 + i];
    at += count;
  }
  if (available < at + length) return false;
  bool is_final = bytes[0] & 0x80;
  int opcode = bytes[0] & 0x0F;
  std::string_view payload(received_.data() + parsed_ + at, length);
  parsed_ += at + length;
  if (opcode == 8) {
    auto code = length >= 2 ? (unsigned(bytes[at]) << 8 | bytes[at + 1]) : 1005;
    end("closed with " + std::to_string(code));
    return false;
  }
  if (opcode == 9) {
    std::string pong = text_frame(payload);
    pong[0] = char(0x8A);
    send(pong);
  } else if (opcode <= 2) {
    if (is_final && parts_.empty()) {
      message(payload);
    } else {
      parts_ += payload;
      if (is_final) {
        message(parts_);
        parts_.clear();
      }
    }
  }
  return true;
}

void PhoneSocket::reset() {
  if (descriptor_ < 0) return;
  linger abort{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  close(descriptor_);
  descriptor_ = -1;
  state_ = State::closed;
}

void PhoneSocket::end(const std::string &reason) {
  if (state_ == State::closed) return;
  reset();
  ended(reason);
}
