import Protobuf
import TestSupport
import Testing

@testable import RPC

@Suite(.serialized) struct HealthTests {
  @Test(arguments: Transport.allCases)
  func checkListAndWatch(transport: Transport) async throws {
    let registry = HealthRegistry()
    try await TestServer.run(transport, extra: { HealthService(registry).register(on: &$0) }) { server async throws in
      let client = HealthV1.HealthClient(server.channel)
      #expect(try await client.check(.init()).status == .serving)
      await #expect(throws: Status(.notFound, "unknown service")) { try await client.check(.init(service: "a")) }

      let watch = client.watch(.init(service: "a")).call
      #expect(try await watch.next()?.status == .serviceUnknown)
      registry.set(.serving, for: "a")
      #expect(try await watch.next()?.status == .serving)
      registry.set(.serving, for: "a")
      registry.setAll(.notServing)
      #expect(try await watch.next()?.status == .notServing)
      registry.set(nil, for: "a")
      #expect(try await watch.next()?.status == .serviceUnknown)

      #expect(try await client.list(.init()).statuses == ["": .init(status: .notServing)])
      watch.cancel()
      #expect(await eventually { registry.watcherCount == 0 })
    }
  }

  @Test func watchersAndListAreBounded() async throws {
    let registry = HealthRegistry()
    var streams: [AsyncStream<HealthRegistry.ServingStatus>] = []
    for _ in 0..<RPC.Limits.healthWatchers { streams.append(try registry.watch("")) }
    #expect(throws: Status.self) { try registry.watch("") }
    streams = []
    #expect(await eventually { registry.watcherCount == 0 })
    for index in 0...RPC.Limits.healthListedServices { registry.set(.serving, for: "s\(index)") }
    await #expect(throws: Status.self) {
      try await HealthService(registry).list(.init(), context: ServerContext(method: HealthV1.Health.list.descriptor))
    }
  }
}
