import Foundation
import NIOCore
import Synchronization

/// Sends `total` bytes of a known pattern as fast as its channel takes them, and checks as many coming in.
final class Transfer: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  struct Progress {
    var sent = 0
    var unsent_max = 0
    var received = 0
    var isIntact = true
    var isWritable = true
    var error: String?
    var isInputClosed = false
    var isInactive = false
  }

  /// For other threads.
  final class Watch: Sendable {
    let state = Mutex(Progress())
    var now: Progress { state.withLock { $0 } }
  }

  static let chunk_bytes = 48 << 10
  /// Twice the pattern, so that any stretch of it is in one piece.
  private static let pattern: [UInt8] = {
    let once = (0..<chunk_bytes).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    return once + once
  }()

  let watch = Watch()
  private let total: Int
  private let endsWithOutputClose: Bool
  private var sent = 0
  private var done = 0
  private var received = 0

  init(total: Int, endsWithOutputClose: Bool = false) {
    self.total = total
    self.endsWithOutputClose = endsWithOutputClose
  }

  func channelActive(context: ChannelHandlerContext) { send(context) }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    watch.state.withLock { $0.isWritable = isWritable }
    send(context)
  }

  private func send(_ context: ChannelHandlerContext) {
    while sent < total, context.channel.isWritable {
      let length = min(Self.chunk_bytes, total - sent)
      sent += length
      let promise = context.eventLoop.makePromise(of: Void.self)
      promise.futureResult.assumeIsolated().whenComplete { _ in self.done += length }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Self.pattern[0..<length])), promise: promise)
      let (sent, unsent) = (sent, sent - done)
      watch.state.withLock {
        $0.sent = sent
        $0.unsent_max = max($0.unsent_max, unsent)
      }
      if sent == total, endsWithOutputClose { context.close(mode: .output, promise: nil) }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    let start = received
    let isIntact = bytes.withUnsafeReadableBytes { found in
      var checked = 0
      while checked < found.count {
        let offset = (start + checked) % Self.chunk_bytes
        let count = min(Self.chunk_bytes, found.count - checked)
        let same = Self.pattern.withUnsafeBytes {
          memcmp($0.baseAddress! + offset, found.baseAddress! + checked, count) == 0
        }
        if !same { return false }
        checked += count
      }
      return true
    }
    received += bytes.readableBytes
    let total = received
    watch.state.withLock {
      $0.received = total
      if !isIntact { $0.isIntact = false }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    watch.state.withLock { $0.error = "\(error)" }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { watch.state.withLock { $0.isInputClosed = true } }
  }

  func channelInactive(context: ChannelHandlerContext) { watch.state.withLock { $0.isInactive = true } }
}
