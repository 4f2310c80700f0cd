import NIOCore
import TLS

/// The end of a pipeline: remembers what came up.
final class EndRecorder: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  var received = ByteBuffer()
  var events: [String] = []
  var agreement: TLSHandshakeCompleted?
  var errors: [any Error] = []

  var error: TLSError? { errors.first as? TLSError }
  var text: String { String(buffer: received) }

  func channelActive(context: ChannelHandlerContext) { events.append("active") }
  func channelInactive(context: ChannelHandlerContext) { events.append("inactive") }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    events.append("error")
    errors.append(error)
  }
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let agreement = event as? TLSHandshakeCompleted {
      events.append("handshake")
      self.agreement = agreement
    } else if case .inputClosed? = event as? ChannelEvent {
      events.append("inputClosed")
    }
  }
}
