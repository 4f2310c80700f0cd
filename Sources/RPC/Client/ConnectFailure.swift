import Foundation
import NIOCore
import NIOPosix

/// Why a connection did not come up, in words for people.
enum ConnectFailure {
  static func reason(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      // The last address that was tried; without one the name has none.
      error.connectionErrors.last.map { reason($0.error) } ?? "no address is known for \(error.host)"
    case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
    case ChannelError.connectTimeout: "it did not answer in time"
    default: "\(error)"
    }
  }
}
