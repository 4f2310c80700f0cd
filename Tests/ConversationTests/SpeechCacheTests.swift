import Synchronization
import TestSupport
import Testing

@testable import Conversation

@Suite("Speech: what streams share")
struct SpeechCacheTests: SpeechFixture {
  let one = "河边的老屋我记得。", two = "门口还有一棵槐树！", three = "后来您去了哪里？"

  @Test("a failed sentence is tried anew the next time")
  func failureIsNotKept() async throws {
    let failures = Mutex(1)
    let synthesizer = ScriptedSynthesizer { text in
      failures.withLock { left in
        if left > 0 {
          left -= 1
          return .failure(.unreachable("x"))
        }
        return .success([Array(text.utf8)])
      }
    }
    let engine = engine(synthesizer)
    let first = renderer(engine)
    first.follow(piece(one, sequence: 5))
    #expect(try await next(first).isLast)
    let second = renderer(engine)
    second.follow(piece(one, sequence: 5))
    #expect(try await next(second).audio == Array(one.utf8))
    #expect(synthesizer.asked == [one, one])
  }

  @Test("two streams cause one synthesis, and a third one later none")
  func singleFlight() async throws {
    let synthesizer = ScriptedSynthesizer()
    let engine = engine(synthesizer)
    let streams = [renderer(engine), renderer(engine)]
    for stream in streams { stream.follow(piece(one, sequence: 5)) }
    try await waitUntil("asked") { !synthesizer.asked.isEmpty }
    synthesizer.give(one, [1, 2, 3])
    for stream in streams { #expect(try await next(stream).audio == [1, 2, 3]) }
    synthesizer.finish(one)
    for stream in streams { #expect(try await next(stream).isLast) }
    try await waitUntil("kept") { engine.cached_bytes > 0 }
    let late = renderer(engine)
    late.follow(piece(one, sequence: 5))
    #expect(try await next(late).audio == [1, 2, 3])
    #expect(synthesizer.asked == [one])
  }

  @Test("another voice or format is another sentence")
  func keys() async throws {
    let synthesizer = ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)
    let engine = engine(synthesizer)
    for (voice, format) in [("", SpeechFormat.mp3), ("anna", .mp3), ("", .wav)] {
      let renderer = SpeechRenderer(engine: engine, voice: voice, format: format)
      renderer.follow(piece(one, sequence: 5))
      #expect(try await next(renderer).audio == Array(one.utf8))
    }
    #expect(synthesizer.asked.count == 3)
  }

  @Test("the cache keeps what was used last, within its bytes")
  func eviction() async throws {
    let synthesizer = ScriptedSynthesizer { text in .success([[UInt8](repeating: 1, count: 1_000)]) }
    let each = 1_000 + Limits.cachedSentenceOverhead_bytes
    let engine = engine(synthesizer, cache_bytes: each * 2)
    func say(_ text: String) async throws {
      let renderer = renderer(engine)
      renderer.follow(piece(text, sequence: 5))
      while try await !next(renderer).isLast {}
      try await waitUntil("settled") { engine.cached_bytes > 0 && engine.cached_bytes <= each * 2 }
    }
    try await say(one)
    try await waitUntil("one kept") { engine.cached_bytes == each }
    try await say(two)
    try await waitUntil("two kept") { engine.cached_bytes == each * 2 }
    try await say(one)
    try await say(three)
    try await waitUntil("bounded") { engine.cached_bytes == each * 2 }
    try await say(one)
    #expect(synthesizer.asked == [one, two, three])
    try await say(two)
    #expect(synthesizer.asked == [one, two, three, two])
  }

  // MARK: Cancelling

  @Test("a sentence beyond the size bound counts as failed")
  func sizeBound() async throws {
    let synthesizer = ScriptedSynthesizer { _ in
      .success(Array(repeating: [UInt8](repeating: 1, count: 1 << 20), count: 5))
    }
    let engine = engine(synthesizer)
    let renderer = renderer(engine)
    renderer.follow(piece(one + two, sequence: 5))
    var last = try await next(renderer)
    var bytes = last.audio.count
    while !last.isLast {
      last = try await next(renderer)
      bytes += last.audio.count
    }
    #expect(last.audio.isEmpty && last.sentence == 0 && bytes <= Limits.sentence_bytes)
    #expect(engine.cached_bytes == 0)
  }

  @Test("no more sentences than the bound are made at the same time")
  func concurrency() async throws {
    let synthesizer = ScriptedSynthesizer()
    let engine = engine(synthesizer)
    let texts = (0..<Limits.concurrentSyntheses + 4).map { "第\($0)个人听的这一句话。" }
    let renderers = texts.map { text in
      let renderer = renderer(engine)
      renderer.follow(piece(text, sequence: 5))
      return renderer
    }
    try await waitUntil("the bound") { synthesizer.asked.count == Limits.concurrentSyntheses }
    // Time for one too many: none of these ends before it is told to.
    try await Task.sleep(for: .milliseconds(20))
    #expect(synthesizer.asked.count == Limits.concurrentSyntheses)
    for text in synthesizer.asked {
      synthesizer.give(text, [1])
      synthesizer.finish(text)
    }
    try await waitUntil("the others") { synthesizer.asked.count == texts.count }
    #expect(renderers.count == texts.count)
  }
}
