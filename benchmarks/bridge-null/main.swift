// The bridge in front of a service that does nothing: what the bridge costs, and no more.
//
// Usage: bridge-null --listen HOST:PORT   the bridge
//        bridge-null --grpc HOST:PORT     the service alone, over gRPC, on one event loop
// Prints "listening on HOST:PORT" and runs until it is killed. Any token is a user, any conversation is theirs.

import ConversationAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import WebSocket
import WebSocketBridge

let arguments = CommandLine.arguments
guard arguments.count == 3, ["--listen", "--grpc"].contains(arguments[1]),
  let address = ListenAddress(arguments[2]), case .tcp(let host, let port) = address
else {
  FileHandle.standardError.write(Data("usage: bridge-null --listen HOST:PORT | --grpc HOST:PORT\n".utf8))
  exit(2)
}

let group = MultiThreadedEventLoopGroup.singleton
let logger = Logger(label: "bridge-null") { _ in SwiftLogNoOpLogHandler() }
var router = ServerRouter()
NullService().register(on: &router)
let policy = ServerPolicy(router: router, interceptors: [], logger: logger)
var listening = address.description
if arguments[1] == "--grpc" {
  let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let server = GRPCServer(configuration: .init(addresses: [address]), policy: policy, group: loop)
  listening = try await server.start().map(\.description).joined()
} else {
  // All of the load comes from one address.
  var settings = BridgeSettings()
  settings.connectionsPerAddress = 0
  let server = try await BridgeServer.start(
    on: .tcp(host: host, port: port), channel: InProcessChannel(policy: policy, group: group),
    credentials: BridgeCredentials { _ in "service" }, settings: settings, group: group, logger: logger)
  listening = "\(host):\(server.localAddress?.port ?? port)"
}
FileHandle.standardOutput.write(Data("listening on \(listening)\n".utf8))
while true { try await Task.sleep(for: .seconds(3600)) }
