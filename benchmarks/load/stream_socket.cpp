#include "stream_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

StreamSocket::StreamSocket(Loop &loop, const std::string &address) : loop_(loop) {
  sockaddr_storage storage{};
  socklen_t length;
  if (address.rfind("unix:", 0) == 0) {
    auto *name = reinterpret_cast<sockaddr_un *>(&storage);
    name->sun_family = AF_UNIX;
    std::strncpy(name->sun_path, address.c_str() + 5, sizeof name->sun_path - 1);
    length = sizeof *name;
  } else {
    auto colon = address.rfind(':');
    auto *name = reinterpret_cast<sockaddr_in *>(&storage);
    name->sin_family = AF_INET;
    if (colon == std::string::npos || inet_pton(AF_INET, address.substr(0, colon).c_str(), &name->sin_addr) != 1)
      throw std::runtime_error("not an address: " + address);
    name->sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    length = sizeof *name;
  }
  descriptor_ = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
  if (connect(descriptor_, reinterpret_cast<sockaddr *>(&storage), length) != 0)
    throw std::runtime_error("connect " + address + ": " + std::strerror(errno));
  fcntl(descriptor_, F_SETFL, O_NONBLOCK);
  int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  loop_.add(descriptor_, EPOLLIN, this);
}

StreamSocket::~StreamSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

void StreamSocket::ready(uint32_t events) {
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    char buffer[65536];
    while (descriptor_ >= 0) {
      ssize_t count = read(descriptor_, buffer, sizeof buffer);
      if (count > 0) {
        received(buffer, static_cast<size_t>(count));
        if (count < static_cast<ssize_t>(sizeof buffer)) break;
      } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        break;
      } else {
        end();
        return;
      }
    }
  }
  if (events & EPOLLOUT) flush();
}

void StreamSocket::send(const char *bytes, size_t count) {
  unsent_.append(bytes, count);
  flush();
}

void StreamSocket::flush() {
  while (descriptor_ >= 0 && !unsent_.empty()) {
    ssize_t count = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        end();
        return;
      }
      break;
    }
    unsent_.erase(0, static_cast<size_t>(count));
  }
  if (descriptor_ >= 0 && wants_writable_ != !unsent_.empty()) {
    wants_writable_ = !unsent_.empty();
    loop_.change(descriptor_, wants_writable_ ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
  }
}

void StreamSocket::end() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  descriptor_ = -1;
  ended();
}
