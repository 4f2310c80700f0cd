import HTTP2
import Testing

@testable import RPC

@Suite struct MetadataTests {
  @Test(arguments: [
    ("x-a", true), ("X-A", true), ("grpc-timeout", false), ("grpc-retry-pushback-ms", true), ("grpc-status", false),
    (":path", false), ("te", false), ("content-type", false), ("user-agent", false), ("", false), ("a b", false),
    ("ä", false), ("authorization", true), ("a-bin", false), ("x_1.y", true),
  ])
  func textNamesAreChecked(name: String, isTaken: Bool) {
    var metadata = Metadata()
    #expect(metadata.append(name, "v") == isTaken)
    #expect(metadata.isEmpty == !isTaken)
  }

  @Test(arguments: [
    ("plain", true), ("", true), ("a\nb", false), ("é", false), (" a", false), ("a ", false), ("a b", true),
  ])
  func valuesAreChecked(value: String, isTaken: Bool) {
    var metadata = Metadata()
    #expect(metadata.append("x", value) == isTaken)
  }

  @Test func orderAndRepetitionAreKept() {
    var metadata: Metadata = ["a": "1", "b": "2", "a": "3"]
    metadata.append("z-bin", [0, 255])
    #expect(metadata.values("a") == ["1", "3"])
    #expect(metadata["a"] == "1")
    #expect(metadata.binaryValues("z-bin") == [[0, 255]])
    metadata.set("a", "4")
    #expect(metadata.entries.map(\.name) == ["b", "z-bin", "a"])
  }

  @Test(
    arguments: [
      ("AP8=", [[0, 255]]), ("AP8", [[0, 255]]), ("", [[]]), ("AQ,Ag==", [[1], [2]]), ("AQ, Ag", [[1], [2]]),
      ("!!!", []),
      ("A", []),
    ] as [(String, [[UInt8]])])
  func binaryValuesAreReceived(text: String, values: [[UInt8]]) {
    var metadata = Metadata()
    metadata.receive(name: "x-bin", value: Array(text.utf8))
    #expect(metadata.binaryValues("x-bin") == values)
  }

  @Test func binaryValuesAreSentUnpadded() {
    #expect(BinaryMetadataCoding.encode([0, 255]) == "AP8")
    for count in 0..<20 {
      let bytes = (0..<count).map { UInt8($0 * 13) }
      let text = BinaryMetadataCoding.encode(bytes)
      #expect(!text.contains("="))
      #expect(BinaryMetadataCoding.decode(Array(text.utf8)) == bytes)
    }
  }

  @Test func onlyCustomFieldsBecomeMetadata() {
    let block = HeaderBlock([
      (":method", "POST"), (":path", "/a/b"), ("te", "trailers"), ("content-type", "application/grpc"),
      ("grpc-timeout", "1S"), ("authorization", "Bearer x"), ("x-a", "1"),
    ])
    #expect(Metadata(block).entries.map(\.name) == ["authorization", "x-a"])
  }

  @Test(arguments: [
    ("1n", Duration.nanoseconds(1)), ("2u", .microseconds(2)), ("3m", .milliseconds(3)), ("4S", .seconds(4)),
    ("5M", .seconds(300)), ("6H", .seconds(21600)), ("99999999n", .nanoseconds(99_999_999)), ("0S", .zero),
  ])
  func timeoutIsRead(text: String, timeout: Duration) {
    #expect(TimeoutCoding.decode(Array(text.utf8)) == timeout)
  }

  @Test(arguments: ["", "S", "1", "123456789S", "-1S", "1s", "1.5S", " 1S", "1S "])
  func malformedTimeoutIsRefused(text: String) {
    #expect(TimeoutCoding.decode(Array(text.utf8)) == nil)
  }

  @Test func hugeTimeoutDoesNotOverflow() throws {
    let timeout = try #require(TimeoutCoding.decode(Array("99999999H".utf8)))
    #expect(timeout > .seconds(3600 * 24 * 365 * 100))
  }

  @Test(arguments: [
    (Duration.nanoseconds(1), "1n"), (.milliseconds(1), "1000000n"), (.milliseconds(100), "100000u"),
    (.seconds(1), "1000000u"), (.seconds(100), "100000m"), (.seconds(100_000), "100000S"), (.zero, "0n"),
    (.seconds(-1), "0n"), (.seconds(1_000_000_000), "16666667M"),
  ])
  func timeoutIsWritten(timeout: Duration, text: String) throws {
    #expect(TimeoutCoding.encode(timeout) == text)
    let back = try #require(TimeoutCoding.decode(Array(text.utf8)))
    #expect(back >= max(timeout, .zero))
  }

  @Test func traceParentGoesOn() throws {
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    let parent = try #require(TraceParent(text))
    #expect(parent.description == text)
    #expect(parent.traceID == "0af7651916cd43dd8448eb211c80319c")
    let child = parent.child()
    #expect(child.traceID == parent.traceID)
    #expect(child.spanID != parent.spanID)
    #expect(child.flags == 1)
  }

  @Test(arguments: [
    "", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
  ])
  func malformedTraceParentIsRefused(text: String) {
    #expect(TraceParent(text) == nil)
  }

  @Test func laterTraceParentVersionIsRead() {
    #expect(TraceParent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what") != nil)
  }

  @Test func requestIDsAreChecked() {
    #expect(RequestID.accept("abc-1") == "abc-1")
    #expect(RequestID.accept("") == nil)
    #expect(RequestID.accept("a b") == nil)
    #expect(RequestID.accept(String(repeating: "a", count: 129)) == nil)
    #expect(RequestID.random().utf8.count == 32)
  }
}
