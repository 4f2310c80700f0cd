import Foundation
import NIOCore
import NIOPosix
import WebSocket

// What WebSocket test suites run against: sends every message back as it came.
//
//   websocket-echo-server [--port N] [--ping-seconds N] [--no-deflate] [--deflate-all] [--full-windows]
//   websocket-echo-server --fuzzing-server HOST:PORT    our client instead, under the test of an Autobahn fuzzing server

var configuration = WebSocketConfiguration()
var port = 0
var fuzzingServer: String?
// Test suites send messages of 16 MiB and read the echo only afterwards.
configuration.outboundBuffer_bytes = 64 << 20
configuration.connectionsPerAddress = 0

var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
  switch argument {
  case "--port": port = arguments.popFirst().flatMap { Int($0) } ?? port
  case "--fuzzing-server": fuzzingServer = arguments.popFirst()
  case "--ping-seconds":
    configuration.keepalivePing_s = arguments.popFirst().flatMap { Int($0) } ?? configuration.keepalivePing_s
  case "--no-deflate": configuration.deflate = nil
  case "--deflate-all":
    configuration.deflate?.threshold_bytes = 1
    configuration.deflate?.ceiling_bytes = 16 << 20
  case "--full-windows":
    configuration.deflate?.ownWindowBits = 15
    configuration.deflate?.peerWindowBits = 15
  default:
    print("unknown argument: \(argument)")
    exit(2)
  }
}

if let fuzzingServer {
  try await FuzzedClient(fuzzingServer, configuration).run()
} else {
  let listener = try await WebSocketListener.bind(
    .tcp(host: "127.0.0.1", port: port), group: MultiThreadedEventLoopGroup.singleton, configuration: configuration,
    service: WebSocketService(authorize: { _ in .accept { Echo($0) } }))
  print(listener.localAddress?.port ?? 0)
  fflush(nil)
  while true { try await Task.sleep(for: .seconds(3600)) }
}
