import Protobuf
import RPC
import TestSupport
import Testing

/// How fields travel: defaults, presence, order, repetition, unknown fields.
@Suite struct FieldKindTests {
  @Test func emptyMessage() throws {
    #expect(GoogleRPC.ErrorInfo().serializedArray() == [])
    #expect(try GoogleRPC.ErrorInfo(serializedArray: []) == GoogleRPC.ErrorInfo())
  }

  @Test func explicitDefaultsAreDefaults() throws {
    let wire = WireBytes.field(1, "") + WireBytes.field(2, "")
    #expect(try GoogleRPC.ErrorInfo(serializedArray: wire) == GoogleRPC.ErrorInfo())
  }

  @Test func absentAndEmptyMessagesDiffer() throws {
    #expect(try GoogleRPC.RetryInfo(serializedArray: []).retryDelay == nil)
    #expect(try GoogleRPC.RetryInfo(serializedArray: WireBytes.field(1, [])).retryDelay == GoogleProtobuf.Duration())
    #expect(GoogleRPC.RetryInfo(retryDelay: .init()).serializedArray() == [0x0A, 0x00])
  }

  @Test(arguments: [0, 1, -1, .max, .min] as [Int64])
  func int64(value: Int64) throws {
    let message = GoogleProtobuf.Duration(seconds: value, nanos: Int32(truncatingIfNeeded: value))
    #expect(try GoogleProtobuf.Duration(serializedArray: message.serializedArray()) == message)
    let expected = value == 0 ? [] : WireBytes.field(1, varint: UInt64(bitPattern: value))
    #expect(message.serializedArray().starts(with: expected))
  }

  @Test func theLastOfEqualScalarsCounts() throws {
    let wire = WireBytes.field(1, varint: 1) + WireBytes.field(2, varint: 9) + WireBytes.field(1, varint: 2)
    #expect(try GoogleProtobuf.Timestamp(serializedArray: wire) == GoogleProtobuf.Timestamp(seconds: 2, nanos: 9))
  }

  /// protobuf-c's own way (see `StructMessage`): no encoder in use writes a message in parts.
  @Test func ofAMessageInPartsRepeatedFieldsAddUpAndTheLastScalarsCount() throws {
    let first = WireBytes.field(1, varint: 1) + WireBytes.field(3, WireBytes.field(1, "a"))
    let second = WireBytes.field(2, "second") + WireBytes.field(3, WireBytes.field(1, "b"))
    let failed = try GoogleRPC.RetryInfo(
      serializedArray: WireBytes.field(1, WireBytes.field(1, varint: 5))
        + WireBytes.field(1, WireBytes.field(2, varint: 6)))
    #expect(failed.retryDelay == GoogleProtobuf.Duration(seconds: 0, nanos: 6))
    let status = try GoogleRPC.Status(serializedArray: first + second)
    #expect(
      status == GoogleRPC.Status(code: 1, message: "second", details: [.init(typeURL: "a"), .init(typeURL: "b")]))
  }

  /// Long ones come by another way than short ones, and lie beside each other.
  @Test(arguments: [1, 4_095, 4_096, 4_097, 100_000])
  func bytes(count: Int) throws {
    let values = (0..<3).map { place in (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ place) } }
    let status = GoogleRPC.Status(details: values.map { GoogleProtobuf.AnyMessage(typeURL: "a", value: $0) })
    var decoded = try GoogleRPC.Status(serializedArray: status.serializedArray())
    #expect(decoded == status)
    decoded.details[1].value[0] ^= 1
    #expect(try GoogleRPC.Status(serializedArray: status.serializedArray()) == status)
    #expect(decoded.details.map(\.value) == [values[0], [values[1][0] ^ 1] + values[1].dropFirst(), values[2]])
  }

  @Test func ofLongBytesTheLastCount() throws {
    let first = [UInt8](repeating: 1, count: 10_000)
    let last = [UInt8](repeating: 2, count: 10_000)
    let wire = WireBytes.field(2, first) + WireBytes.field(2, last)
    #expect(try GoogleProtobuf.AnyMessage(serializedArray: wire).value == last)
  }

  @Test func theLastMemberOfAOneofCounts() throws {
    let wire = WireBytes.field(3, "file") + WireBytes.field(7, "") + WireBytes.field(4, "symbol")
    let request = try ReflectionV1.ServerReflectionRequest(serializedArray: wire)
    #expect(request.messageRequest == .fileContainingSymbol("symbol"))
  }

  @Test func anEmptyMemberOfAOneofIsSet() throws {
    let request = ReflectionV1.ServerReflectionRequest(messageRequest: .listServices(""))
    #expect(request.serializedArray() == [0x3A, 0x00])
    #expect(try ReflectionV1.ServerReflectionRequest(serializedArray: [0x3A, 0x00]) == request)
  }

  @Test func optionalFieldsKeepTheirPresence() throws {
    let zero = GoogleRPC.QuotaFailure.Violation(futureQuotaValue: 0)
    let none = GoogleRPC.QuotaFailure.Violation()
    #expect(zero != none)
    #expect(zero.serializedArray() == [0x40, 0x00])
    #expect(try GoogleRPC.QuotaFailure.Violation(serializedArray: [0x40, 0x00]).futureQuotaValue == 0)
    #expect(try GoogleRPC.QuotaFailure.Violation(serializedArray: []).futureQuotaValue == nil)
  }

  @Test func mapsAreSortedAndTheLastKeyCounts() throws {
    let info = GoogleRPC.ErrorInfo(metadata: ["b": "2", "a": "1", "": "0"])
    let entries = [("", "0"), ("a", "1"), ("b", "2")]
    #expect(
      info.serializedArray()
        == entries.flatMap { key, value in
          WireBytes.field(3, (key.isEmpty ? [] : WireBytes.field(1, key)) + WireBytes.field(2, value))
        })
    let twice =
      WireBytes.field(3, WireBytes.field(1, "k") + WireBytes.field(2, "first"))
      + WireBytes.field(3, WireBytes.field(2, "last") + WireBytes.field(1, "k"))
    #expect(try GoogleRPC.ErrorInfo(serializedArray: twice).metadata == ["k": "last"])
    #expect(try GoogleRPC.ErrorInfo(serializedArray: WireBytes.field(3, [])).metadata == ["": ""])
  }

  @Test func mapsOfMessages() throws {
    let list = HealthV1.HealthListResponse(statuses: ["a": .init(status: .serving), "b": .init()])
    #expect(try HealthV1.HealthListResponse(serializedArray: list.serializedArray()) == list)
    let withoutValue = WireBytes.field(1, WireBytes.field(1, "a"))
    #expect(try HealthV1.HealthListResponse(serializedArray: withoutValue).statuses == ["a": .init()])
  }

  @Test(arguments: [-1, 3, 4, 99, .max, .min] as [Int32])
  func unknownEnumValuesSurvive(value: Int32) throws {
    let response = HealthV1.HealthCheckResponse(status: .init(rawValue: value))
    let again = try HealthV1.HealthCheckResponse(serializedArray: response.serializedArray())
    #expect(again.status.rawValue == value)
    #expect(again.status.description == (value == 3 ? "SERVICE_UNKNOWN" : String(value)))
  }

  @Test(arguments: [
    WireBytes.field(3, [1, 2, 0xAC, 0x02]),
    WireBytes.field(3, varint: 1) + WireBytes.field(3, varint: 2) + WireBytes.field(3, varint: 300),
    WireBytes.field(3, [1]) + WireBytes.field(3, varint: 2) + WireBytes.field(3, [0xAC, 0x02]),
  ])
  func packedAndUnpackedNumbers(wire: [UInt8]) throws {
    let renumbered = wire.map { $0 == 0x1A ? 0x12 : $0 == 0x18 ? 0x10 : $0 }
    let response = try ReflectionV1.ExtensionNumberResponse(serializedArray: renumbered)
    #expect(response.extensionNumber == [1, 2, 300])
    #expect(response.serializedArray() == WireBytes.field(2, [1, 2, 0xAC, 0x02]))
  }

  @Test func unknownFieldsAreDropped() throws {
    let unknown =
      WireBytes.field(77, varint: 5) + WireBytes.field(78, "text") + WireBytes.tag(79, 1) + [1, 2, 3, 4, 5, 6, 7, 8]
      + WireBytes.tag(80, 5) + [1, 2, 3, 4]
    let message = try GoogleRPC.LocalizedMessage(serializedArray: unknown + WireBytes.field(1, "zh-CN") + unknown)
    #expect(message == GoogleRPC.LocalizedMessage(locale: "zh-CN"))
    #expect(message.serializedArray() == WireBytes.field(1, "zh-CN"))
  }

  @Test func rawMessageIsItsBytes() throws {
    let bytes: [UInt8] = [0xFF, 0x00, 0x01]
    #expect(try RawMessage(serializedArray: bytes).bytes == bytes)
    #expect(RawMessage(bytes: bytes).serializedArray() == bytes)
    #expect(RawMessage(bytes: []).serializedArray() == [])
  }
}
