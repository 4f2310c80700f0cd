import Glibc
import NIOCore

/// At the listening socket: tells the registry of connections that could not be accepted.
final class AcceptFailures: ChannelInboundHandler {
  typealias InboundIn = Never

  private let registry: ConnectionRegistry

  init(_ registry: ConnectionRegistry) { self.registry = registry }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
      registry.refused(.descriptors)
      pause(context.channel)
    }
    context.fireErrorCaught(error)
  }

  /// Or the socket would call again at once, and again. NIO's `AcceptBackoffHandler` holds back the next read only; the
  /// one that failed stays pending.
  private func pause(_ channel: any Channel) {
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Limits.acceptRetry_ms)) {
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }
}
