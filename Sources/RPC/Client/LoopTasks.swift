import HTTP2
package import NIOCore

/// Tasks of an RPC client that live on its event loops: they begin at once when begun there, and go on there.
package struct LoopTasks: Sendable {
  /// Tasks do not keep their executor alive; who holds this does.
  private let executors: [LoopExecutor]

  package init(group: any EventLoopGroup) {
    executors = group.makeIterator().map { LoopExecutor.for($0) }
  }

  package func executor(of loop: any EventLoop) -> any TaskExecutor {
    executors.first { $0.eventLoop === loop } ?? LoopExecutor.for(loop)
  }

  /// From any thread.
  package static func begin(
    on loop: any EventLoop, _ work: @escaping @Sendable () async -> Void
  ) -> Task<Void, Never> {
    LoopExecutor.for(loop).begin(work)
  }
}
