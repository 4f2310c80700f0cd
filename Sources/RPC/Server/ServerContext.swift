import HTTP2
import NIOCore
import Synchronization

/// A typed value that interceptors leave for handlers, such as the caller's identity.
package protocol ContextKey {
  associatedtype Value: Sendable
}

/// What a handler knows of its call. Safe to use from any task; valid after the call ended.
package final class ServerContext: Sendable {
  let served: ServedMethod
  let started = NIODeadline.now()
  /// When the client stops waiting; nil when it set no `grpc-timeout`.
  package let deadline: ContinuousClock.Instant?
  /// "ipv4:127.0.0.1:50000", "ipv6:[::1]:50000", "unix:" or "inproc:".
  package let peer: String

  /// What most calls never need; made at first use.
  private struct State: Sendable {
    var parsed: Metadata?
    var initial = Metadata()
    var trailing = Metadata()
    var requestID: String?
    var trace: TraceParent??
    var values: [(key: ObjectIdentifier, value: any Sendable)] = []
    var ended: Status?
  }

  private let request: RequestMetadata
  private let state = Mutex<State?>(nil)
  private let arrived = Atomic<Int>(0)
  private let received_bytes = Atomic<Int>(0)
  private let sent_bytes = Atomic<Int>(0)

  init(
    method: ServedMethod, request: RequestMetadata, deadline: ContinuousClock.Instant? = nil, peer: String
  ) {
    served = method
    self.request = request
    self.deadline = deadline
    self.peer = peer
  }

  /// For calling handlers directly in tests.
  package convenience init(method: MethodDescriptor, metadata: Metadata = [:], deadline: ContinuousClock.Instant? = nil)
  {
    self.init(method: ServedMethod(method, route: nil), request: .parsed(metadata), deadline: deadline, peer: "inproc:")
  }

  package var method: MethodDescriptor { served.descriptor }

  /// False for a path no handler is registered for; only interceptors that ask for such calls see them.
  package var isRegistered: Bool { served.route != nil }

  private func withState<R: Sendable>(_ body: (inout State) -> R) -> R {
    state.withLock { optional in
      var state = optional ?? State()
      defer { optional = state }
      optional = nil
      return body(&state)
    }
  }

  /// Custom metadata of the request, parsed at first use.
  package var metadata: Metadata {
    withState { state in
      if let parsed = state.parsed { return parsed }
      let parsed = request.parsed()
      state.parsed = parsed
      return parsed
    }
  }

  /// The first value of a text field, without parsing the others. `name` in lower case.
  package func metadataValue(_ name: String) -> String? {
    request.value(name)
  }

  /// Time left until the deadline, never negative; nil without a deadline.
  package var remainingTime: Duration? {
    deadline.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
  }

  /// Sent before the first response (initial metadata); changes after that have no effect.
  package var responseMetadata: Metadata {
    get { state.withLock { $0?.initial } ?? Metadata() }
    set { withState { $0.initial = newValue } }
  }

  /// Sent with the status (trailing metadata).
  package var trailingMetadata: Metadata {
    get { state.withLock { $0?.trailing } ?? Metadata() }
    set { withState { $0.trailing = newValue } }
  }

  /// The id of this call in logs: the client's `x-request-id`, else made at first use. Goes back to the client in
  /// the trailers, unless it was made and nobody asked for it.
  package var requestID: String {
    withState { state in
      if let id = state.requestID { return id }
      let id = RequestID.accept(request.value(.requestID)) ?? RequestID.random()
      state.requestID = id
      return id
    }
  }

  /// The client's trace context (`traceparent`); nil without a valid one.
  package var traceparent: TraceParent? {
    withState { state in
      if let trace = state.trace { return trace }
      let trace = request.value(.traceparent).flatMap { TraceParent($0) }
      state.trace = .some(trace)
      return trace
    }
  }

  /// A value left by an interceptor.
  package subscript<K: ContextKey>(key: K.Type) -> K.Value? {
    get {
      state.withLock { state in
        let id = ObjectIdentifier(key)
        return state?.values.first { $0.key == id }?.value as? K.Value
      }
    }
    set {
      withState { state in
        let id = ObjectIdentifier(key)
        state.values.removeAll { $0.key == id }
        if let newValue { state.values.append((id, newValue)) }
      }
    }
  }

  /// Options for calls made on behalf of this one: the time that is left, the request id, and a child span.
  package var propagatedOptions: CallOptions {
    var options = CallOptions()
    options.deadline = deadline
    options.metadata.append(RequestID.headerName, requestID)
    if let traceparent { options.metadata.append("traceparent", traceparent.child().description) }
    return options
  }

  /// Bytes of all request and response messages so far, without prefixes; 0 for in-process calls.
  package var messageBytes: (received: Int, sent: Int) {
    (received_bytes.load(ordering: .relaxed), sent_bytes.load(ordering: .relaxed))
  }

  /// Bytes of a stream of requests that have come over the network, also of a message that is not whole yet; 0 for other
  /// calls and within the process.
  package var arrived_bytes: Int { arrived.load(ordering: .relaxed) }

  /// Why the call ended before its handler did: deadline, cancellation by the client, lost connection.
  package var endedEarly: Status? {
    state.withLock { $0?.ended }
  }

  func end(_ status: Status) {
    withState { if $0.ended == nil { $0.ended = status } }
  }

  func countArrived(_ bytes: Int) {
    arrived.add(bytes, ordering: .relaxed)
  }

  func countReceived(_ bytes: Int) {
    received_bytes.add(bytes, ordering: .relaxed)
  }

  func countSent(_ bytes: Int) {
    sent_bytes.add(bytes, ordering: .relaxed)
  }

  /// Everything to send beside messages and status; nil when there is nothing, as for most calls.
  func responseFields() -> ResponseFields? {
    let requestID = request.value(.requestID)
    return state.withLock { state in
      guard let state else {
        return RequestID.accept(requestID).map { ResponseFields(requestID: $0) }
      }
      return ResponseFields(
        initial: state.initial, trailing: state.trailing, requestID: state.requestID ?? RequestID.accept(requestID))
    }
  }
}

/// What the context collects for the response.
struct ResponseFields: Sendable {
  var initial = Metadata()
  var trailing = Metadata()
  var requestID: String?
}
