import Conversation
import Foundation
import TestSupport
import Testing

@testable import Engines

/// The conversion by the real ffmpeg: of everything that is recorded, and of what is made to do harm.
@Suite struct AudioConverterTests {
  /// Removed with what conversions left in it; gives the names of that.
  private func inFolder(_ body: (URL) async throws -> Void) async throws -> [String] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("converter-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path)
  }

  @Test(arguments: [
    ("zh1.kokoro.m4a", 4226), ("formats/fragmented.mp4", 4226), ("formats/adts.aac", 4226),
    ("formats/tagged.mp3", 4226),
    ("formats/bare.mp3", 4226), ("formats/opus.ogg", 4226), ("formats/vorbis.ogg", 4226), ("formats/samples.wav", 4226),
    ("formats/live.webm", 4226), ("formats/aac.3gp", 4226), ("formats/amr.3gp", 2000),
  ])
  func converts(_ name: String, _ duration_ms: Int64) async throws {
    let left = try await inFolder { folder in
      let bytes = try AudioFiles.bytes(name)
      let result = try await AudioConverter(program: "ffmpeg", folder: folder)
        .convert(bytes, try AudioSniffer.sniff(bytes))
      #expect(result.audio.container == .m4a)
      #expect(abs(try #require(result.audio.duration_ms) - duration_ms) <= 150)
    }
    #expect(left.isEmpty)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    var audio: SniffedAudio
    var testDescription: String { name }
  }

  static let hostile: [Row] = [
    Row(
      name: "a playlist that names a file",
      bytes: Array("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n".utf8),
      audio: SniffedAudio(container: .mp3)),
    Row(
      name: "a list of files", bytes: Array("ffconcat version 1.0\nfile '/etc/passwd'\n".utf8),
      audio: SniffedAudio(container: .wav)),
    Row(
      name: "noise called WebM", bytes: (0..<4000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
      audio: SniffedAudio(container: .webm)),
    Row(
      name: "a header and nothing else", bytes: Array("OggS".utf8) + [UInt8](repeating: 0, count: 60),
      audio: SniffedAudio(container: .ogg)),
  ]

  @Test(arguments: hostile)
  func refuses(_ row: Row) async throws {
    let left = try await inFolder { folder in
      await #expect {
        try await AudioConverter(program: "ffmpeg", folder: folder).convert(row.bytes, row.audio)
      } throws: {
        AudioSnifferTests.reason($0) != nil
      }
    }
    #expect(left.isEmpty)
  }

  /// ffmpeg reads half a file and reports success: the container's own duration tells.
  @Test func noticesThatPartIsMissing() async throws {
    let bytes = try AudioFiles.bytes("formats/bare.mp3")
    let audio = try AudioSniffer.sniff(bytes)
    let half = Array(bytes.prefix(bytes.count / 2))
    await #expect {
      try await AudioConverter(program: "ffmpeg").convert(half, audio)
    } throws: {
      AudioSnifferTests.reason($0)?.contains("ms of the recording could be decoded") ?? false
    }
  }

  @Test func saysThatThereIsNoFFmpeg() async throws {
    let bytes = try AudioFiles.bytes("formats/aac.3gp")
    for program in ["no-such-ffmpeg", "/nowhere/ffmpeg"] {
      await #expect(
        throws: SpeechRecognitionError.unreachable("\(program) is not installed: the engine does not take 3gp")
      ) {
        try await AudioConverter(program: program).convert(bytes, try AudioSniffer.sniff(bytes))
      }
    }
  }

  /// A program in ffmpeg's place that never ends, and tells in `started` that it runs.
  private func endless(in folder: URL) throws -> String {
    let program = folder.appendingPathComponent("endless").path
    try "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho $$ >>started\nexec tail -f /dev/null\n"
      .write(toFile: program, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
    return program
  }

  /// The OOM killer says nothing about the recording: another attempt may help.
  @Test(arguments: [SIGKILL, SIGSEGV]) func aSignalIsNotTheRecordingsFault(_ signal: Int32) async throws {
    _ = try await inFolder { folder in
      let program = folder.appendingPathComponent("killed").path
      try "#!/bin/sh\nkill -\(signal) $$\n".write(toFile: program, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      await #expect(throws: SpeechRecognitionError.unreachable("ffmpeg was ended by signal \(signal)")) {
        try await AudioConverter(program: program, folder: folder).convert(bytes, try AudioSniffer.sniff(bytes))
      }
    }
  }

  /// A program in ffmpeg's place that tells what it is allowed: seconds, KiB of memory, blocks of 512 bytes to a file,
  /// open files, size of a core; and whether anybody else could look into its directory.
  @Test func runsWithinLimits() async throws {
    _ = try await inFolder { folder in
      let program = folder.appendingPathComponent("telling").path
      let tell = "(ulimit -t; ulimit -v; ulimit -f; ulimit -n; ulimit -c; stat -c %a .) >\"$(dirname \"$0\")/told\""
      try "#!/bin/sh\n\(tell)\nexit 1\n".write(toFile: program, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      let converter = AudioConverter(program: program, timeout: .seconds(9), folder: folder)
      await #expect(throws: SpeechRecognitionError.self) {
        try await converter.convert(bytes, AudioSniffer.sniff(bytes))
      }
      let told = try String(contentsOf: folder.appendingPathComponent("told"), encoding: .utf8)
      #expect(
        told.split(separator: "\n") == [
          "10", "\(Engines.Limits.conversionMemoryBytes / 1024)", "\(2 * Engines.Limits.convertedBytes / 512)", "32",
          "0", "700",
        ])
    }
  }

  @Test func convertsSoManyAtATime() async throws {
    _ = try await inFolder { folder in
      let converter = AudioConverter(program: try endless(in: folder), folder: folder)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      let conversions = (0..<9).map { _ in
        Task { try await converter.convert(bytes, try AudioSniffer.sniff(bytes)) }
      }
      func started() -> Int {
        let text = try? String(contentsOf: folder.appendingPathComponent("started"), encoding: .utf8)
        return text?.split(separator: "\n").count ?? 0
      }
      #expect(await eventually { started() == Engines.Limits.conversions })
      // Nobody ends, so nobody else begins.
      try await Task.sleep(for: .milliseconds(300))
      #expect(started() == Engines.Limits.conversions)
      conversions.forEach { $0.cancel() }
      for conversion in conversions { _ = try? await conversion.value }
    }
  }

  @Test func endsWhatTakesTooLong() async throws {
    let left = try await inFolder { folder in
      let converter = AudioConverter(program: try endless(in: folder), timeout: .milliseconds(100), folder: folder)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      await #expect(throws: SpeechRecognitionError.timedOut("the conversion by ffmpeg")) {
        try await converter.convert(bytes, try AudioSniffer.sniff(bytes))
      }
    }
    #expect(Set(left).isSubset(of: ["endless", "started"]))
  }

  @Test func cancellationKillsAndCleansUp() async throws {
    let left = try await inFolder { folder in
      let converter = AudioConverter(program: try endless(in: folder), folder: folder)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      let conversion = Task { try await converter.convert(bytes, try AudioSniffer.sniff(bytes)) }
      let started = folder.appendingPathComponent("started")
      var process: Int32?
      let end = ContinuousClock.now + .seconds(60)
      while process == nil, ContinuousClock.now < end {
        process = (try? String(contentsOf: started, encoding: .utf8)).flatMap { Int32($0.filter(\.isNumber)) }
        await Task.yield()
      }
      conversion.cancel()
      await #expect(throws: CancellationError.self) { try await conversion.value }
      #expect(kill(try #require(process), 0) == -1)
    }
    #expect(Set(left) == ["endless", "started"])
  }

  @Test func cancelledBeforeItsTurnItNeverRuns() async throws {
    let left = try await inFolder { folder in
      let converter = AudioConverter(program: "ffmpeg", folder: folder)
      let bytes = try AudioFiles.bytes("formats/aac.3gp")
      let conversions = (0..<16).map { _ in
        Task { try await converter.convert(bytes, try AudioSniffer.sniff(bytes)) }
      }
      conversions.forEach { $0.cancel() }
      for conversion in conversions { _ = try? await conversion.value }
    }
    #expect(left.isEmpty)
  }

  /// What a process that was killed left behind goes; what belongs to a living one stays.
  @Test func sweepsUpAfterTheDead() async throws {
    let left = try await inFolder { folder in
      let dead = Process()
      dead.executableURL = URL(fileURLWithPath: "/bin/true")
      try dead.run()
      dead.waitUntilExit()
      for name in ["lifeecho-audio-\(dead.processIdentifier)-x", "lifeecho-audio-1-x", "lifeecho-audio-x", "other"] {
        let path = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: false)
        try "speech".write(toFile: path.appendingPathComponent("in").path, atomically: false, encoding: .utf8)
      }
      PrivateFolder.sweep(folder)
    }
    #expect(Set(left) == ["lifeecho-audio-1-x", "lifeecho-audio-x", "other"])
  }
}
