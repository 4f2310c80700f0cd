import Glibc
import NIOCore

/// At the listening socket: tells the registry of connections that could not be accepted. The socket is left alone for a
/// moment then, or it would call again at once, and again.
final class AcceptFailures: ChannelInboundHandler {
  typealias InboundIn = Never

  private let registry: ConnectionRegistry

  private init(_ registry: ConnectionRegistry) { self.registry = registry }

  /// For a server bootstrap's channel initializer.
  static func install(on channel: any Channel, _ registry: ConnectionRegistry) throws {
    let backoff = AcceptBackoffHandler { _ in .milliseconds(Limits.acceptRetry_ms) }
    try channel.pipeline.syncOperations.addHandlers([backoff, AcceptFailures(registry)] as [any ChannelHandler])
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
      registry.refused(.descriptors)
    }
    context.fireErrorCaught(error)
  }
}
