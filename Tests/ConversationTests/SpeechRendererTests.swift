import Synchronization
import TestSupport
import Testing

@testable import Conversation

@Suite("Speech: one stream's renderer")
struct SpeechRendererTests: SpeechFixture {
  let one = "河边的老屋我记得。", two = "门口还有一棵槐树！", three = "后来您去了哪里？"

  @Test("sentences in order, one asked for ahead, and the ends marked")
  func order() async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one + two + three, sequence: 5))
    try await waitUntil("two sentences asked for") { synthesizer.asked.count == 2 }
    #expect(Set(synthesizer.asked) == [one, two])
    // The second is ready first: it waits.
    synthesizer.give(two, [2])
    synthesizer.finish(two)
    #expect(!renderer.isReady)
    synthesizer.give(one, [1])
    let first = try await next(renderer)
    #expect(first.audio == [1] && first.index == 0 && first.sentence == 0 && !first.isLast && !first.endsSentence)
    synthesizer.finish(one)
    let end = try await next(renderer)
    #expect(end.audio.isEmpty && end.endsSentence && end.index == 1 && !end.isLast)
    let second = try await next(renderer)
    #expect(second.audio == [2] && second.sentence == 1 && second.endsSentence && second.index == 2)
    try await waitUntil("the third is asked for") { synthesizer.asked.count == 3 }
    synthesizer.give(three, [3])
    synthesizer.finish(three)
    var rest: [SpeechChunk] = []
    repeat { rest.append(try await next(renderer)) } while rest.last?.isLast != true
    #expect(rest.flatMap(\.audio) == [3] && rest.allSatisfy { $0.sentence == 2 } && rest.last?.endsSentence == true)
    #expect(rest.map(\.index) == Array(3..<3 + rest.count))
  }

  @Test("the engine's first byte is sent at once; later bytes in chunks of a bounded size")
  func chunks() async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one, sequence: 5))
    try await waitUntil("asked") { synthesizer.asked.count == 1 }
    synthesizer.give(one, [9])
    #expect(try await next(renderer).audio == [9])
    synthesizer.give(one, [UInt8](repeating: 8, count: Limits.chunkMinimum_bytes - 1))
    // Time for a chunk that must not come: these bytes are never enough.
    try await Task.sleep(for: .milliseconds(20))
    #expect(!renderer.isReady, "fewer bytes than a chunk are worth")
    synthesizer.give(one, [UInt8](repeating: 7, count: Limits.chunk_bytes * 2))
    synthesizer.finish(one)
    var sizes: [Int] = []
    var last = false
    while !last {
      let chunk = try await next(renderer)
      sizes.append(chunk.audio.count)
      last = chunk.isLast
    }
    #expect(sizes.allSatisfy { $0 <= Limits.chunk_bytes })
    #expect(sizes.reduce(0, +) == Limits.chunkMinimum_bytes - 1 + Limits.chunk_bytes * 2)
  }

  @Test("what waits for a slow reader is bounded, and nothing is lost")
  func slowReader() async throws {
    let size = Limits.readyChunks_bytes * 3
    let synthesizer = ScriptedSynthesizer { _ in .success([[UInt8](repeating: 1, count: size)]) }
    let engine = engine(synthesizer)
    let renderer = renderer(engine)
    renderer.follow(piece(one + two, sequence: 5))
    try await waitUntil("both made") { engine.cached_bytes >= 2 * size }
    // Time for more than may wait; a renderer that is slower has less ready.
    try await Task.sleep(for: .milliseconds(10))
    var ready = 0
    while let chunk = renderer.take() { ready += chunk.audio.count }
    #expect(ready > 0 && ready < Limits.readyChunks_bytes + Limits.chunk_bytes)
    var rest = 0
    renderer.delivered(
      SpeechChunk(
        message: "m", piece: 0, index: 0, audio: [], isLast: false, cancelEpoch: 0, sentence: 0, endsSentence: false))
    var last = false
    while !last {
      let chunk = try await next(renderer)
      rest += chunk.audio.count
      last = chunk.isLast
    }
    #expect(ready + rest == 2 * size)
  }

  @Test("an engine that fails ends that piece's speech, not the next one's")
  func failure() async throws {
    let synthesizer = ScriptedSynthesizer { [two] text in
      text == two ? .failure(.timedOut("x")) : .success([Array(text.utf8)])
    }
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one + two + one, sequence: 5, index: 0, total: 2))
    renderer.follow(piece(three, sequence: 6, index: 1, total: 2))
    var chunks: [SpeechChunk] = []
    while chunks.last?.piece != 1 || chunks.last?.isLast != true { chunks.append(try await next(renderer)) }
    #expect(chunks.filter { $0.piece == 0 }.flatMap(\.audio) == Array(one.utf8))
    #expect(chunks.filter { $0.piece == 0 && $0.isLast }.count == 1)
    #expect(chunks.filter { $0.piece == 1 }.flatMap(\.audio) == Array(three.utf8))
  }

  @Test("words that nobody can read end the piece at once", arguments: ["……", "🙂", "", " \n"])
  func nothingToRead(text: String) async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(text, sequence: 5))
    let chunk = try await next(renderer)
    #expect(chunk.isLast && chunk.audio.isEmpty && synthesizer.asked.isEmpty)
  }

  @Test("a user message silences what was spoken before it, and the engine's work for it is given up")
  func bargeIn() async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one + two, sequence: 5))
    try await waitUntil("asked") { synthesizer.asked.count == 2 }
    synthesizer.give(one, [1])
    try await waitUntil("ready") { renderer.isReady }
    renderer.follow(said(6))
    #expect(!renderer.isReady && renderer.take() == nil)
    renderer.follow(piece(three, sequence: 8, message: "n"))
    try await waitUntil("asked") { synthesizer.asked.count == 3 }
    synthesizer.give(three, [3])
    #expect(try await next(renderer).audio == [3])
    synthesizer.give(one, [1])
    synthesizer.give(two, [1])
    try await waitUntil("given up") { Set(synthesizer.abandoned) == [one, two] }
  }

  @Test("a cancel of an older reply leaves the newer one, under the new epoch")
  func olderReply() async throws {
    let synthesizer = ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one, sequence: 5))
    renderer.follow(piece(two, sequence: 9, message: "n"))
    try await waitUntil("ready") { renderer.isReady }
    renderer.cancel(through: 6, epoch: 1)
    let chunk = try await next(renderer)
    #expect(chunk.message == "n" && chunk.cancelEpoch == 1)
    renderer.cancel(through: 3, epoch: 1)
    #expect(!renderer.isReady)
  }

  @Test("a cancel waits for the chunk that is being written, and for no other")
  func settling() async throws {
    let synthesizer = ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)
    let renderer = renderer(engine(synthesizer))
    try await renderer.settle()
    renderer.follow(piece(one + two, sequence: 5))
    try await waitUntil("ready") { renderer.isReady }
    let chunk = try #require(renderer.take())
    renderer.cancel(through: 5, epoch: 1)
    let settled = Mutex(false)
    let waiting = Task {
      try await renderer.settle()
      settled.withLock { $0 = true }
    }
    // Time for an end that comes too early; before `delivered` none may come.
    try await Task.sleep(for: .milliseconds(20))
    #expect(settled.withLock { $0 } == false)
    renderer.delivered(chunk)
    try await waiting.value
    #expect(!renderer.isReady)
    // A reader that never takes it: the waiter may be cancelled, and the stream's end frees it.
    renderer.follow(piece(three, sequence: 7))
    try await waitUntil("ready") { renderer.isReady }
    _ = renderer.take()
    await #expect(throws: TimedOut.self) {
      try await withTimeout(milliseconds: 10) { try await renderer.settle() }
    }
    let last = Task { try await renderer.settle() }
    renderer.close()
    try await last.value
  }

  @Test("nothing is spoken after the stream's end, and its syntheses are given up")
  func close() async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one, sequence: 5))
    try await waitUntil("asked") { synthesizer.asked.count == 1 }
    renderer.close()
    synthesizer.give(one, [1])
    try await waitUntil("given up") { synthesizer.abandoned == [one] }
    renderer.follow(piece(two, sequence: 6))
    #expect(!renderer.isReady && renderer.take() == nil)
  }

  @Test("more waiting sentences than the bound are not read aloud")
  func waitingBound() async throws {
    let synthesizer = ScriptedSynthesizer()
    let renderer = renderer(engine(synthesizer))
    let many = Array(repeating: one, count: Limits.waitingSentences).joined()
    renderer.follow(piece(many, sequence: 5, index: 0, total: 2))
    renderer.follow(piece(two, sequence: 6, index: 1, total: 2))
    try await waitUntil("asked") { synthesizer.asked == [one] }
    synthesizer.give(one, [1])
    synthesizer.finish(one)
    var count = 0
    while true {
      let chunk = try await next(renderer)
      count += chunk.audio.count
      if chunk.isLast { break }
    }
    #expect(count == Limits.waitingSentences)
    #expect(!synthesizer.asked.contains(two))
  }

  @Test("the newest replies are remembered, older ones are not")
  func rememberedReplies() async throws {
    let renderer = renderer(engine(ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)))
    for index in 0...Limits.rememberedReplies {
      renderer.follow(piece(one, sequence: Int64(5 + index), message: MessageID("m\(index)")))
    }
    #expect(renderer.spokenReply("turn-m0") == nil)
    #expect(renderer.spokenReply("turn-m1")?.sequence == 6)
    #expect(renderer.spokenReply(nil)?.sequence == Int64(5 + Limits.rememberedReplies))
  }

  @Test("a position is measured with the durations of what was made")
  func position() async throws {
    let frame: [UInt8] = [0xff, 0xfb, 0x90, 0x00] + [UInt8](repeating: 0, count: 413)
    // 26.12 ms each.
    let synthesizer = ScriptedSynthesizer { [one] text in
      .success([Array(repeating: frame, count: text == one ? 100 : 400).flatMap { $0 }])
    }
    let renderer = renderer(engine(synthesizer))
    renderer.follow(piece(one + two, sequence: 5, index: 0, total: 2))
    renderer.follow(piece(three, sequence: 6, index: 1, total: 2))
    #expect(renderer.spokenReply("other") == nil)
    while try await !next(renderer).isLast {}
    let reply = try #require(renderer.spokenReply("turn-m"))
    #expect(reply.sequence == 5 && reply.pieces.count == 2)
    #expect(reply.pieces[0].map(\.duration_ms) == [2_612, 10_448])
    #expect(reply.heardText(after: 9_000) == one)
    #expect(renderer.spokenReply(nil) == reply)
    // The client may tell the position after its message silenced the reply.
    renderer.follow(said(7))
    #expect(renderer.spokenReply("turn-m")?.pieces[0] == reply.pieces[0])
  }

  @Test("of a reply of which a part was delivered elsewhere, the rest is measured here")
  func partialReply() throws {
    let renderer = renderer(engine(ScriptedSynthesizer()))
    renderer.follow(piece(two, sequence: 6, index: 1, total: 2))
    let reply = try #require(renderer.spokenReply("turn-m"))
    #expect(reply.sequence == 5 && reply.missingPieces == 1)
    let whole = reply.completed(by: SpokenReply(turn: "turn-m", sequence: 5, texts: [one, two, three]))
    #expect(whole.pieces.map { $0.map(\.text).joined() } == [one, two])
  }

  // MARK: Replay

  @Test("of a replay, the reply that ends it is read aloud while it is young", arguments: [true, false])
  func replay(isYoung: Bool) async throws {
    let synthesizer = ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)
    let renderer = renderer(engine(synthesizer))
    renderer.followReplay(piece(one, sequence: 1, message: "a"))
    renderer.followReplay(said(3))
    renderer.followReplay(piece(two, sequence: 5, index: 0, total: 2, message: "b"))
    renderer.followReplay(piece(three, sequence: 6, index: 1, total: 2, message: "b"))
    let age_s = Int64(Limits.replayedSpeech_s) + (isYoung ? 0 : 1)
    renderer.begin(epoch: 4, now: Timestamp(microseconds: age_s * 1_000_000))
    guard isYoung else {
      // Time for a sentence that nobody may ask for.
      try await Task.sleep(for: .milliseconds(20))
      #expect(synthesizer.asked.isEmpty)
      return
    }
    let chunks = [try await next(renderer), try await next(renderer)]
    #expect(chunks.map(\.message) == ["b", "b"] && chunks.map(\.cancelEpoch) == [4, 4])
    #expect(Set(synthesizer.asked) == [two, three])
  }

  @Test("a replay that ends with a user message, or a cancel, is silent")
  func answeredReplay() async throws {
    for end in [
      said(3),
      DurableEvent(
        sequence: 3, createTime: Timestamp(microseconds: 0), turn: nil, request: nil,
        kind: .speechFinished(
          SpeechFinish(message: "a", cancelled: true, heardText: "", cancelEpoch: 1, through: 2))),
    ] {
      let synthesizer = ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo)
      let renderer = renderer(engine(synthesizer))
      renderer.followReplay(piece(one, sequence: 1, message: "a"))
      renderer.followReplay(end)
      renderer.begin(epoch: 1, now: Timestamp(microseconds: 0))
      #expect(synthesizer.asked.isEmpty && !renderer.isReady)
    }
  }
}
