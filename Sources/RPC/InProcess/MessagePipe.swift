/// A pipe for messages of one type.
///
/// Only a view: the pipe itself knows no type, so that it is compiled as a whole. A generic one looked its types up as it
/// ran, for an eighth of a turn's time through the bridge; putting a message into a box costs less.
struct MessagePipe<Message: Sendable>: MessageSource, MessageSink {
  private let pipe: AnyPipe

  /// What a reader finds.
  enum Poll: Sendable {
    case message(Message)
    case end
    /// Nothing yet.
    case nothing
  }

  /// The methods are those of `AnyPipe`.
  init(capacity: Int = Limits.inProcessMessages) { pipe = AnyPipe(capacity: capacity) }

  func write(_ message: Message) async throws { try await pipe.write(message) }

  func flush() async throws { try await pipe.flush() }

  func offer(_ message: Message, orRaise signal: CallSignal) -> Bool { pipe.offer(message, orRaise: signal) }

  func next() async throws -> Message? {
    guard let message = try await pipe.next() else { return nil }
    return Self.typed(message)
  }

  var isPending: Bool { pipe.isPending }

  func ready() async throws { try await pipe.ready() }

  func notify(_ signal: CallSignal) { pipe.notify(signal) }

  func poll() throws -> Poll { Self.typed(try pipe.poll()) }

  func take() throws -> Poll { Self.typed(try pipe.take()) }

  func finish() { pipe.finish() }

  func finish(throwing error: any Error) { pipe.finish(throwing: error) }

  func fail(_ error: any Error) { pipe.fail(error) }

  private static func typed(_ found: AnyPipe.Poll) -> Poll {
    switch found {
    case .message(let message): .message(typed(message))
    case .end: .end
    case .nothing: .nothing
    }
  }

  private static func typed(_ message: any Sendable) -> Message {
    guard let message = message as? Message else { preconditionFailure("nothing but messages of one type is put in") }
    return message
  }
}
