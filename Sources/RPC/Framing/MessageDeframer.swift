import DequeModule
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
  private var chunks = Chunks()
  /// How much of the last chunk belongs to a message that has not come in full, and how much that message, or its
  /// prefix, still lacks.
  private var partial_bytes = 0
  private var missing_bytes = 0
  /// A prefix is wrong: nothing behind it can be told apart.
  private var isBroken = false
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

  /// Takes the content of a DATA frame. Whole messages stay where they lie; a long one that continues is copied, once,
  /// to where it is put together.
  package mutating func append(_ data: ByteBuffer) {
    received_bytes += data.readableBytes
    if missing_bytes > 0 { detach() }
    var rest = data
    complete(with: &rest)
    guard rest.readableBytes > 0, !isBroken else { return }
    let whole_bytes = wholeMessages_bytes(rest)
    let announced_bytes = partialMessage_bytes(rest, at: rest.readerIndex + whole_bytes)
    partial_bytes = 0
    guard announced_bytes > Limits.reassemblyShared_bytes else {
      chunks.append(rest, isShared: true)
      rest.moveReaderIndex(forwardBy: whole_bytes)
      return follow(rest.readableBytes)
    }
    if whole_bytes > 0, let whole = rest.readSlice(length: whole_bytes) { chunks.append(whole, isShared: true) }
    chunks.append(
      ByteBufferAllocator().buffer(capacity: min(announced_bytes, Limits.reassemblyAhead_bytes)), isShared: false)
    missing_bytes = announced_bytes
    complete(with: &rest)
  }

  /// Copies what was not taken out of the socket's read buffer, which is used again: a few bytes must not keep all of it.
  package mutating func detach() { chunks.detach() }

  /// How many bytes of `data` are whole messages.
  private func wholeMessages_bytes(_ data: ByteBuffer) -> Int {
    var offset = 0
    while let length = try? length(data, at: data.readerIndex + offset),
      offset + Limits.messagePrefix_bytes + length <= data.readableBytes
    {
      offset += Limits.messagePrefix_bytes + length
    }
    return offset
  }

  /// The length, with its prefix, of the message that begins at `start`; 0 when its prefix is not whole, or wrong.
  private func partialMessage_bytes(_ data: ByteBuffer, at start: Int) -> Int {
    (try? length(data, at: start)).map { Limits.messagePrefix_bytes + $0 } ?? 0
  }

  /// Adds what the last message lacks.
  private mutating func complete(with rest: inout ByteBuffer) {
    while missing_bytes > 0, let piece = rest.readSlice(length: min(missing_bytes, rest.readableBytes)),
      piece.readableBytes > 0
    {
      chunks.extendLast(piece)
      follow(piece.readableBytes)
    }
  }

  /// The last chunk ends with `count_bytes` more of a message.
  private mutating func follow(_ count_bytes: Int) {
    partial_bytes += count_bytes
    missing_bytes = 0
    guard partial_bytes > 0, let last = chunks.last else { return }
    guard partial_bytes >= Limits.messagePrefix_bytes else {
      return missing_bytes = Limits.messagePrefix_bytes - partial_bytes
    }
    let total_bytes = partialMessage_bytes(last, at: last.writerIndex - partial_bytes)
    isBroken = total_bytes == 0
    missing_bytes = max(0, total_bytes - partial_bytes)
    if missing_bytes == 0 { partial_bytes = 0 }
  }

  /// The length of the message whose prefix is at `start`; nil when the prefix is not whole.
  private func length(_ buffer: ByteBuffer, at start: Int) throws(Failure) -> Int? {
    guard buffer.writerIndex - start >= Limits.messagePrefix_bytes,
      let flag = buffer.getInteger(at: start, as: UInt8.self),
      let announced = buffer.getInteger(at: start + 1, as: UInt32.self)
    else { return nil }
    guard flag == 0 else { throw flag == 1 ? .compressed : .badFlag(flag) }
    let length = Int(announced)
    guard length <= limit_bytes else { throw .tooLong(length_bytes: length, limit_bytes: limit_bytes) }
    return length
  }

  /// The next whole message without its prefix, or nil when more bytes are needed.
  package mutating func next() throws(Failure) -> ByteBuffer? {
    guard let chunk = chunks.first, let length = try length(chunk, at: chunk.readerIndex) else { return nil }
    let total = Limits.messagePrefix_bytes + length
    guard chunk.readableBytes >= total else { return nil }
    chunks.consume(total)
    delivered_bytes += total
    return chunk.getSlice(at: chunk.readerIndex + Limits.messagePrefix_bytes, length: length)
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

/// What was received and not taken: each chunk holds whole messages, but the last, which may end within one.
private struct Chunks {
  private struct Chunk {
    var bytes: ByteBuffer
    /// Its memory is the socket's read buffer.
    var isShared: Bool
  }

  /// Most readers keep up: one chunk needs no deque.
  private var oldest: Chunk?
  private var others: Deque<Chunk> = []
  /// No chunk before this one is shared; nil when none is.
  private var firstShared: Int?

  var first: ByteBuffer? { oldest?.bytes }
  var last: ByteBuffer? { (others.last ?? oldest)?.bytes }
  private var count: Int { oldest == nil ? 0 : others.count + 1 }

  mutating func append(_ bytes: ByteBuffer, isShared: Bool) {
    if isShared, firstShared == nil { firstShared = count }
    let chunk = Chunk(bytes: bytes, isShared: isShared)
    if oldest == nil { oldest = chunk } else { others.append(chunk) }
  }

  mutating func extendLast(_ bytes: ByteBuffer) {
    if others.isEmpty {
      oldest?.bytes.writeImmutableBuffer(bytes)
    } else {
      others[others.count - 1].bytes.writeImmutableBuffer(bytes)
    }
  }

  /// Copies what is shared. Small chunks are joined, so that a flood of tiny messages costs little more than its bytes.
  mutating func detach() {
    guard let place = firstShared else { return }
    firstShared = nil
    var rest: Deque<Chunk> = []
    swap(&rest, &others)
    if place == 0, let chunk = oldest {
      oldest = nil
      rest.prepend(chunk)
    } else {
      for _ in 1..<max(1, place) { if let chunk = rest.popFirst() { others.append(chunk) } }
    }
    while let chunk = rest.popFirst() {
      if !chunk.isShared {
        append(chunk.bytes, isShared: false)
      } else if let last, last.writerIndex + chunk.bytes.readableBytes <= Limits.reassemblyShared_bytes {
        extendLast(chunk.bytes)
      } else {
        append(ByteBuffer(buffer: chunk.bytes), isShared: false)
      }
    }
  }

  /// The first `count_bytes` were taken.
  mutating func consume(_ count_bytes: Int) {
    oldest?.bytes.moveReaderIndex(forwardBy: count_bytes)
    guard oldest?.bytes.readableBytes == 0 else { return }
    oldest = others.popFirst()
    firstShared = oldest == nil ? nil : firstShared.map { max(0, $0 - 1) }
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
