import Synchronization

/// Sentences read aloud, by text, voice and format, shared by all subscribers of this server: one synthesis for any
/// number of readers, and again for whoever asks later. Bounded by bytes; the longest unused goes first.
final class SpeechCache: Sendable {
  private let capacity_bytes: Int
  private let state = Mutex(State())

  private struct State {
    var entries: [SpeechRequest: Entry] = [:]
    /// Of complete entries.
    var size_bytes = 0
    var clock: Int64 = 0
  }

  private struct Entry {
    var synthesis: SpeechSynthesis
    /// 0 while it is made.
    var size_bytes = 0
    var lastUse: Int64
  }

  init(capacity_bytes: Int) { self.capacity_bytes = capacity_bytes }

  /// The synthesis of a sentence, observed by `observer` from now on.
  /// - Returns: `isNew`: the caller has to start it.
  func synthesis(
    _ request: SpeechRequest, for observer: any SpeechObserver
  ) -> (synthesis: SpeechSynthesis, isNew: Bool) {
    state.withLock { state in
      state.clock += 1
      if let known = state.entries[request]?.synthesis, known.add(observer) {
        state.entries[request]?.lastUse = state.clock
        return (known, false)
      }
      let made = SpeechSynthesis(request)
      _ = made.add(observer)
      state.entries[request] = Entry(synthesis: made, lastUse: state.clock)
      return (made, true)
    }
  }

  /// Keeps a finished synthesis, or forgets a failed one.
  func settle(_ synthesis: SpeechSynthesis, isComplete: Bool) {
    state.withLock { state in
      guard let entry = state.entries[synthesis.request], entry.synthesis === synthesis else { return }
      let size_bytes = synthesis.size_bytes + Limits.cachedSentenceOverhead_bytes
      guard isComplete, size_bytes <= capacity_bytes else {
        state.entries[synthesis.request] = nil
        return
      }
      state.entries[synthesis.request]?.size_bytes = size_bytes
      state.size_bytes += size_bytes
      while state.size_bytes > capacity_bytes { Self.evict(&state) }
    }
  }

  var size_bytes: Int { state.withLock { $0.size_bytes } }
  var count: Int { state.withLock { $0.entries.count } }

  /// A scan: a full cache holds some hundreds of sentences, and each eviction stands for a synthesis.
  private static func evict(_ state: inout State) {
    let oldest = state.entries.filter { $0.value.size_bytes > 0 }.min { $0.value.lastUse < $1.value.lastUse }
    guard let oldest else { return state.size_bytes = 0 }
    state.entries[oldest.key] = nil
    state.size_bytes -= oldest.value.size_bytes
  }
}
