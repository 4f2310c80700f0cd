package import NIOCore

/// Cuts a stream of DATA into gRPC messages, and says how many bytes may be given back to flow control.
///
/// Bytes of a message the reader waits for are credited as they arrive, so that a message longer than the stream's
/// window gets through; bytes behind it are credited only when the message they belong to is taken, so that a slow
/// reader stops the sender. Memory is bounded by the message limit plus one stream window.
package struct MessageDeframer {
  package enum Failure: Error, Equatable {
    /// The prefix announces more than the limit.
    case tooLong(length_bytes: Int, limit_bytes: Int)
    /// The compressed flag is set although the call uses identity encoding.
    case compressed
    /// The flag is neither 0 nor 1.
    case badFlag(UInt8)
  }

  private let limit_bytes: Int
  private var buffer: ByteBuffer?
  /// True while `buffer` may share memory with the socket's read buffer.
  private var isShared = false
  private var received_bytes = 0
  private var delivered_bytes = 0
  private var credited_bytes = 0

  package init(limit_bytes: Int = Limits.message_bytes) {
    self.limit_bytes = limit_bytes
  }

  /// Bytes that belong to no delivered message.
  package var buffered_bytes: Int { received_bytes - delivered_bytes }

  /// The message without its prefix, when `data` is exactly one regular message; the deframer does not keep it.
  package func only(_ data: ByteBuffer) -> ByteBuffer? {
    let length = data.readableBytes - Limits.messagePrefix_bytes
    guard length >= 0, length <= limit_bytes, data.getInteger(at: data.readerIndex, as: UInt8.self) == 0,
      data.getInteger(at: data.readerIndex + 1, as: UInt32.self) == UInt32(length)
    else { return nil }
    return data.getSlice(at: data.readerIndex + Limits.messagePrefix_bytes, length: length)
  }

  /// Takes the content of a DATA frame.
  package mutating func append(_ data: ByteBuffer) {
    received_bytes += data.readableBytes
    guard data.readableBytes > 0 else { return }
    guard var existing = buffer, existing.readableBytes > 0 else {
      buffer = data
      isShared = true
      return
    }
    buffer = nil
    isShared = false
    if existing.readerIndex > Limits.reassemblyDiscard_bytes { existing.discardReadBytes() }
    existing.writeImmutableBuffer(data)
    buffer = existing
  }

  /// Copies what is left out of the socket's read buffer: a few bytes must not keep 64 KiB alive.
  package mutating func detach() {
    guard isShared, let rest = buffer else { return }
    isShared = false
    var copy = ByteBufferAllocator().buffer(capacity: rest.readableBytes)
    copy.writeImmutableBuffer(rest)
    buffer = copy
  }

  /// The next whole message without its prefix, or nil when more bytes are needed.
  package mutating func next() throws(Failure) -> ByteBuffer? {
    guard let head = buffer, head.readableBytes >= Limits.messagePrefix_bytes else { return nil }
    let start = head.readerIndex
    guard let flag = head.getInteger(at: start, as: UInt8.self),
      let announced = head.getInteger(at: start + 1, as: UInt32.self)
    else { return nil }
    guard flag == 0 else { throw flag == 1 ? .compressed : .badFlag(flag) }
    let length = Int(announced)
    guard length <= limit_bytes else { throw .tooLong(length_bytes: length, limit_bytes: limit_bytes) }
    let total = Limits.messagePrefix_bytes + length
    guard head.readableBytes >= total else { return nil }
    let message = head.getSlice(at: start + Limits.messagePrefix_bytes, length: length)
    if head.readableBytes == total {
      buffer = nil
    } else {
      buffer?.moveReaderIndex(forwardBy: total)
    }
    delivered_bytes += total
    return message
  }

  /// Bytes to give back after a message was taken. Never counts a byte twice.
  package mutating func creditDelivered() -> Int {
    guard delivered_bytes > credited_bytes else { return 0 }
    defer { credited_bytes = delivered_bytes }
    return delivered_bytes - credited_bytes
  }

  /// Bytes to give back when the reader waits and no whole message is here: everything received so far.
  package mutating func creditReceived() -> Int {
    defer { credited_bytes = max(credited_bytes, received_bytes) }
    return max(0, received_bytes - credited_bytes)
  }
}

extension MessageDeframer.Failure {
  /// What the peer is told (grpc/doc/statuscodes.md, compression.md).
  package var status: Status {
    switch self {
    case .tooLong(let length, let limit):
      Status(.resourceExhausted, "the message has \(length) bytes, more than the limit of \(limit)")
    case .compressed:
      Status(.internal, "a message is marked as compressed, but the call's encoding is identity")
    case .badFlag(let flag):
      Status(.internal, "a message begins with the flag \(flag); only 0 and 1 are defined")
    }
  }
}
