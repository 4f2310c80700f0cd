#include <libpq-fe.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "audio.h"

namespace {
using Clock = std::chrono::steady_clock;

const char kTable[] =
    "CREATE TABLE IF NOT EXISTS bare_segments (user_id text, conversation_id text, session_id text, "
    "generation integer, index integer, sha256 bytea, content bytea, "
    "PRIMARY KEY (user_id, conversation_id, session_id, generation, index));"
    "ALTER TABLE bare_segments ALTER COLUMN content SET STORAGE EXTERNAL";
const char kInsert[] = "INSERT INTO bare_segments VALUES ($1, 'conversation', 'session', 1, $2, $3, $4)";

struct Connection {
  PGconn *connection = nullptr;
  std::string name;
  uint32_t next = 0;
  Clock::time_point sent;
};

void check(bool good, PGconn *connection) {
  if (!good) throw std::runtime_error(PQerrorMessage(connection));
}

void insert(Connection &one, const std::string &content, const std::string &digest) {
  uint32_t index = __builtin_bswap32(one.next++);
  const char *values[] = {one.name.data(), reinterpret_cast<const char *>(&index), digest.data(), content.data()};
  int lengths[] = {int(one.name.size()), 4, int(digest.size()), int(content.size())};
  int formats[] = {1, 1, 1, 1};
  one.sent = Clock::now();
  check(PQsendQueryPrepared(one.connection, "insert", 4, values, lengths, formats, 1) == 1, one.connection);
  check(PQflush(one.connection) >= 0, one.connection);
}
} // namespace

AudioResult run_inserts(const std::string &url, int connections, size_t bytes, double seconds) {
  std::string content(bytes, 'x'), digest(32, 'd');
  std::vector<Connection> all(static_cast<size_t>(connections));
  int poll = epoll_create1(EPOLL_CLOEXEC);
  for (auto &one : all) {
    one.connection = PQconnectdb(url.c_str());
    check(PQstatus(one.connection) == CONNECTION_OK, one.connection);
    if (&one == &all[0]) PQclear(PQexec(one.connection, kTable));
    one.name = "user-" + std::to_string(PQbackendPID(one.connection));
    PQclear(PQprepare(one.connection, "insert", kInsert, 0, nullptr));
    PQsetnonblocking(one.connection, 1);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    epoll_ctl(poll, EPOLL_CTL_ADD, PQsocket(one.connection), &event);
  }
  AudioResult result;
  auto start = Clock::now();
  auto since = [](Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); };
  size_t open = all.size();
  for (auto &one : all) insert(one, content, digest);
  while (open > 0) {
    epoll_event events[64];
    // A full socket is tried again soon: 32 KiB mostly fit.
    int count = epoll_wait(poll, events, 64, 1);
    for (auto &one : all) check(PQflush(one.connection) >= 0, one.connection);
    for (int i = 0; i < count; i++) {
      auto &one = *static_cast<Connection *>(events[i].data.ptr);
      check(PQconsumeInput(one.connection) == 1, one.connection);
      if (PQisBusy(one.connection)) continue;
      PGresult *answer = PQgetResult(one.connection);
      if (!answer) continue;
      check(PQresultStatus(answer) == PGRES_COMMAND_OK, one.connection);
      PQclear(answer);
      while (PGresult *more = PQgetResult(one.connection)) PQclear(more);
      result.latencies_ms.push_back(since(one.sent) * 1000);
      if (since(start) < seconds) {
        insert(one, content, digest);
      } else {
        open -= 1;
      }
    }
  }
  result.seconds = since(start);
  for (auto &one : all) PQfinish(one.connection);
  return result;
}
