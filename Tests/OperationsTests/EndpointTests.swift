import Testing

@testable import Operations

@Suite struct EndpointTests {
  @Test(
    arguments: [
      ("127.0.0.1:50051", .tcp(host: "127.0.0.1", port: 50_051)), ("localhost:0", .tcp(host: "localhost", port: 0)),
      ("[::1]:80", .tcp(host: "::1", port: 80)), ("[fe80::1%eth0]:80", .tcp(host: "fe80::1%eth0", port: 80)),
      ("0.0.0.0:65535", .tcp(host: "0.0.0.0", port: 65_535)), ("unix:/run/x.sock", .unix(path: "/run/x.sock")),
      ("unix:x.sock", .unix(path: "x.sock")), ("unix:///run/x.sock", .unix(path: "/run/x.sock")), ("off", .off),
    ] as [(String, Endpoint)])
  func reads(_ text: String, _ endpoint: Endpoint) throws {
    #expect(try Endpoint(parsing: text) == endpoint)
    #expect(try Endpoint(parsing: endpoint.description) == endpoint)
  }

  @Test(arguments: [
    ("", "no port"), ("localhost", "no port"), ("50051", "no port"), (":50051", "host is missing"),
    ("localhost:", "not a port"), ("localhost:http", "not a port"), ("localhost:65536", "not a port"),
    ("localhost:-1", "not a port"), ("localhost:٥", "not a port"), ("localhost:000080", "not a port"),
    ("::1:80", "needs brackets"), ("[::1]", "not a port"), ("[::1:80", "not an IPv6"), ("[]:80", "not an IPv6"),
    ("[localhost]:80", "not an IPv6"), ("http://localhost:80", "needs brackets"), ("a b:80", "not a host name"),
    ("您好:80", "not a host name"), ("unix:", "needs a path"), ("OFF", "no port"), ("a\u{0}b:80", "not a host name"),
  ])
  func refuses(_ text: String, _ problem: String) {
    #expect { try Endpoint(parsing: text) } throws: { ($0 as? InvalidValue)?.problem.contains(problem) == true }
  }

  @Test func boundsASocketPath() throws {
    _ = try Endpoint(parsing: "unix:/" + String(repeating: "a", count: Limits.unixPathBytes - 1))
    #expect(throws: InvalidValue.self) {
      try Endpoint(parsing: "unix:/" + String(repeating: "a", count: Limits.unixPathBytes))
    }
  }
}
