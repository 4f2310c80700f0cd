// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// Products of other packages, by the names this one uses for them.
enum Product {
  static let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
  static let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
  static let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
  static let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
  static let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
  static let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
  static let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
  static let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
  static let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
  static let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
  static let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
  static let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
  static let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
  static let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
}

func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies, exclude: exclude,
    swiftSettings: strict)
}

let package = Package(
  name: "lifeecho",
  products: [.executable(name: "lifeecho", targets: ["lifeecho"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  ],
  targets: [
    // C libraries of the system, each used by one room.
    .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    // What needs instructions that Swift cannot name.
    .target(name: "CVector"),
    // Generated C: the contract's wire form.
    .target(name: "RPCWire", dependencies: ["CProtobufC"]),
    .target(name: "ConversationWire", dependencies: ["CProtobufC", "RPCWire"]),
    // What listeners and sockets of every protocol have in common.
    target("Sockets", [Product.nioCore, Product.nioPosix]),
    // The RPC stack.
    target("Protobuf", ["CProtobufC"]),
    target("TLS", ["COpenSSL", Product.nioCore, Product.nioPosix]),
    target("HTTP2", ["CNGHTTP2", "Sockets", Product.nioCore, Product.nioPosix]),
    target(
      "RPC",
      [
        "HTTP2", "TLS", "Sockets", "Protobuf", "RPCWire", Product.nioCore, Product.nioPosix, Product.logging,
        Product.metrics,
        Product.deque,
      ]),
    target("ConversationAPI", ["RPC", "Protobuf", "ConversationWire", Product.nioCore, Product.deque]),
    target("TimeText"),
    target("JSON", ["CVector", Product.nioCore]),
    target("ProtobufJSON", ["JSON", "TimeText"]),
    // The bridge: an RPC client that speaks WebSocket with phones.
    target("WebSocket", ["CZlib", "Sockets", Product.nioCore, Product.nioPosix, Product.nioHTTP1]),
    .target(
      name: "WebSocketBridge",
      dependencies: [
        "ConversationAPI", "RPC", "WebSocket", "TLS", "JSON", "TimeText", Product.nioCore, Product.logging,
        Product.metrics, Product.coreMetrics, Product.deque,
      ], path: "bridge", exclude: ["PROTOCOL.md", "Console/README.md"], resources: [.embedInCode("Console")],
      swiftSettings: strict),
    // The application.
    target("Interview", ["JSON"]),
    target("Conversation", ["Interview", Product.logging, Product.metrics, Product.deque, Product.crypto]),
    target("PostgreSQL", ["CLibPQ"]),
    target("ConversationStore", ["PostgreSQL", "Conversation", "Interview", "JSON"]),
    target(
      "Engines",
      ["Conversation", "Interview", Product.httpClient, Product.nioCore, Product.nioHTTP1, Product.logging]),
    target("Auth", [Product.jwt, Product.crypto]),
    target(
      "Operations",
      [
        "Sockets", "TimeText", Product.nioCore, Product.nioPosix, Product.nioHTTP1, Product.logging,
        Product.coreMetrics,
      ]),
    target("ConversationServer", ["RPC", "ConversationAPI", "Conversation", "Interview", "Auth", "Protobuf"]),
    .executableTarget(
      name: "lifeecho",
      dependencies: [
        "RPC", "HTTP2", "TLS", "ConversationAPI", "ConversationServer", "Conversation", "Interview", "PostgreSQL",
        "ConversationStore", "Engines", "Auth", "Operations", "Protobuf", "ProtobufJSON", "WebSocket",
        "WebSocketBridge",
        Product.nioCore, Product.nioPosix, Product.nioHTTP1, Product.logging, Product.metrics, Product.coreMetrics,
        Product.lifecycle, Product.signals, Product.arguments,
      ], swiftSettings: strict),
    // Tests, one folder per target, and what they share.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    tests("Interview"),
    tests("Conversation", ["Interview", Product.logging]),
    tests("PostgreSQL"),
    tests("ConversationStore", ["PostgreSQL", "Conversation", "Interview", Product.logging]),
    .executableTarget(
      name: "websocket-echo-server", dependencies: ["WebSocket", Product.nioCore, Product.nioPosix],
      path: "Tests/Interop/websocket-echo-server", swiftSettings: strict),
    .executableTarget(
      name: "bridge-null",
      dependencies: [
        "ConversationAPI", "RPC", "WebSocket", "WebSocketBridge", Product.nioCore, Product.nioPosix, Product.logging,
      ], path: "benchmarks/bridge-null", swiftSettings: strict),
    tests("WebSocket", ["TLS", Product.nioCore, Product.nioPosix, Product.nioHTTP1, Product.nioEmbedded]),
    tests(
      "WebSocketBridge",
      [
        "WebSocket", "ConversationAPI", "RPC", "HTTP2", "JSON", "TimeText", Product.nioCore, Product.nioPosix,
        Product.logging,
      ]),
    tests(
      "TLS",
      [
        "COpenSSL", "RPC", "HTTP2", "Protobuf", Product.nioCore, Product.nioPosix, Product.nioEmbedded, Product.logging,
      ]),
    tests("HTTP2", ["CNGHTTP2", Product.nioCore, Product.nioPosix, Product.nioEmbedded]),
    tests(
      "RPC",
      [
        "CNGHTTP2", "HTTP2", "Protobuf", Product.nioCore, Product.nioPosix, Product.logging, Product.metrics,
        Product.coreMetrics,
      ]),
    tests("Protobuf", ["RPC", "RPCWire", "ConversationAPI", "ConversationWire"]),
    tests("ConversationAPI", ["RPC", "Protobuf", Product.nioCore]),
    tests("TimeText"),
    tests("JSON"),
    tests("ProtobufJSON", ["ConversationAPI", "RPC", "Protobuf"]),
    tests("ConversationServer", ["RPC", "ConversationAPI", "Conversation", "Interview", "Protobuf"]),
    tests("Auth", [Product.jwt, Product.crypto]),
    tests(
      "Operations",
      [
        Product.nioCore, Product.nioPosix, Product.logging, Product.coreMetrics, Product.metrics,
      ]),
    tests("Engines", ["Conversation", "Interview", Product.nioCore, Product.nioPosix]),
  ]
)
