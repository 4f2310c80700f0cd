import Foundation

/// MP3 frames of steady tones (MPEG-2 layer III, 24 kHz, mono, 32 kbit/s, no bit reservoir: each stands alone). A tone whose
/// period divides the 576 samples of a frame gives the same frame again and again, so one of each is enough. Made with
/// LAME 3.100 from ffmpeg's `sine` source; frame 20 of a second.
enum ToneFrames {
  static let frame_ms = 24
  static let framesPerCharacter = 10
  /// The rest of a character is silent.
  private static let framesWithTone = 8

  /// 417, 500 and 625 Hz.
  static let tones = [
    frame(
      "//NExAAQkuIUALiKeK+uEQXUGFHAR6QwYWD4IfUftgm16+2o3fvhQ/vr7YXwvo+v"
        + "V9evRtP6tpuFNjWxv9eFBmMbXp06dG1bR8b1bj6q+tMQU1FMy4xMDAAAAAAAAAAA"),
    frame(
      "//NExAAKitoUALgPJPhEArBgYh4R6WwYZW//f/1v8TjH///idv///X///4nb///y"
        + "j///+Cgf9aYgpqKZlxiYGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    frame(
      "//NExAAPoxIUAL1KoNbedbwj0Tgw778IrUGSr0Hfb0bxg/0H/b1b0fwsf6Bvq3jf"
        + "jH8a/r9B/2+O9B/jX9W9H9B/q/oP8aG+jf+o5MQU1FMy4xMDAAAAAAAAAAAAAAAA"),
  ]

  private static let silence = frame(
    "//NExAAAAANIAAAAAExBTUUzLjEwMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

  static func character(_ tone: Int?) -> [UInt8] {
    (0..<framesPerCharacter).flatMap { tone == nil || $0 >= framesWithTone ? silence : tones[tone ?? 0] }
  }

  /// An ID3v2.3 tag whose private frame (id3.org "ID3 tag version 2.3.0", §4.28) carries the text.
  static func tag(_ text: String) -> [UInt8] {
    let content = Array("lifeecho\0".utf8) + TestAudio.carrying(text)
    let frame = Array("PRIV".utf8) + big(content.count, bits: 8) + [0, 0] + content
    return Array("ID3".utf8) + [3, 0, 0] + big(frame.count, bits: 7) + frame
  }

  private static func big(_ number: Int, bits: Int) -> [UInt8] {
    (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * bits) & ((1 << bits) - 1)) }
  }

  private static func frame(_ base64: String) -> [UInt8] {
    [UInt8](Data(base64Encoded: base64) ?? Data())
  }
}
