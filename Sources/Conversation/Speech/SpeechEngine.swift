package import Logging
import Metrics

/// Reads replies aloud for the subscribers of this server that ask for it: the engine, its cache, and a bound for how
/// many sentences are made at the same time. Calls come from any thread.
package final class SpeechEngine: Sendable {
  private let synthesizer: any SpeechSynthesizer
  private let launcher: any TaskLauncher
  private let cache: SpeechCache
  private let logger: Logger
  private let gate = Gate(width: Limits.concurrentSyntheses)
  let metrics = SpeechMetrics()

  package init(
    synthesizer: any SpeechSynthesizer, launcher: any TaskLauncher, cache_bytes: Int = Limits.speechCache_bytes,
    logger: Logger
  ) {
    self.synthesizer = synthesizer
    self.launcher = launcher
    self.logger = logger
    cache = SpeechCache(capacity_bytes: cache_bytes)
  }

  /// Bytes of the sentences kept for whoever asks again.
  package var cached_bytes: Int { cache.size_bytes }

  /// The sentence's audio, made now, in the making for somebody else, or made before.
  /// - Returns: what is to be started with `start`, outside of the caller's locks.
  func synthesis(
    _ request: SpeechRequest, for observer: any SpeechObserver
  ) -> (synthesis: SpeechSynthesis, isNew: Bool) {
    let found = cache.synthesis(request, for: observer)
    (found.isNew ? metrics.cacheMisses : metrics.cacheHits).increment()
    return found
  }

  func start(_ synthesis: SpeechSynthesis) {
    launcher.launch { [self] in
      do {
        try await gate.pass { try await make(synthesis) }
      } catch {
        metrics.failures.increment()
        logger.warning(
          "a sentence could not be read aloud", metadata: ["synthesizer": "\(synthesizer.name)", "error": "\(error)"])
        synthesis.fail()
        cache.settle(synthesis, isComplete: false)
      }
    }
  }

  private func make(_ synthesis: SpeechSynthesis) async throws {
    guard synthesis.isWanted else { return cache.settle(synthesis, isComplete: false) }
    let began = ContinuousClock.now
    guard try await read(synthesis) else { return cache.settle(synthesis, isComplete: false) }
    guard synthesis.size_bytes > 0 else { throw SpeechSynthesisError.unreachable("the engine sent no audio") }
    metrics.synthesis.recordNanoseconds(began.elapsed_ns)
    synthesis.finish()
    cache.settle(synthesis, isComplete: true)
  }

  /// False when nobody wanted it any more: the engine's stream is cancelled then.
  private func read(_ synthesis: SpeechSynthesis) async throws -> Bool {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask { [synthesizer] in
        for try await part in synthesizer.speak(synthesis.request) {
          guard try synthesis.append(part) else { return false }
        }
        try Task.checkCancellation()
        return true
      }
      group.addTask {
        await synthesis.abandoned()
        return false
      }
      group.addTask {
        try await Task.sleep(for: .milliseconds(Limits.synthesis_ms))
        throw TimedOut()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
  }
}
