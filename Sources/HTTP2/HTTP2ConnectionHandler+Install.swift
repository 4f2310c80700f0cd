package import NIOCore
import Sockets

extension HTTP2ConnectionHandler {
  /// Puts HTTP/2 at the end of `channel`'s pipeline (prior knowledge, or after TLS has negotiated `h2`) and sets the
  /// channel options it is tuned for. Call it on the channel's loop: in a child channel initializer, or in a client's
  /// channel initializer before connecting.
  ///
  /// - Parameter isEncrypted: TLS is below: what the socket reads is not what comes here.
  @discardableResult
  package static func install(
    on channel: any Channel, role: HTTP2Role, configuration: HTTP2Configuration, isEncrypted: Bool = false,
    delegate: any HTTP2ConnectionDelegate
  ) throws -> HTTP2ConnectionHandler {
    let handler = try HTTP2ConnectionHandler(
      role: role, configuration: configuration, executor: LoopExecutor.for(channel.eventLoop), delegate: delegate)
    if let options = channel.syncOptions {
      try options.setOption(.maxMessagesPerRead, value: 1)
      let allocator: any RecvByteBufferAllocator =
        isEncrypted
        ? AdaptiveRecvByteBufferAllocator(
          minimum: Limits.readInitial_bytes, initial: Limits.readInitial_bytes, maximum: Limits.encryptedRead_bytes)
        : SharedReadAllocator(handler.executor.readBuffer, first_bytes: Limits.readInitial_bytes)
      try options.setOption(.recvAllocator, value: allocator)
      try options.setOption(
        .writeBufferWaterMark,
        value: ChannelOptions.Types.WriteBufferWaterMark(
          low: Limits.unsentLowWatermark_bytes, high: Limits.unsentHighWatermark_bytes))
      // Not every socket is TCP; a Unix socket refuses the option.
      try? options.setOption(.tcpOption(.tcp_nodelay), value: 1)
    }
    try channel.pipeline.syncOperations.addHandler(handler)
    return handler
  }
}
