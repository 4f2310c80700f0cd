/// Waits for a condition that somebody else makes true.
///
/// - Throws: `NotInTime`.
package func waitUntil(
  _ what: @autoclosure () -> String = "a condition", within limit: Duration = .seconds(60), fileID: String = #fileID,
  line: Int = #line, _ condition: () async throws -> Bool
) async throws {
  guard try await eventually(within: limit, condition) else {
    throw NotInTime(description: "\(fileID):\(line): not within \(limit): \(what())")
  }
}

/// The same as a question. False when the condition did not become true in time, or the task was cancelled.
package func eventually(
  within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async rethrows -> Bool {
  let deadline = ContinuousClock.now + limit
  while try await !condition() {
    guard ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(2))) != nil else { return false }
  }
  return true
}

package struct NotInTime: Error, CustomStringConvertible {
  package let description: String
}
