// The peer of the benchmarks of the RPC stack: C++ gRPC's callback API answering grpc.health.v1.Health/Check, and
// StreamAudio as the null service does: every segment is read, answered and dropped.
//
// Build: see ../../run.sh (the C++ of the messages comes from protos/).
// Usage: server PORT

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "lifeecho/conversation/v1/conversation_service.grpc.pb.h"

namespace conversation = lifeecho::conversation::v1;

class HealthService final : public grpc::health::v1::Health::CallbackService {
  grpc::ServerUnaryReactor *Check(grpc::CallbackServerContext *context, const grpc::health::v1::HealthCheckRequest *,
                                  grpc::health::v1::HealthCheckResponse *response) override {
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    auto *reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// One segment at a time: read, answer, read the next.
class AudioReactor final
    : public grpc::ServerBidiReactor<conversation::StreamAudioRequest, conversation::StreamAudioResponse> {
public:
  AudioReactor() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (!request_.has_segment() || request_.segment().more_parts()) return StartRead(&request_);
    response_.Clear();
    response_.set_durable_through(request_.segment().index());
    response_.set_state(conversation::VOICE_SESSION_STATE_RECORDING);
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

private:
  conversation::StreamAudioRequest request_;
  conversation::StreamAudioResponse response_;
};

class ConversationService final : public conversation::ConversationService::CallbackService {
  grpc::ServerBidiReactor<conversation::StreamAudioRequest, conversation::StreamAudioResponse> *
  StreamAudio(grpc::CallbackServerContext *) override {
    return new AudioReactor();
  }
};

int main(int argc, char **argv) {
  HealthService health;
  ConversationService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "0"),
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&health);
  builder.RegisterService(&service);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  auto server = builder.BuildAndStart();
  if (!server) return 1;
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
}
