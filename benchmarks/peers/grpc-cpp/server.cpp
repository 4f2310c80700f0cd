// The peer of the unary benchmark: C++ gRPC's callback API answering grpc.health.v1.Health/Check.
//
// Build: see ../../run.sh (health.pb.cc and health.grpc.pb.cc come from protos/grpc/health/v1/health.proto).
// Usage: server PORT

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

#include "health.grpc.pb.h"

class HealthService final : public grpc::health::v1::Health::CallbackService {
  grpc::ServerUnaryReactor *Check(grpc::CallbackServerContext *context, const grpc::health::v1::HealthCheckRequest *,
                                  grpc::health::v1::HealthCheckResponse *response) override {
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    auto *reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int main(int argc, char **argv) {
  HealthService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "0"),
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  auto server = builder.BuildAndStart();
  if (!server) return 1;
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  server->Wait();
}
