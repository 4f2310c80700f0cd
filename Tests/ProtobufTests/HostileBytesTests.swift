import Foundation
import Protobuf
import RPC
import TestSupport
import Testing

/// Bytes that nobody well-meaning sends: an error and little memory, whatever they are.
@Suite(.serialized) struct HostileBytesTests {
  private static let sample: [UInt8] = GoogleRPC.Status(
    code: 9, message: "已删除",
    details: [
      .init(typeURL: "type.googleapis.com/google.rpc.ErrorInfo", value: [1, 2, 3]), .init(typeURL: "b", value: []),
    ]
  ).serializedArray()

  @Test func cutAtEveryByte() {
    for length in 0..<Self.sample.count {
      let cut = Array(Self.sample.prefix(length))
      // Either refused or, at a field's end, a shorter message.
      do {
        let message = try GoogleRPC.Status(serializedArray: cut)
        #expect(message.serializedArray() == cut)
      } catch {
        #expect(error == .malformed)
      }
    }
  }

  @Test(
    arguments: [
      [0x00], [0x08], [0x0B, 0x0C], [0x0F], [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x07],
      [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
      [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0x10, 0x01], [0x0A, 0x01, 0x61],
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    ] as [[UInt8]])
  func refuses(bytes: [UInt8]) {
    #expect(throws: WireError.malformed) { try GoogleRPC.Status(serializedArray: bytes) }
  }

  /// Lengths within lengths in an unknown field are bytes, not structure: no recursion.
  @Test func deepUnknownNesting() throws {
    var nested: [UInt8] = []
    for _ in 0..<10_000 { nested = WireBytes.tag(99, 2) + WireBytes.varint(UInt64(nested.count)) + nested }
    #expect(try GoogleRPC.Status(serializedArray: nested) == GoogleRPC.Status())
  }

  /// Without a budget the floods below take 187 and 235 MB; other suites in the process take some at the same time.
  private let slack_bytes = Limits.decodeBudgetCap_bytes + (64 << 20)

  @Test func floodOfUnknownFields() {
    let flood = [UInt8](repeating: 0, count: 4 << 20).enumerated().map { $0.offset % 2 == 0 ? 0x78 : 0x01 } as [UInt8]
    let before = residentPeak_bytes()
    #expect(throws: WireError.tooLarge(limit_bytes: Limits.decodeBudgetCap_bytes)) {
      try GoogleRPC.Status(serializedArray: flood)
    }
    #expect(residentPeak_bytes() - before < slack_bytes)
  }

  @Test func floodOfEmptyMessages() {
    let flood = [UInt8](repeating: 0, count: 4 << 20).enumerated().map { $0.offset % 2 == 0 ? 0x1A : 0x00 } as [UInt8]
    let before = residentPeak_bytes()
    #expect(throws: WireError.tooLarge(limit_bytes: Limits.decodeBudgetCap_bytes)) {
      try GoogleRPC.Status(serializedArray: flood)
    }
    #expect(residentPeak_bytes() - before < slack_bytes)
  }

  @Test func honestLargeMessagesFit() throws {
    let text = String(repeating: "河", count: (4 << 20) / 3 - 100)
    let long = GoogleRPC.LocalizedMessage(locale: "zh-CN", message: text)
    #expect(try GoogleRPC.LocalizedMessage(serializedArray: long.serializedArray()) == long)
    let details = (0..<20_000).map { GoogleProtobuf.AnyMessage(typeURL: "type.googleapis.com/\($0)", value: [1]) }
    let many = GoogleRPC.Status(details: details + Array(repeating: .init(), count: 300))
    #expect(try GoogleRPC.Status(serializedArray: many.serializedArray()) == many)
  }

  @Test(arguments: [(0, 64 << 10), (100, 64 << 10), (64 << 10, 512 << 10), (4 << 20, 32 << 20), (.max, 32 << 20)])
  func budget(size: Int, budget_bytes: Int) {
    #expect(Limits.decodeBudget_bytes(messageSize: size) == budget_bytes)
  }

  /// A message is decoded while another one is packed: uses of the thread's arena nest.
  @Test func arenasNest() throws {
    let outer = GoogleRPC.LocalizedMessage(locale: "outer", message: String(repeating: "o", count: 50_000))
    let inner = GoogleRPC.LocalizedMessage(locale: "inner", message: String(repeating: "i", count: 50_000))
    let (size, copy) = try outer.withPacker { packer in
      let within = try GoogleRPC.LocalizedMessage(serializedArray: inner.serializedArray())
      #expect(within == inner)
      var bytes = [UInt8](repeating: 0, count: packer.size)
      bytes.withUnsafeMutableBytes { packer.pack(into: $0.baseAddress!) }
      return (packer.size, bytes)
    }
    #expect(size == copy.count)
    #expect(copy == outer.serializedArray())
  }

  @Test func threadsDoNotShareArenas() async throws {
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          let message = GoogleRPC.LocalizedMessage(locale: "\(task)", message: String(repeating: "\(task)", count: 999))
          let wire = message.serializedArray()
          return (0..<500).allSatisfy { _ in (try? GoogleRPC.LocalizedMessage(serializedArray: wire)) == message }
        }
      }
      for await isSame in group { #expect(isSame) }
    }
  }

  /// Whatever the bytes: an error, or a message that survives its own coding.
  @Test func mutations() throws {
    let seed: UInt64 = 20_260_101
    var random = SeededGenerator(seed: seed)
    for round in 0..<200_000 {
      var bytes = Self.sample
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: position)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
        default: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
      }
      guard let message = try? GoogleRPC.Status(serializedArray: bytes) else { continue }
      let again = try? GoogleRPC.Status(serializedArray: message.serializedArray())
      if again != message { Issue.record("seed \(seed), round \(round): \(bytes)") }
    }
  }

  /// The process's highest memory so far.
  private func residentPeak_bytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? "VmHWM: 0 kB"
    return (Int(line.split(whereSeparator: \.isWhitespace)[1]) ?? 0) << 10
  }
}
