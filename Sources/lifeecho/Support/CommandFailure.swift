import ArgumentParser
import Foundation
import RPC

/// One line that says what is wrong and how to mend it.
struct CommandFailure: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Says which option or setting it was that cannot be used.
func naming<Value>(_ name: String, _ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch {
    let reason = (error as? CocoaError)?.localizedDescription ?? "\(error)"
    throw CommandFailure("\(name): \(reason)")
  }
}

/// Runs a command; any error becomes one line on stderr and exit code 1.
func reportingFailure(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ExitCode {
    throw error
  } catch {
    let text = describe(error).split(whereSeparator: \.isNewline).joined(separator: " ")
    Terminal.complain("lifeecho: \(text)")
    throw ExitCode.failure
  }
}

private func describe(_ error: any Error) -> String {
  guard let status = error as? Status else { return String(describing: error) }
  let reason = status.detail(GoogleRPC.ErrorInfo.self).map { " (\($0.reason))" } ?? ""
  return "\(status)\(reason)"
}
