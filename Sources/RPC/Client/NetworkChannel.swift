package import HTTP2
import Logging
package import NIOCore
package import Protobuf
package import TLS

/// Calls over TCP or a Unix socket. One connection, made when a call needs it, used by all calls, remade after a loss
/// with jittered backoff.
package final class NetworkChannel: ClientChannel {
  let connector: ClientConnector

  /// - Parameters:
  ///   - authority: the `:authority` of calls; nil for the address itself ("localhost" for a Unix socket).
  ///   - tls: a client's context with ALPN `h2`, the one of the moment for each connection; nil for plaintext.
  ///   - serverName: whom the server's certificate must be for; nil for the host of the authority.
  ///   - keepalive: nil: a connection is trusted until its socket says otherwise.
  ///   - reconnectMaximum: longest pause between two attempts to connect.
  package init(
    _ address: ListenAddress, authority: String? = nil, tls: ReloadableTLSContext? = nil, serverName: String? = nil,
    http2: HTTP2Configuration = HTTP2Configuration(), keepalive: ClientKeepalive? = nil,
    reconnectMaximum: Duration = .milliseconds(Int64(Limits.reconnectMaximum_s * 1000)), group: any EventLoopGroup
  ) {
    connector = ClientConnector(
      address: address, authority: authority, http2: http2, tls: tls, serverName: serverName,
      keepalive: keepalive, reconnectMaximum_s: reconnectMaximum / .seconds(1), loop: group.any())
  }

  deinit {
    let connector = self.connector
    connector.loop.execute { connector.shutdown(immediately: false) }
  }

  package func begin<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, request: Q?, options: CallOptions
  ) -> ClientCall<Q, S> {
    var failure: Status?
    var framed: ByteBuffer?
    do throws(Status) {
      framed = try request.map { request throws(Status) in try MessageFraming.frame(request) }
    } catch {
      failure = error
    }
    let call = NetworkCall(path: method.descriptor.path, options: options, connector: connector, request: framed)
    if let failure { call.fail(failure) } else { call.start() }
    return ClientCall(NetworkTransport<Q, S>(call: call))
  }

  /// Ends the channel: waiting calls fail with UNAVAILABLE; running ones go on, or fail when `immediately`.
  package func shutdown(immediately: Bool = false) async {
    let connector = self.connector
    try? await connector.loop.submit { connector.shutdown(immediately: immediately) }.get()
  }
}

/// Codes the messages of a network call, on the caller's thread.
private struct NetworkTransport<Request: WireMessage, Response: WireMessage>: ClientTransport {
  let call: NetworkCall

  func write(_ message: Request) async throws {
    try await call.write(MessageFraming.frame(message))
  }

  func finishWriting() { call.finishWriting() }

  func next() async throws -> Response? {
    guard let buffer = try await call.next() else { return nil }
    return try decode(buffer)
  }

  func single() async throws -> Response {
    try decode(await call.single())
  }

  func initialMetadata() async throws -> Metadata { try await call.initialMetadata() }

  var trailingMetadata: Metadata { call.trailingMetadata }

  func cancel() { call.cancel() }

  private func decode(_ buffer: ByteBuffer) throws -> Response {
    do throws(WireError) {
      return try MessageFraming.decode(Response.self, from: buffer)
    } catch {
      call.cancel()
      throw error.responseStatus
    }
  }
}
