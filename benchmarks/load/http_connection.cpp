#include "http_connection.h"

#include <strings.h>

#include <cstdlib>
#include <stdexcept>

void HTTPConnection::post(const std::string &path, const std::string &json,
                          std::function<void(int, std::string_view)> ended) {
  waiting_ = std::move(ended);
  std::string request = "POST " + path + " HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
                        "content-length: " + std::to_string(json.size()) + "\r\n\r\n" + json;
  send(request.data(), request.size());
}

void HTTPConnection::received(const char *bytes, size_t count) {
  response_.append(bytes, count);
  auto head = response_.find("\r\n\r\n");
  if (head == std::string::npos) return;
  size_t length = 0;
  for (size_t line = response_.find("\r\n"); line < head; line = response_.find("\r\n", line + 2)) {
    static constexpr std::string_view name = "content-length:";
    if (strncasecmp(response_.c_str() + line + 2, name.data(), name.size()) == 0)
      length = std::strtoul(response_.c_str() + line + 2 + name.size(), nullptr, 10);
  }
  if (response_.size() < head + 4 + length) return;
  std::string whole;
  whole.swap(response_);
  auto ended = std::move(waiting_);
  waiting_ = nullptr;
  if (!ended) throw std::runtime_error("an answer that nobody asked for");
  ended(std::atoi(whole.c_str() + 9), std::string_view(whole).substr(head + 4, length));
}

void HTTPConnection::ended() {
  if (waiting_) throw std::runtime_error("the server closed a connection with a request on it");
}
