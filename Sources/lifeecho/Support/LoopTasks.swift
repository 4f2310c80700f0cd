import Conversation
import HTTP2
import NIOCore
import NIOPosix

/// Starts background work on the event loop it is asked from, else on the next one: a turn stays where its call is.
struct LoopTasks: TaskLauncher {
  let group: MultiThreadedEventLoopGroup

  func launch(_ operation: @escaping @Sendable () async -> Void) {
    let loop = MultiThreadedEventLoopGroup.currentEventLoop ?? group.next()
    Task(executorPreference: LoopExecutor.for(loop)) { await operation() }
  }
}
