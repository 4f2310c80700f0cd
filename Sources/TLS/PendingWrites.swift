import NIOCore

/// Writes that wait for `flush`, or for the end of the handshake. The first is kept inline, so that a connection that
/// writes and flushes in turn allocates nothing here.
struct PendingWrites {
  struct Write {
    var bytes: ByteBuffer
    let promise: EventLoopPromise<Void>?
  }

  private var first: Write?
  private var rest: [Write] = []
  /// How many of them `flush` has passed.
  private(set) var flushedCount = 0
  private(set) var byteCount = 0

  var isEmpty: Bool { first == nil }

  mutating func append(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
    byteCount += bytes.readableBytes
    if first == nil {
      first = Write(bytes: bytes, promise: promise)
    } else {
      rest.append(Write(bytes: bytes, promise: promise))
    }
  }

  mutating func markFlushed() { flushedCount = (first == nil ? 0 : 1) + rest.count }

  /// The flushed writes, which are removed.
  mutating func takeFlushed() -> (first: Write, rest: ArraySlice<Write>)? {
    guard flushedCount > 0, let first else { return nil }
    let taken = rest.prefix(flushedCount - 1)
    let left = rest.dropFirst(flushedCount - 1)
    self.first = left.first
    rest = Array(left.dropFirst())
    flushedCount = 0
    byteCount = (self.first?.bytes.readableBytes ?? 0) + rest.reduce(0) { $0 + $1.bytes.readableBytes }
    return (first, taken)
  }

  /// The promises of everything that will not be sent; nothing is left.
  mutating func removeAll() -> [EventLoopPromise<Void>] {
    defer { self = PendingWrites() }
    return ([first].compactMap(\.self) + rest).compactMap(\.promise)
  }
}
