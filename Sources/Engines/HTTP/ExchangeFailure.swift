import AsyncHTTPClient
import Conversation
import NIOCore
import NIOHTTP1

/// What went wrong between this process and an engine, before a port's own error names it. Free of what a person said.
enum ExchangeFailure: Error, Equatable {
  /// Connection refused, reset, or cut before the answer was whole.
  case unreachable(String)
  /// A deadline passed; the text says what was awaited.
  case timedOut(String)
  /// An HTTP error status.
  case refused(status: Int, message: String)
  /// The answer broke its protocol.
  case malformed(String)
  case tooLarge(limit_bytes: Int)

  /// - Parameters:
  ///   - limit_bytes: what the answer was read up to.
  ///   - whole: what the request's deadline covers, for the message.
  init(_ error: any Error, limit_bytes: Int, whole: String) {
    switch error {
    case let failure as ExchangeFailure: self = failure
    case is NIOTooManyBytesError: self = .tooLarge(limit_bytes: limit_bytes)
    case let error as HTTPParserError where error == .invalidEOFState:
      self = .unreachable("the connection was cut within the response")
    case is HTTPParserError: self = .malformed("the response is not HTTP")
    case let error as HTTPClientError where error == .deadlineExceeded: self = .timedOut(whole)
    case let error as HTTPClientError where error == .connectTimeout:
      self = .unreachable("the connection took too long")
    case let error as HTTPClientError: self = .unreachable(error.shortDescription)
    default: self = .unreachable(Self.reason(error))
    }
  }

  /// The words of the transport's own errors, such as why a certificate is not accepted; of others, whose words may quote
  /// what a person said, the type alone.
  private static func reason(_ error: any Error) -> String {
    guard String(reflecting: type(of: error)).hasPrefix("NIO") else { return "\(type(of: error))" }
    return String("\(type(of: error)): \(error)".prefix(Limits.reasonCharacters))
  }
}

/// A failure that says whether another try may pass.
protocol TransientFailure: Error {
  var isTransient: Bool { get }
}

extension ExchangeFailure: TransientFailure {
  var isTransient: Bool {
    switch self {
    case .unreachable: true
    case .refused(let status, _): Self.isTransient(status: status)
    case .timedOut, .malformed, .tooLarge: false
    }
  }

  static func isTransient(status: Int) -> Bool {
    status == 408 || status == 429 || (500...599).contains(status) && status != 501
  }
}

extension ChatModelError: TransientFailure {
  var isTransient: Bool {
    switch self {
    case .unreachable: true
    case .refused(let status, _): ExchangeFailure.isTransient(status: status)
    case .timedOut, .malformed, .tooLarge, .empty: false
    }
  }

  init(_ failure: ExchangeFailure) {
    self =
      switch failure {
      case .unreachable(let text): .unreachable(text)
      case .timedOut(let text): .timedOut(text)
      case .refused(let status, let message): .refused(status: status, message: message)
      case .malformed(let text): .malformed(text)
      case .tooLarge(let limit): .tooLarge(limit_bytes: limit)
      }
  }
}
