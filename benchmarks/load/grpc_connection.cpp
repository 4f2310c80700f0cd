#include "grpc_connection.h"

#include <algorithm>
#include <cstring>

struct GRPCConnection::Stream {
  Call call;
  std::string request;
  size_t sent = 0;
  bool more = false;
  std::string response;
  int status = -1;
  std::string text;
};

namespace {
nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t *>(const_cast<char *>(name.data())),
          reinterpret_cast<uint8_t *>(const_cast<char *>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

std::string framed(const std::string &message) {
  std::string bytes(5, '\0');
  for (int i = 0; i < 4; i++) bytes[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i));
  return bytes + message;
}
} // namespace

GRPCConnection::Stream *GRPCConnection::stream(nghttp2_session *session, int32_t id) {
  return static_cast<Stream *>(nghttp2_session_get_stream_user_data(session, id));
}

GRPCConnection::GRPCConnection(Loop &loop, const std::string &address) : StreamSocket(loop, address) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                    const uint8_t *value, size_t length, uint8_t, void *) {
        auto *stream = GRPCConnection::stream(session, frame->hd.stream_id);
        std::string_view key(reinterpret_cast<const char *>(name), name_length);
        std::string text(reinterpret_cast<const char *>(value), length);
        if (stream && key == "grpc-status") stream->status = std::atoi(text.c_str());
        if (stream && key == "grpc-message") stream->text = text;
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session *session, uint8_t, int32_t id, const uint8_t *data, size_t length, void *) {
        auto *stream = GRPCConnection::stream(session, id);
        if (!stream) return 0;
        auto &bytes = stream->response;
        bytes.append(reinterpret_cast<const char *>(data), length);
        while (bytes.size() >= 5) {
          size_t size = 0;
          for (int i = 1; i < 5; i++) size = size << 8 | static_cast<unsigned char>(bytes[i]);
          if (bytes.size() < 5 + size) break;
          if (stream->call.message) stream->call.message(std::string_view(bytes).substr(5, size));
          bytes.erase(0, 5 + size);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session *session, int32_t id, uint32_t, void *self) {
        std::unique_ptr<Stream> stream(GRPCConnection::stream(session, id));
        if (!stream) return 0;
        static_cast<GRPCConnection *>(self)->open_ -= 1;
        nghttp2_session_set_stream_user_data(session, id, nullptr);
        if (stream->call.ended) stream->call.ended(stream->status, stream->text);
        return 0;
      });
  // Frames as long as the server takes them, as gRPC's own clients do.
  nghttp2_session_callbacks_set_data_source_read_length_callback(
      callbacks, [](nghttp2_session *, uint8_t, int32_t, int32_t session_window, int32_t stream_window,
                    uint32_t frame_size, void *) -> ssize_t {
        return std::min<int64_t>({session_window, stream_window, frame_size});
      });
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  write();
}

GRPCConnection::~GRPCConnection() { nghttp2_session_del(session_); }

void GRPCConnection::start(const std::string &path, const std::string &authorization, const std::string &message,
                           Call call) {
  auto stream = std::make_unique<Stream>();
  stream->call = std::move(call);
  stream->request = framed(message);
  submit(path, authorization, std::move(stream));
}

int32_t GRPCConnection::open(const std::string &path, const std::string &authorization, Call call) {
  auto stream = std::make_unique<Stream>();
  stream->call = std::move(call);
  stream->more = true;
  return submit(path, authorization, std::move(stream));
}

void GRPCConnection::push(int32_t id, const std::string &message) {
  auto *open = stream(session_, id);
  if (!open) return;
  open->request.erase(0, open->sent);
  open->sent = 0;
  open->request += framed(message);
  nghttp2_session_resume_data(session_, id);
  write();
}

void GRPCConnection::finish(int32_t id) {
  auto *open = stream(session_, id);
  if (!open) return;
  open->more = false;
  nghttp2_session_resume_data(session_, id);
  write();
}

int32_t GRPCConnection::submit(const std::string &path, const std::string &authorization,
                               std::unique_ptr<Stream> stream) {
  nghttp2_nv fields[8] = {field(":method", "POST"),   field(":scheme", "http"),
                          field(":path", path),       field(":authority", "localhost"),
                          field("te", "trailers"),    field("content-type", "application/grpc"),
                          field("user-agent", "load"), field("authorization", authorization)};
  nghttp2_data_provider provider{};
  provider.source.ptr = stream.get();
  provider.read_callback = [](nghttp2_session *, int32_t, uint8_t *buffer, size_t length, uint32_t *flags,
                              nghttp2_data_source *source, void *) -> ssize_t {
    auto *stream = static_cast<Stream *>(source->ptr);
    size_t count = std::min(length, stream->request.size() - stream->sent);
    if (count == 0 && stream->more) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(buffer, stream->request.data() + stream->sent, count);
    stream->sent += count;
    if (stream->sent == stream->request.size() && !stream->more) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  };
  size_t count = authorization.empty() ? 7 : 8;
  int32_t id = nghttp2_submit_request(session_, nullptr, fields, count, &provider, stream.get());
  if (id < 0) throw std::runtime_error(nghttp2_strerror(id));
  stream.release();
  open_ += 1;
  write();
  return id;
}

void GRPCConnection::received(const char *bytes, size_t count) {
  in_session_ = true;
  ssize_t taken = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t *>(bytes), count);
  in_session_ = false;
  if (taken < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(taken)));
  write();
}

void GRPCConnection::write() {
  if (in_session_) return;
  in_session_ = true;
  const uint8_t *bytes;
  ssize_t count;
  std::string out;
  while ((count = nghttp2_session_mem_send(session_, &bytes)) > 0)
    out.append(reinterpret_cast<const char *>(bytes), static_cast<size_t>(count));
  in_session_ = false;
  if (!out.empty()) send(out.data(), out.size());
}

void GRPCConnection::ended() {
  if (open_ > 0) throw std::runtime_error("the server closed a connection with calls on it");
}
