/// Runs `operation` in a child task that starts at once, and waits for it. The child's stack is freed when it ends.
///
/// Not inlined: the group would be part of the caller's frame, for as long as that one waits for something else.
@inline(never)
func inChildTask<Result: Sendable>(
  _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result.self) { group in
    group.addImmediateTask { try await operation() }
    for try await result in group { return result }
    throw CancellationError()
  }
}
