/// `grpc.health.v1.Health` on a registry.
package struct HealthService: HealthV1.HealthHandler {
  private let registry: HealthRegistry

  package init(_ registry: HealthRegistry) {
    self.registry = registry
  }

  package func register(on router: inout ServerRouter) {
    router.register(immediate: HealthV1.Health.check) { try check($0, context: $1) }
    router.register(unary: HealthV1.Health.list) { try await list($0, context: $1) }
    router.register(serverStreaming: HealthV1.Health.watch) { try await watch($0, to: $1, context: $2) }
  }

  package func check(
    _ request: HealthV1.HealthCheckRequest, context: ServerContext
  ) throws -> HealthV1.HealthCheckResponse {
    guard let status = registry.status(of: request.service) else { throw Status(.notFound, "unknown service") }
    return HealthV1.HealthCheckResponse(status: status)
  }

  package func list(
    _ request: HealthV1.HealthListRequest, context: ServerContext
  ) async throws -> HealthV1.HealthListResponse {
    let all = registry.all
    guard all.count <= Limits.healthListedServices else {
      throw Status(.resourceExhausted, "the server has more than \(Limits.healthListedServices) services")
    }
    return HealthV1.HealthListResponse(statuses: all.mapValues { HealthV1.HealthCheckResponse(status: $0) })
  }

  package func watch(
    _ request: HealthV1.HealthCheckRequest, to responses: ResponseWriter<HealthV1.HealthCheckResponse>,
    context: ServerContext
  ) async throws {
    var last: HealthRegistry.ServingStatus?
    for await status in try registry.watch(request.service) where status != last {
      try await responses.write(HealthV1.HealthCheckResponse(status: status))
      last = status
    }
    try Task.checkCancellation()
    if registry.isShutDown { throw Status(.unavailable, "the server is stopping") }
  }
}
