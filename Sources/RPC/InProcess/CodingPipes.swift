import NIOCore
import Protobuf

/// Announces the response metadata before the first response.
struct HeadSendingSink<Message: WireMessage>: MessageSink {
  let responses: MessagePipe<Message>
  let sendHead: @Sendable () -> Void

  func write(_ message: Message) async throws {
    sendHead()
    try await responses.write(message)
  }

  func flush() async throws { try await responses.flush() }
}

/// For a client whose message types are not the handler's (a dynamic client): packs its requests.
struct CodingSource<Message: WireMessage>: MessageSource {
  let source: MessagePipe<Message>

  func next() async throws -> ByteBuffer? {
    guard let message = try await source.next() else { return nil }
    var buffer = try MessageFraming.frame(message)
    buffer.moveReaderIndex(forwardBy: Limits.messagePrefix_bytes)
    return buffer
  }
}

/// The same for responses: parses what the handler packed.
struct CodingSink<Message: WireMessage>: MessageSink {
  let sink: HeadSendingSink<Message>

  func write(_ framed: ByteBuffer) async throws {
    var buffer = framed
    buffer.moveReaderIndex(forwardBy: Limits.messagePrefix_bytes)
    do throws(WireError) {
      let message = try MessageFraming.decode(Message.self, from: buffer)
      try? await sink.write(message)
    } catch {
      throw error.responseStatus
    }
  }

  func flush() async throws { try await sink.flush() }
}
