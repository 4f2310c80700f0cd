/// Starts work that outlives the call that caused it, on an executor of the process's choosing (an event loop's).
package protocol TaskLauncher: Sendable {
  func launch(_ operation: @escaping @Sendable () async -> Void)
}
