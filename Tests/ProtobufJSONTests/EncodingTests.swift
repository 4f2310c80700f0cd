import ProtobufJSON
import Testing

@Suite struct EncodingTests {
  private static let kinds = "lifeecho.test.Kinds"

  /// What is accepted beside the canonical form (the corpus has that).
  @Test(arguments: [
    (#"{"int32_value": 5}"#, #"{"int32Value":5}"#),
    (#"{"int32Value": "5"}"#, #"{"int32Value":5}"#),
    (#"{"int32Value": 5.0, "int64Value": 1e3}"#, #"{"int32Value":5,"int64Value":"1000"}"#),
    (#"{"int64Value": 9007199254740993}"#, #"{"int64Value":"9007199254740993"}"#),
    (#"{"uint64Value": 18446744073709551615}"#, #"{"uint64Value":"18446744073709551615"}"#),
    (#"{"color": 1}"#, #"{"color":"COLOR_RED"}"#),
    (#"{"color": "COLOR_NEGATIVE"}"#, #"{"color":"COLOR_NEGATIVE"}"#),
    (#"{"color": 77}"#, #"{"color":77}"#),
    (#"{"int32Value": null, "node": null, "strings": null}"#, "{}"),
    (#"{"optionalInt32": 0}"#, #"{"optionalInt32":0}"#),
    (#"{"optionalInt32": null}"#, "{}"),
    (#"{"choiceText": ""}"#, #"{"choiceText":""}"#),
    (#"{"choiceText": "a", "choiceNumber": null}"#, #"{"choiceText":"a"}"#),
    (#"{"bytesValue": "-_8"}"#, #"{"bytesValue":"+/8="}"#),
    (#"{"bytesValue": "AQ=="}"#, #"{"bytesValue":"AQ=="}"#),
    (#"{"doubleValue": "1.5", "floatValue": "NaN"}"#, #"{"doubleValue":1.5,"floatValue":"NaN"}"#),
    (#"{"doubleValue": "-Infinity"}"#, #"{"doubleValue":"-Infinity"}"#),
    (#"{"timestamp": "2026-01-31T08:00:00+08:00"}"#, #"{"timestamp":"2026-01-31T00:00:00Z"}"#),
    (#"{"timestamp": "2024-02-29T23:59:59.5Z"}"#, #"{"timestamp":"2024-02-29T23:59:59.500Z"}"#),
    (#"{"duration": "-0.5s"}"#, #"{"duration":"-0.500s"}"#),
    (#"{"mask": "user.nickName,birthYear"}"#, #"{"mask":"user.nickName,birthYear"}"#),
    (#"{"value": null}"#, #"{"value":null}"#),
    (#"{"object": {"a": {"b": [1, null]}}}"#, #"{"object":{"a":{"b":[1.0,null]}}}"#),
    (
      #"{"int64Wrapper": "0", "stringWrapper": "", "boolWrapper": false}"#,
      #"{"int64Wrapper":"0","stringWrapper":"","boolWrapper":false}"#
    ),
    (
      #"{"any": {"value": "1.5s", "@type": "type.googleapis.com/google.protobuf.Duration"}}"#,
      #"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}"#
    ),
    (
      #"{"any": {"@type": "x/google.rpc.ErrorInfo", "reason": "R"}}"#,
      #"{"any":{"@type":"x/google.rpc.ErrorInfo","reason":"R"}}"#
    ),
    (#"{"@renamed": 1}"#, #"{"@renamed":1}"#),
    (#"{"numbersByTruth": {"true": 1, "false": "2"}}"#, #"{"numbersByTruth":{"false":"2","true":"1"}}"#),
    (#"{"nodesByNumber": {"-1": {}}}"#, #"{"nodesByNumber":{"-1":{}}}"#),
    (#" {"stringValue" : "\u6211\ud83d\ude00\/" } "#, #"{"stringValue":"我😀/"}"#),
    ("", "{}"),
  ])
  func accepts(json: String, canonical: String) throws {
    let wire = try Golden.pool.encodeJSON(json, as: Self.kinds)
    #expect(try Golden.pool.decodeToJSON(wire, as: Self.kinds) == canonical)
  }

  @Test(arguments: [
    (#"{"nothing": 1}"#, "nothing"),
    (#"{"node": {"children": [{}, {"nome": "x"}]}}"#, "node.children[1].nome"),
    (#"{"int32Value": 2147483648}"#, "int32Value"),
    (#"{"int32Value": 1.5}"#, "int32Value"),
    (#"{"int32Value": true}"#, "int32Value"),
    (#"{"int32Value": " 5"}"#, "int32Value"),
    (#"{"uint32Value": -1}"#, "uint32Value"),
    (#"{"int64Value": 9223372036854775808}"#, "int64Value"),
    (#"{"floatValue": 1e40}"#, "floatValue"),
    (#"{"doubleValue": 1e400}"#, "doubleValue"),
    (#"{"boolValue": "true"}"#, "boolValue"),
    (#"{"stringValue": 5}"#, "stringValue"),
    (#"{"bytesValue": "a"}"#, "bytesValue"),
    (#"{"bytesValue": "a!=="}"#, "bytesValue"),
    (#"{"color": "RED"}"#, "color"),
    (#"{"node": []}"#, "node"),
    (#"{"strings": "a"}"#, "strings"),
    (#"{"strings": ["a", null]}"#, "strings[1]"),
    (#"{"texts": {"k": 1}}"#, #"texts["k"]"#),
    (#"{"nodesByNumber": {"x": {}}}"#, #"nodesByNumber["x"]"#),
    (#"{"choiceText": "a", "choiceNumber": 1}"#, "choiceNumber"),
    (#"{"int32Value": 1, "int32_value": 2}"#, "int32_value"),
    (#"{"timestamp": "2026-02-30T00:00:00Z"}"#, "timestamp"),
    (#"{"timestamp": "2026-02-01 00:00:00Z"}"#, "timestamp"),
    (#"{"timestamp": "0000-01-01T00:00:00Z"}"#, "timestamp"),
    (#"{"duration": "1.5"}"#, "duration"),
    (#"{"duration": "315576000001s"}"#, "duration"),
    (#"{"any": {"reason": "R"}}"#, "any.@type"),
    (#"{"any": {"@type": "x/no.Such"}}"#, "any.@type"),
    ("[]", ""),
  ])
  func refusesNamingTheField(json: String, path: String) {
    #expect {
      try Golden.pool.encodeJSON(json, as: Self.kinds)
    } throws: { error in
      guard case .field(let found, let reason)? = error as? JSONMappingError else { return false }
      return found == path && !reason.isEmpty
    }
  }

  @Test(arguments: [
    "{", "{\"a\"}", "{\"a\":1,}", "[1,]", "{\"a\":01}", "{\"a\":1.}", "{\"a\":-}", "{'a':1}", "{} x", "nul",
    "\"\\ud800\"",
    "\"\\x\"", "{\"a\":1,\"a\":2}", "\"\u{1}\"", "\"", "{\"a\":+1}", "{\"a\":NaN}", "// c", "{\"a\":1e}",
  ])
  func refusesMalformedJSON(json: String) {
    #expect {
      try Golden.pool.encodeJSON(json, as: Self.kinds)
    } throws: { error in
      guard case .malformedJSON? = error as? JSONMappingError else { return false }
      return true
    }
  }

  @Test func nestingIsLimited() throws {
    func nested(_ depth: Int) -> String {
      #"{"node":"# + String(repeating: #"{"children":["#, count: depth) + "{}" + String(repeating: "]}", count: depth)
        + "}"
    }
    let wire = try Golden.pool.encodeJSON(nested(40), as: Self.kinds)
    #expect(try Golden.pool.decodeToJSON(wire, as: Self.kinds) == nested(40))
    #expect(throws: JSONMappingError.self) { try Golden.pool.encodeJSON(nested(60), as: Self.kinds) }
    let bomb = String(repeating: "[", count: 1_000_000)
    #expect(throws: JSONMappingError.self) { try Golden.pool.encodeJSON(bomb, as: Self.kinds) }
  }
}
