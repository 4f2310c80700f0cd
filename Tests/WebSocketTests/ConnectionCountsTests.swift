import NIOCore
import Testing

@testable import WebSocket

struct ConnectionCountsTests {
  private func key(_ address: String) throws -> AddressKey? {
    AddressKey(try SocketAddress(ipAddress: address, port: 1))
  }

  private func counts(total: Int = 0, perAddress: Int = 0) -> ConnectionCounts {
    var configuration = WebSocketConfiguration()
    configuration.connections = total
    configuration.connectionsPerAddress = perAddress
    return ConnectionCounts(configuration)
  }

  private func outcome(_ admission: ConnectionCounts.Admission) -> String {
    switch admission {
    case .admitted: "admitted"
    case .refused(let limit): "refused \(limit.rawValue)"
    case .dropped(let limit): "dropped \(limit.rawValue)"
    }
  }

  @Test func whoSharesALimit() throws {
    #expect(try key("192.0.2.1") != key("192.0.2.2"))
    #expect(try key("::ffff:192.0.2.1") == key("192.0.2.1"))
    #expect(try key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"))
    #expect(try key("2001:db8:1:2::1") != key("2001:db8:1:3::1"))
    #expect(try key("::c000:201") != key("192.0.2.1"))
    #expect(AddressKey(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
    #expect(AddressKey(nil) == nil)
  }

  @Test(arguments: [true, false]) func refusedAboveTheLimitAndDroppedFarAboveIt(isTotal: Bool) throws {
    let counts = isTotal ? counts(total: 3) : counts(perAddress: 3)
    let name = isTotal ? "connections" : "connections_per_address"
    let address = try key("192.0.2.1")
    var outcomes: [String: Int] = [:]
    for _ in 0..<(3 + Limits.refusedConnections + 5) { outcomes[outcome(counts.admit(address)), default: 0] += 1 }
    #expect(outcomes == ["admitted": 3, "refused \(name)": Limits.refusedConnections, "dropped \(name)": 5])
    let other = outcome(counts.admit(try key("192.0.2.2")))
    #expect(other == (isTotal ? "dropped connections" : "admitted"))
  }

  @Test func placesComeBack() throws {
    let counts = counts(total: 2, perAddress: 1)
    let first = try key("192.0.2.1")
    #expect(outcome(counts.admit(first)) == "admitted")
    #expect(outcome(counts.admit(first)) == "refused connections_per_address")
    counts.release(first, isUpgraded: false)
    counts.release(first, isUpgraded: false)
    #expect(outcome(counts.admit(first)) == "admitted")
    #expect(outcome(counts.admit(nil)) == "admitted")
    #expect(outcome(counts.admit(nil)) == "refused connections")
    #expect(counts.socketCount == 3)
  }

  @Test func noLimit() throws {
    let counts = counts()
    let address = try key("192.0.2.1")
    for _ in 0..<5_000 { #expect(outcome(counts.admit(address)) == "admitted") }
  }
}
