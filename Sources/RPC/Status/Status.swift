/// How a call ended: code, a message for developers, and optional details.
///
/// Thrown by handlers and by clients. `Status(.ok)` is never thrown by a client.
package struct Status: Error, Sendable, Equatable, CustomStringConvertible {
  package var code: StatusCode
  package var message: String
  /// A serialized `google.rpc.Status`, carried as `grpc-status-details-bin`; empty when there are no details.
  package var details: [UInt8]

  package init(_ code: StatusCode, _ message: String = "", details: [UInt8] = []) {
    self.code = code
    self.message = message
    self.details = details
  }

  package static let ok = Status(.ok)

  package var isOK: Bool { code == .ok }

  package var description: String {
    message.isEmpty ? code.name : "\(code.name): \(message)"
  }
}
