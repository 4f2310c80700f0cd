import NIOCore
import Protobuf

/// A registered method, whatever its message types.
protocol Route: AnyObject, Sendable {
  var descriptor: MethodDescriptor { get }
  var isUnary: Bool { get }
  /// Exactly one request: unary and server-streaming methods.
  var takesOneRequest: Bool { get }
  /// Whether the handler is one that does not suspend.
  var isImmediate: Bool { get }
  /// One request in, one response with its prefix out. For unary methods only.
  nonisolated(nonsending) func respond(
    to request: ByteBuffer, _ context: ServerContext, limit_bytes: Int
  ) async throws -> ByteBuffer
  /// The same, for immediate methods only.
  func respondAtOnce(to request: ByteBuffer, _ context: ServerContext, limit_bytes: Int) throws -> ByteBuffer
  /// One request in, any number of responses with their prefixes out. For server-streaming methods only.
  func stream(
    _ request: consuming ByteBuffer, to responses: any MessageSink<ByteBuffer>, _ context: ServerContext,
    limit_bytes: Int
  ) async throws
  /// Any call type, on coded messages: `requests` without prefix, `responses` with it.
  func run(
    requests: any MessageSource<ByteBuffer>, responses: any MessageSink<ByteBuffer>, _ context: ServerContext,
    limit_bytes: Int
  ) async throws
}

/// A registered method with its types.
final class TypedRoute<Request: WireMessage, Response: WireMessage>: Route {
  /// Unary handlers stay on the caller's executor, which is the loop's: each avoided hop saves 50 ns.
  typealias UnaryHandler = nonisolated(nonsending) @Sendable (Request, ServerContext) async throws -> Response

  enum Handler: Sendable {
    case unary(UnaryHandler)
    case immediate(@Sendable (Request, ServerContext) throws -> Response)
    case clientStreaming(@Sendable (RequestStream<Request>, ServerContext) async throws -> Response)
    case serverStreaming(@Sendable (Request, ResponseWriter<Response>, ServerContext) async throws -> Void)
    case bidirectional(
      @Sendable (RequestStream<Request>, ResponseWriter<Response>, ServerContext) async throws -> Void)
  }

  let descriptor: MethodDescriptor
  let isUnary: Bool
  let takesOneRequest: Bool
  let isImmediate: Bool
  private let handler: Handler

  init(_ descriptor: MethodDescriptor, _ handler: Handler) {
    self.descriptor = descriptor
    isUnary = descriptor.type == .unary
    takesOneRequest = !descriptor.type.streamsRequests
    isImmediate = if case .immediate = handler { true } else { false }
    self.handler = handler
  }

  nonisolated(nonsending) func respond(
    to request: ByteBuffer, _ context: ServerContext, limit_bytes: Int
  ) async throws -> ByteBuffer {
    guard case .unary(let handle) = handler else {
      return try respondAtOnce(to: request, context, limit_bytes: limit_bytes)
    }
    let message = try MessageFraming.decode(Request.self, from: request)
    return try MessageFraming.frame(try await handle(message, context), limit_bytes: limit_bytes)
  }

  /// The same on typed messages.
  nonisolated(nonsending) func respond(_ request: Request, _ context: ServerContext) async throws -> Response {
    switch handler {
    case .unary(let handle): try await handle(request, context)
    case .immediate(let handle): try handle(request, context)
    default: throw Status(.internal, "not a unary method")
    }
  }

  func respondAtOnce(to request: ByteBuffer, _ context: ServerContext, limit_bytes: Int) throws -> ByteBuffer {
    guard case .immediate(let handle) = handler else { throw Status(.internal, "not an immediate method") }
    let message = try MessageFraming.decode(Request.self, from: request)
    return try MessageFraming.frame(try handle(message, context), limit_bytes: limit_bytes)
  }

  func stream(
    _ request: consuming ByteBuffer, to responses: any MessageSink<ByteBuffer>, _ context: ServerContext,
    limit_bytes: Int
  ) async throws {
    guard case .serverStreaming(let handle) = handler else { throw Status(.internal, "not a server-streaming method") }
    // An open stream waits here: nothing else is kept of the way to it.
    try await handle(
      MessageFraming.decode(Request.self, from: consume request),
      ResponseWriter(FramingSink<Response>(sink: responses, limit_bytes: limit_bytes)), context)
  }

  /// The same on typed messages.
  func stream(
    _ request: Request, to responses: any MessageSink<Response>, _ context: ServerContext
  ) async throws {
    guard case .serverStreaming(let handle) = handler else { throw Status(.internal, "not a server-streaming method") }
    try await handle(request, ResponseWriter(responses), context)
  }

  func run(
    requests: any MessageSource<ByteBuffer>, responses: any MessageSink<ByteBuffer>, _ context: ServerContext,
    limit_bytes: Int
  ) async throws {
    try await handle(
      requests: DecodingSource<Request>(source: requests),
      responses: FramingSink<Response>(sink: responses, limit_bytes: limit_bytes), context)
  }

  /// Any call type, on typed messages.
  func handle(
    requests: any MessageSource<Request>, responses: any MessageSink<Response>, _ context: ServerContext
  ) async throws {
    switch handler {
    case .unary(let handle):
      try await responses.write(handle(single(requests), context))
    case .immediate(let handle):
      try await responses.write(handle(single(requests), context))
    case .clientStreaming(let handle):
      try await responses.write(handle(RequestStream(requests), context))
    case .serverStreaming:
      try await stream(single(requests), to: responses, context)
    case .bidirectional(let handle):
      try await handle(RequestStream(requests), ResponseWriter(responses), context)
    }
  }

  private func single(_ requests: any MessageSource<Request>) async throws -> Request {
    guard let request = try await requests.next() else { throw Status.missingRequest }
    guard try await requests.next() == nil else { throw Status.severalRequests }
    return request
  }
}

extension Status {
  /// "Request cardinality violation" is UNIMPLEMENTED (grpc/doc/statuscodes.md).
  static let missingRequest = Status(.unimplemented, "the client sent no request; the method takes exactly one")
  static let severalRequests = Status(
    .unimplemented, "the client sent more than one request; the method takes exactly one")
}

/// Parses messages as they are read.
struct DecodingSource<Message: WireMessage>: MessageSource {
  let source: any MessageSource<ByteBuffer>

  func next() async throws -> Message? {
    guard let buffer = try await source.next() else { return nil }
    return try MessageFraming.decode(Message.self, from: buffer)
  }
}

/// Packs messages as they are written.
struct FramingSink<Message: WireMessage>: MessageSink {
  let sink: any MessageSink<ByteBuffer>
  let limit_bytes: Int

  func write(_ message: Message) async throws {
    try await sink.write(MessageFraming.frame(message, limit_bytes: limit_bytes))
  }

  func flush() async throws { try await sink.flush() }
}
