import Glibc
import NIOCore
package import NIOPosix

extension ServerBootstrap {
  /// A listener without descriptors or memory for another connection accepts nothing for a moment, and calls
  /// `refused` on its loop. It takes the bootstrap's one `serverChannelInitializer`.
  package func pausingWithoutRoom(refused: @escaping @Sendable () -> Void = {}) -> ServerBootstrap {
    serverChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(AcceptPause(refused: refused))
      }
    }
  }
}

/// At the listening socket. Without it the loop would be told of the waiting connection again and again: NIO's
/// `AcceptBackoffHandler` holds back the next read only; the one that failed stays pending.
private final class AcceptPause: ChannelInboundHandler {
  typealias InboundIn = Never

  private let refused: @Sendable () -> Void

  init(refused: @escaping @Sendable () -> Void) { self.refused = refused }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
      refused()
      pause(context.channel)
    }
    context.fireErrorCaught(error)
  }

  private func pause(_ channel: any Channel) {
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Limits.acceptRetry_ms)) {
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }
}
