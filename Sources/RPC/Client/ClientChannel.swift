package import Protobuf

/// Makes calls: over a network (`NetworkChannel`) or within the process (`InProcessChannel`), with the same meaning.
/// Safe from any task. All methods throw `Status`.
///
/// Cancelling the task that waits for a call cancels the call.
package protocol ClientChannel: Sendable {
  /// Begins a call of any type. With `request`, that is the only message, and the request side ends with it.
  func begin<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, request: Q?, options: CallOptions
  ) -> ClientCall<Q, S>

  /// A call of a unary method.
  func unary<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, _ request: Q, options: CallOptions
  ) async throws -> S
}

/// A unary response with what came around it.
package struct ClientResponse<Message: WireMessage>: Sendable {
  package let message: Message
  package let initialMetadata: Metadata
  package let trailingMetadata: Metadata
}

extension ClientChannel {
  package func unary<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, _ request: Q, options: CallOptions
  ) async throws -> S {
    try await begin(method, request: request, options: options).single()
  }

  package func unary<Q: WireMessage, S: WireMessage>(_ method: Method<Q, S>, _ request: Q) async throws -> S {
    try await unary(method, request, options: CallOptions())
  }

  /// As `unary`, with the response's metadata.
  package func unaryResponse<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, _ request: Q, options: CallOptions = CallOptions()
  ) async throws -> ClientResponse<S> {
    let call = begin(method, request: request, options: options)
    let message = try await call.single()
    return ClientResponse(
      message: message, initialMetadata: try await call.initialMetadata(), trailingMetadata: call.trailingMetadata)
  }

  /// The responses, ending with the call. Letting go of the stream cancels the call. Returns at once; a call that
  /// fails throws when it is read.
  package func serverStreaming<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, _ request: Q, options: CallOptions = CallOptions()
  ) -> ResponseStream<Q, S> {
    begin(method, request: request, options: options).responses
  }

  /// Calls `send` to write the requests, then waits for the response. An error of `send` cancels the call; when the
  /// server has ended it already, its status is thrown instead.
  package func clientStreaming<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, options: CallOptions = CallOptions(),
    _ send: (ClientCall<Q, S>) async throws -> Void
  ) async throws -> S {
    let call = begin(method, request: nil, options: options)
    do {
      try await send(call)
    } catch {
      call.cancel()
      throw error
    }
    call.finishWriting()
    return try await call.single()
  }

  /// A call to `write` to and to read from. Returns at once. Letting go of it cancels it.
  package func bidirectional<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, options: CallOptions = CallOptions()
  ) -> ClientCall<Q, S> {
    begin(method, request: nil, options: options)
  }
}
