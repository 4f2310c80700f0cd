/// Which call caused the work at hand. Travels with tasks, also with turns that outlive their call, into logs and into
/// requests to engines (design §9).
package struct CallTrace: Sendable, Equatable {
  /// The call's `x-request-id`.
  package var requestID: String
  /// W3C trace context for requests made on behalf of the call; `nil` when the caller sent none.
  package var traceparent: String?

  package init(requestID: String, traceparent: String?) {
    self.requestID = requestID
    self.traceparent = traceparent
  }

  @TaskLocal package static var current: CallTrace?
}
