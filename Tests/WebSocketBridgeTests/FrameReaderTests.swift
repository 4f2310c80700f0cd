import NIOCore
import Testing

@testable import WebSocketBridge

/// LEGACY §2 and §4: coercions, the order of the checks, and their texts.
@Suite struct FrameReaderTests {
  private static func read(_ json: String, version2: Bool = false) -> ClientFrame {
    FrameReader(isVersion2: version2).read(ByteBuffer(string: json))
  }

  private static func segment(_ members: String) -> ClientFrame {
    read(#"{"type":"audio_segment","data":{"voice_session_id":"s","audio_base64":"QUJD",\#(members)}}"#)
  }

  private static func refusal(_ text: String, _ type: ClientFrameType = .audioSegment) -> ClientFrame {
    .refused(type, text: text, isMalformed: text == Text.failed)
  }

  private static func taken(
    _ session: String = "s", index: Int32 = 0, seconds: Int64 = 0, isLast: Bool = false,
    content: [UInt8]? = [65, 66, 67]
  ) -> ClientFrame {
    .audioSegment(
      session: session,
      segment: .init(index: index, content: content, duration_ms: seconds * 1000, isLast: isLast))
  }

  @Test(
    arguments: [
      ("3", 3), (#""3""#, 3), (#"" 3 ""#, 3), (#""+3""#, 3), (#""0_3""#, 3), ("\"３\"", 3), ("3.9", 3), ("true", 1),
      ("false", 0), ("-0.5", 0), (#""-0""#, 0), ("-0", 0), ("0", 0), ("4095", 4095), ("1e2", 100), ("\"٣\"", 3),
      (#""\u0033""#, 3), ("\"\u{3000}3\"", 3), ("\"\u{3000}３\"", 3), ("4095.9", 4095),
    ] as [(String, Int32)])
  func integers(_ json: String, _ index: Int32) {
    #expect(Self.segment("\"segment_index\":\(json)") == Self.taken(index: index))
  }

  @Test(arguments: [
    (#""""#, Text.indexNotInteger), (#""abc""#, Text.indexNotInteger), (#""1.5""#, Text.indexNotInteger),
    (#""1e3""#, Text.indexNotInteger), (#""0x1""#, Text.indexNotInteger), ("[]", Text.indexNotInteger),
    ("{}", Text.indexNotInteger), ("NaN", Text.indexNotInteger), (#""_3""#, Text.indexNotInteger),
    (#""3_""#, Text.indexNotInteger), (#""3__4""#, Text.indexNotInteger), (#""+-3""#, Text.indexNotInteger),
    (#""²""#, Text.indexNotInteger), ("4096", Text.indexNotInteger), ("99999999999999999999", Text.indexNotInteger),
    (#""\ud800""#, Text.indexNotInteger), ("\"\u{1c}3\"".replacing("\u{1c}", with: #"\u001c"#), Text.indexNotInteger),
    ("null", Text.indexMissing), ("-1", Text.indexNegative), ("-1.5", Text.indexNegative),
    (#""-7""#, Text.indexNegative), ("-99999999999999999999", Text.indexNegative), ("Infinity", Text.failed),
    ("-Infinity", Text.failed), ("1e999", Text.failed),
  ])
  func notIntegers(_ json: String, _ text: String) {
    #expect(Self.segment("\"segment_index\":\(json)") == Self.refusal(text))
  }

  @Test(arguments: [
    (#""false""#, true), (#""0""#, true), ("1", true), ("-1", true), ("[0]", true), (#"{"a":0}"#, true), ("true", true),
    ("NaN", true), ("0.1", true), ("false", false), ("0", false), (#""""#, false), ("[]", false), ("{}", false),
    ("null", false), ("0.0", false), ("-0.0", false), ("1e-999", false), ("[ ]", false),
  ])
  func truthiness(_ json: String, _ isLast: Bool) {
    #expect(Self.segment("\"segment_index\":0,\"is_last\":\(json)") == Self.taken(isLast: isLast))
  }

  @Test(
    arguments: [
      (#""3""#, 3), (#"" 4 ""#, 4), ("3.9", 3), ("true", 1), ("null", 0), (#""""#, 0), ("0", 0), ("false", 0),
      ("[]", 0),
      ("{}", 0), ("-5", 0), ("1e300", 86_400), (#""abc""#, nil), (#""3.5""#, nil), ("[1]", nil), (#"{"a":1}"#, nil),
      ("NaN", nil), ("Infinity", nil),
    ] as [(String, Int64?)])
  func durations(_ json: String, _ seconds: Int64?) {
    let expected = seconds.map { Self.taken(seconds: $0) } ?? Self.refusal(Text.failed)
    #expect(Self.segment("\"segment_index\":0,\"duration\":\(json)") == expected)
  }

  /// (members beside audio and index, the session or the refusal)
  @Test(
    arguments: [
      (#""voice_session_id":"a b ""#, "a b"), (#""voice_session_id":7"#, "7"), (#""voice_session_id":7.0"#, "7.0"),
      (#""voice_session_id":true"#, "True"), (#""voice_session_id":"","client_segment_id":"x-1""#, "x"),
      (#""client_segment_id":"a_b-c:3""#, "a_b-c"), (#""client_segment_id":" a -3""#, "a"),
      (#""voice_session_id":0,"client_segment_id":"x:1""#, "x"), (#""voice_session_id":"\u4f60""#, "你"),
      (#""voice_session_id":" ","client_segment_id":"x-1""#, nil),
      (#""voice_session_id":"\#u{3000}","client_segment_id":"x-1""#, nil), (#""voice_session_id":[1]"#, nil),
      (#""voice_session_id":{"a":1},"client_segment_id":"x-1""#, nil), (#""client_segment_id":7"#, nil),
      (#""client_segment_id":"abc""#, nil), (#""client_segment_id":"-3""#, nil), (#""client_segment_id":"""#, nil),
      (#""x":1"#, nil),
    ] as [(String, String?)])
  func sessions(_ members: String, _ session: String?) {
    let frame = Self.read(
      #"{"type":"audio_segment","data":{\#(members),"audio_base64":"QUJD","segment_index":0}}"#)
    #expect(frame == session.map { Self.taken($0) } ?? Self.refusal(Text.segmentSessionMissing))
  }

  /// Everything is wrong; each row mends what the row before was refused for.
  @Test(arguments: [
    (#""duration":"x""#, Text.failed),
    (#""duration":1,"audio_base64":5"#, Text.failed),
    (#""duration":1,"audio_base64":"""#, Text.segmentSessionMissing),
    (#""duration":1,"voice_session_id":"s""#, Text.audioMissing),
    (#""duration":1,"voice_session_id":"s","audio_base64":[]"#, Text.audioMissing),
    (#""duration":1,"voice_session_id":"s","audio_base64":"QQ==""#, Text.indexMissing),
    (#""duration":1,"voice_session_id":"s","audio_base64":"QQ==","segment_index":"x""#, Text.indexNotInteger),
    (#""duration":1,"voice_session_id":"s","audio_base64":"QQ==","segment_index":-1"#, Text.indexNegative),
  ])
  func orderOfChecks(_ members: String, _ text: String) {
    #expect(Self.read(#"{"type":"audio_segment","data":{\#(members)}}"#) == Self.refusal(text))
  }

  @Test func badBase64IsFoundLast() {
    let frame = Self.read(
      #"{"type":"audio_segment","data":{"voice_session_id":"s","audio_base64":"QQ","segment_index":2}}"#)
    #expect(frame == Self.taken(index: 2, content: nil))
    let escaped =
      #"{"type":"audio_segment","data":{"voice_session_id":"s","audio_base64":"\/\/8A\n","segment_index":0}}"#
    #expect(Self.read(escaped) == Self.taken(content: [255, 255, 0]))
  }

  @Test(arguments: [
    ("", true), ("null", true), ("[]", true), ("{", true), ("{}x", true), ("\u{feff}{\"type\":\"ping\"}", true),
    (#"{"type":"text","data":null}"#, true), (#"{"type":"text","data":[]}"#, true),
    (#"{"type":"text","data":"x"}"#, true),
    (#"{"type":"recording_started","data":0}"#, true), (#"{"type":"audio_message","data":false}"#, true),
    (#"{"type":"transcribe_only","data":null}"#, true), (#"{"type":"ping",}"#, true), (#"{"type":01}"#, true),
    (#"{'type':'ping'}"#, true), (#"{"type":"ping","x":"\u00zz"}"#, true), ("{\"a\":\"\n\"}", true),
    (#"{"type":"ping","data":null}"#, false), (#"{"type":"ping","data":[NaN,1e999,-Infinity]}"#, false),
    (#"{"type":"tts_cancel","data":7}"#, false), (#"{"type":"x","type":"ping"}"#, false),
    (#"{"\u0074ype":"pin\u0067"}"#, false), (" \t\r\n{ \"type\" : \"ping\" } ", false),
  ])
  func unreadable(_ json: String, _ isRefused: Bool) {
    if case .refused(_, Text.failed, true) = Self.read(json) {
      #expect(isRefused)
    } else {
      #expect(!isRefused)
    }
  }

  @Test(arguments: [
    (#"{}"#, ClientFrame.unknown), (#"{"type":7}"#, .unknown), (#"{"type":"PING"}"#, .unknown),
    (#"{"type":" ping"}"#, .unknown), (#"{"type":null}"#, .unknown),
    (#"{"type":"retry","data":{"turn_id":"t"}}"#, .unknown),
    (#"{"type":"end_conversation"}"#, .endConversation),
    (#"{"type":"tts_cancel"}"#, .cancelSpeech(turnID: "", heard_ms: nil)),
    (#"{"type":"recording_started","data":{"voice_session_id":" r "}}"#, .recordingStarted(session: "r")),
    (#"{"type":"recording_started"}"#, .refused(.recordingStarted, text: Text.voiceSessionMissing, isMalformed: false)),
    (
      #"{"type":"recording_started","data":{"voice_session_id":"\#u{3000}"}}"#,
      .refused(.recordingStarted, text: Text.voiceSessionMissing, isMalformed: false)
    ),
  ])
  func types(_ json: String, _ frame: ClientFrame) {
    #expect(Self.read(json) == frame)
  }

  @Test(arguments: [
    (#""你好\n""#, ClientFrame.text(text: "你好\n", clientMessageID: nil, chipID: "")),
    (#""\ud83d\ude00""#, .text(text: "😀", clientMessageID: nil, chipID: "")), (#""""#, .empty(.text)),
    ("null", .empty(.text)), ("0", .empty(.text)), ("[]", .empty(.text)), (#"" \u3000\n""#, .empty(.text)),
    ("7", .refused(.text, text: Text.failed, isMalformed: true)),
    ("true", .refused(.text, text: Text.failed, isMalformed: true)),
    ("[1]", .refused(.text, text: Text.failed, isMalformed: true)),
    (#""a\ud800""#, .refused(.text, text: Text.failed, isMalformed: true)),
    (#""a\u0000""#, .refused(.text, text: Text.failed, isMalformed: true)),
  ])
  func texts(_ json: String, _ frame: ClientFrame) {
    #expect(Self.read(#"{"type":"text","data":{"text":\#(json),"chip_id":"c","client_msg_id":5}}"#) == frame)
  }

  @Test(arguments: [
    ("3", 3, "3"), (#""3""#, 3, #""3""#), ("NaN", 0, "null"), ("Infinity", 0, "null"), ("1e999", 0, "null"),
    ("null", 0, "null"), ("2.50", 2, "2.50"), (#"[1, NaN, {"a": [-Infinity, "x"]}]"#, 0, #"[1,null,{"a":[null,"x"]}]"#),
    (#""\u4f60""#, 0, #""\u4f60""#), ("-4", 0, "-4"),
  ])
  func echoes(_ json: String, _ seconds: Int64, _ echo: String) {
    let frame = Self.read(#"{"type":"audio_message","data":{"audio_base64":"QQ==","duration":\#(json)}}"#)
    #expect(frame == .audioMessage(content: [65], duration_s: seconds, echo: echo))
  }

  @Test func audioMessages() {
    #expect(
      Self.read(#"{"type":"audio_message","data":{"audio_base64":"QQ=="}}"#)
        == .audioMessage(content: [65], duration_s: 0, echo: "0"))
    #expect(Self.read(#"{"type":"audio_message"}"#) == .empty(.audioMessage))
    #expect(
      Self.read(#"{"type":"audio_message","data":{"audio_base64":7}}"#)
        == .refused(.audioMessage, text: Text.audioFailed, isMalformed: false))
    #expect(
      Self.read(#"{"type":"transcribe_only","data":{}}"#)
        == .refused(.transcribeOnly, text: Text.audioMissing, isMalformed: false))
    #expect(
      Self.read(#"{"type":"transcribe_only","data":{"audio_base64":"Q"}}"#)
        == .refused(.transcribeOnly, text: Text.transcriptionFailed, isMalformed: false))
  }

  @Test func version2() {
    #expect(
      Self.read(#"{"type":"text","data":{"text":"x","client_msg_id":"m","chip_id":"c"}}"#, version2: true)
        == .text(text: "x", clientMessageID: "m", chipID: "c"))
    #expect(
      Self.read(#"{"type":"text","data":{"text":"x","client_msg_id":5}}"#, version2: true)
        == .refused(.text, text: Text.failed, isMalformed: true))
    #expect(
      Self.read(#"{"type":"tts_cancel","data":{"turn_id":"t","heard":1.5}}"#, version2: true)
        == .cancelSpeech(turnID: "t", heard_ms: 1500))
    for (value, piece) in [("2", 2), ("-1", 0), ("null", 0), ("\"x\"", 0), ("1e30", .max)] as [(String, Int32)] {
      #expect(
        Self.read(#"{"type":"tts_cancel","data":{"heard":1,"heard_from":\#(value)}}"#, version2: true)
          == .cancelSpeech(turnID: "", heard_ms: 1000, fromPiece: piece))
    }
    #expect(Self.read(#"{"type":"retry","data":{"turn_id":"t"}}"#, version2: true) == .retryTurn(turnID: "t"))
    #expect(
      Self.read(#"{"type":"retry","data":{"voice_session_id":"s","generation":2}}"#, version2: true)
        == .retryTranscription(session: "s", generation: 2))
    #expect(
      Self.read(#"{"type":"retry","data":{}}"#, version2: true)
        == .refused(.retry, text: Text.failed, isMalformed: true))
  }

  @Test(arguments: [(1000, true), (1001, false)])
  func nesting(_ depth: Int, _ isTaken: Bool) {
    // The frame itself is one level.
    let nested = String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1)
    #expect((Self.read(#"{"type":"ping","x":\#(nested)}"#) == .ping) == isTaken)
  }

  @Test(arguments: [(4300, true), (4301, false)])
  func longIntegers(_ digits: Int, _ isTaken: Bool) {
    #expect((Self.read(#"{"type":"ping","x":\#(String(repeating: "7", count: digits))}"#) == .ping) == isTaken)
    #expect(Self.read(#"{"type":"ping","x":\#(String(repeating: "7", count: digits)).5}"#) == .ping)
  }
}
