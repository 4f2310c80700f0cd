import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOPosix

/// The peer of the unary benchmark: grpc-swift-2 answering grpc.health.v1.Health/Check on one event loop.
///
/// Usage: HealthServer PORT
///
/// Messages stay bytes, which spares it the cost of swift-protobuf: whatever it loses by, it is not the coding.
@main
struct HealthServer {
  static func main() async throws {
    let port = Int(CommandLine.arguments.dropFirst().first ?? "") ?? 0
    let transport = HTTP2ServerTransport.Posix(
      address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: .plaintext,
      eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1))
    let server = GRPCServer(transport: transport, services: [HealthService()])
    try await server.serve()
  }
}

struct HealthService: RegistrableRPCService {
  /// HealthCheckResponse{status: SERVING}.
  static let serving: [UInt8] = [0x08, 0x01]

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    router.registerHandler(
      forMethod: MethodDescriptor(fullyQualifiedService: "grpc.health.v1.Health", method: "Check"),
      deserializer: Bytes(), serializer: Bytes()
    ) { request, _ in
      _ = try await ServerRequest(stream: request)
      return StreamingServerResponse(single: ServerResponse(message: Self.serving))
    }
  }
}

struct Bytes: MessageSerializer, MessageDeserializer {
  func serialize<Buffer: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Buffer { Buffer(message) }

  func deserialize<Buffer: GRPCContiguousBytes>(_ bytes: Buffer) throws -> [UInt8] {
    bytes.withUnsafeBytes { [UInt8]($0) }
  }
}
