import Conversation
import Foundation
import Testing

@testable import Engines

/// Containers are told apart by their bytes, and what is cut off or no audio is refused with a reason.
@Suite struct AudioSnifferTests {
  @Test(
    arguments: [
      ("zh1.kokoro.m4a", .m4a, 4226), ("silence-5s.m4a", .m4a, 5000), ("formats/faststart.m4a", .m4a, 4226),
      ("formats/fragmented.mp4", .m4a, nil), ("formats/adts.aac", .aac, 4249), ("formats/tagged.mp3", .mp3, 4296),
      ("formats/bare.mp3", .mp3, 4258), ("formats/opus.ogg", .ogg, 4226), ("formats/vorbis.ogg", .ogg, 4226),
      ("formats/samples.wav", .wav, 4226), ("formats/live.webm", .webm, 4213), ("formats/whole.webm", .webm, 4234),
      ("formats/aac.3gp", .threeGP, 4226), ("formats/amr.3gp", .threeGP, 2000),
    ] as [(String, AudioContainer, Int64?)])
  func tells(_ name: String, _ container: AudioContainer, _ duration_ms: Int64?) throws {
    let audio = try AudioSniffer.sniff(try AudioFiles.bytes(name))
    #expect(audio.container == container)
    #expect((audio.duration_ms == nil) == (duration_ms == nil))
    if let expected = duration_ms, let measured = audio.duration_ms { #expect(abs(measured - expected) <= 25) }
  }

  @Test(arguments: [
    ("", "empty"), ("broken-garbage.m4a", "none of the known containers"), ("broken-truncated.m4a", "cut off"),
    ("texts.tsv", "none of the known containers"),
  ])
  func refuses(_ name: String, _ reason: String) throws {
    let bytes = name.isEmpty ? [] : try AudioFiles.bytes(name)
    #expect { try AudioSniffer.sniff(bytes) } throws: { Self.reason($0)?.contains(reason) ?? false }
  }

  /// Files that say how long they are, cut anywhere.
  @Test(arguments: [
    "zh1.kokoro.m4a", "formats/faststart.m4a", "formats/samples.wav", "formats/aac.3gp", "formats/tagged.mp3",
  ])
  func noticesWhatIsCutOff(_ name: String) throws {
    let bytes = try AudioFiles.bytes(name)
    for share in [0.2, 0.5, 0.9] {
      let part = Array(bytes.prefix(Int(Double(bytes.count) * share)))
      #expect { try AudioSniffer.sniff(part) } throws: { Self.reason($0)?.contains("cut off") ?? false }
    }
  }

  /// Files that do not: what is there counts.
  @Test(arguments: ["formats/adts.aac", "formats/bare.mp3", "formats/opus.ogg", "formats/live.webm"])
  func measuresWhatIsThere(_ name: String) throws {
    let bytes = try AudioFiles.bytes(name)
    let whole = try #require(try AudioSniffer.sniff(bytes).duration_ms)
    let half = try #require(try AudioSniffer.sniff(Array(bytes.prefix(bytes.count / 2))).duration_ms)
    #expect(half > whole / 4 && half < whole * 3 / 4)
  }

  /// Whatever comes, it answers or refuses; and every prefix of everything is something that may come.
  @Test(arguments: try! FileManager.default.contentsOfDirectory(atPath: AudioFiles.folder.path + "/formats").sorted())
  func survivesDamage(_ name: String) throws {
    let bytes = Array(try AudioFiles.bytes("formats/\(name)").prefix(6000))
    for length in stride(from: 0, to: 240, by: 3) { _ = try? AudioSniffer.sniff(Array(bytes.prefix(length))) }
    var seed: UInt64 = 0x9E37_79B9_7F4A_7C15
    for _ in 0..<100 {
      var damaged = bytes
      for _ in 0..<8 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // Most of what is read stands at the beginning.
        let place = Int(seed >> 33) % (seed & 1 == 0 ? 256 : damaged.count)
        damaged[place] = UInt8(truncatingIfNeeded: seed >> 24)
      }
      _ = try? AudioSniffer.sniff(damaged)
    }
  }

  @Test func anUnfinishedWAVIsAsLongAsItIs() throws {
    var bytes = try AudioFiles.bytes("formats/samples.wav")
    let place = try #require(bytes.firstRange(of: Array("data".utf8))).upperBound
    for unknown in [[UInt8](repeating: 0xFF, count: 4), [0, 0, 0, 0]] {
      bytes.replaceSubrange(place..<place + 4, with: unknown)
      #expect(try AudioSniffer.sniff(bytes).duration_ms == 4226)
    }
  }

  @Test func looksForTheFirstFrameOnlySoFar() throws {
    let frames = Array(try AudioFiles.bytes("formats/bare.mp3").prefix(4000))
    let tag: [UInt8] = Array("ID3".utf8) + [3, 0, 0, 0, 0, 0, 0]
    for (zeros, isFound) in [(0, true), (Engines.Limits.paddingBytes, true), (Engines.Limits.paddingBytes + 1, false)] {
      let audio = try? AudioSniffer.sniff(tag + [UInt8](repeating: 0, count: zeros) + frames)
      #expect((audio?.container == .mp3) == isFound)
    }
  }

  @Test func looksAtSoManyBoxesOnly() {
    #expect(throws: SpeechRecognitionError.self) {
      // A file of nothing but empty boxes, index included, ends.
      let box: [UInt8] = [0, 0, 0, 8] + Array("free".utf8)
      let many = Array(repeating: box, count: Engines.Limits.boxes + 10).flatMap(\.self)
      let size = many.count + 8
      let index = (0..<4).reversed().map { UInt8(truncatingIfNeeded: size >> ($0 * 8)) } + Array("moov".utf8) + many
      _ = try AudioSniffer.sniff([0, 0, 0, 12] + Array("ftypisom".utf8) + index)
    }
  }

  /// AMR in a file that calls itself MP4 is what 3gp is: engines that take MP4 do not take it.
  @Test func namesByItsCodecWhatIsMisnamed() throws {
    var bytes = try AudioFiles.bytes("formats/amr.3gp")
    let place = try #require(bytes.firstRange(of: Array("ftyp".utf8))).upperBound
    bytes.replaceSubrange(place..<place + 4, with: Array("isom".utf8))
    #expect(try AudioSniffer.sniff(bytes).container == .threeGP)
  }

  @Test func aFilmWithoutSoundIsNone() throws {
    var bytes = try AudioFiles.bytes("zh1.kokoro.m4a")
    let place = try #require(bytes.firstRange(of: Array("soun".utf8))).lowerBound
    bytes.replaceSubrange(place..<place + 4, with: Array("vide".utf8))
    #expect { try AudioSniffer.sniff(bytes) } throws: { Self.reason($0)?.contains("no sound track") ?? false }
  }

  static func reason(_ error: any Error) -> String? {
    if case .invalidAudio(let reason) = error as? SpeechRecognitionError { reason } else { nil }
  }
}
