import NIOCore
import TestSupport
import Testing

@testable import RPC

@Suite struct MessageDeframerTests {
  static func frame(_ count: Int, byte: UInt8 = 7) -> [UInt8] {
    [0, UInt8(count >> 24 & 255), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255)]
      + Array(repeating: byte, count: count)
  }

  @Test(arguments: [1, 2, 3, 5, 7, 64, 1000])
  func messagesComeOutHoweverTheBytesCome(chunk: Int) throws {
    let sizes = [0, 1, 5, 300, 0, 4096]
    let stream = sizes.flatMap { Self.frame($0) }
    var deframer = MessageDeframer()
    var found: [Int] = []
    var index = 0
    while index < stream.count {
      let end = min(index + chunk, stream.count)
      deframer.append(ByteBuffer(bytes: stream[index..<end]))
      deframer.detach()
      index = end
      while let message = try deframer.next() { found.append(message.readableBytes) }
    }
    #expect(found == sizes)
    #expect(deframer.buffered_bytes == 0)
  }

  /// Long and short messages, pieces of any length, a reader that comes now and then: the same bytes in the same order.
  @Test func whatIsReadLateIsTheSame() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let messages = (0..<Int.random(in: 1...12, using: &random)).map { _ -> [UInt8] in
        let longest = [4, 40, 4_000, 20_000, 300_000].randomElement(using: &random) ?? 0
        let byte = UInt8.random(in: .min ... .max, using: &random)
        return [UInt8](repeating: byte, count: Int.random(in: 0...longest, using: &random))
      }
      let stream = messages.flatMap { Self.frame($0.count).prefix(5) + $0 }
      let longestPiece = max([3, 100, 16_384, 65_536].randomElement(using: &random) ?? 1, stream.count / 1000)
      var deframer = MessageDeframer()
      var found: [[UInt8]] = []
      var index = 0
      while index < stream.count {
        let end = min(index + Int.random(in: 1...longestPiece, using: &random), stream.count)
        deframer.append(ByteBuffer(bytes: stream[index..<end]))
        index = end
        while Bool.random(using: &random), let message = try deframer.next() {
          found.append(Array(buffer: message))
        }
        if Bool.random(using: &random) { deframer.detach() }
      }
      while let message = try deframer.next() { found.append(Array(buffer: message)) }
      #expect(found == messages)
      #expect(deframer.buffered_bytes == 0)
    }
  }

  /// A socket's read buffer is used again: what of it was not taken is the deframer's own after `detach`.
  @Test(
    arguments: [
      [frame(3)], [frame(3) + [0]], [frame(40_000)], [Array(frame(40_000).dropLast())],
      [frame(3), frame(30_000), frame(3)],
      [Array(frame(40_000)[..<20_000]), frame(40_000)[20_000...] + frame(9) + frame(20_000)],
      [Array(frame(100)[..<60]), frame(100)[60...] + frame(7)],
      [frame(3) + [0, 0], [0, 0, 9] + frame(9)[5...] + [0]],
    ] as [[[UInt8]]])
  func theReadBufferIsFreeAfterwards(pieces: [[UInt8]]) throws {
    var deframer = MessageDeframer()
    var reference = MessageDeframer()
    var read = ByteBuffer(bytes: pieces.joined())
    for piece in pieces {
      deframer.append(read.readSlice(length: piece.count) ?? ByteBuffer())
      reference.append(ByteBuffer(bytes: piece))
      reference.detach()
    }
    deframer.detach()
    #expect(read.modifyIfUniquelyOwned { $0.clear() } != nil)
    #expect(deframer.buffered_bytes == pieces.joined().count)
    while let message = try reference.next() { #expect(try deframer.next() == message) }
    #expect(try deframer.next() == nil)
    #expect(deframer.buffered_bytes == reference.buffered_bytes)
  }

  @Test func whatFollowsABadPrefixIsNotRead() throws {
    var deframer = MessageDeframer(limit_bytes: 10)
    deframer.append(ByteBuffer(bytes: Self.frame(3) + [0, 0]))
    deframer.append(ByteBuffer(bytes: [0, 0, 11] + Self.frame(3)))
    deframer.append(ByteBuffer(bytes: Self.frame(3)))
    #expect(try deframer.next()?.readableBytes == 3)
    for _ in 0..<2 {
      #expect(throws: MessageDeframer.Failure.tooLong(length_bytes: 11, limit_bytes: 10)) { try deframer.next() }
    }
  }

  @Test func creditIsGivenOncePerByte() throws {
    let stream = Self.frame(100) + Self.frame(50)
    var deframer = MessageDeframer()
    deframer.append(ByteBuffer(bytes: stream[..<60]))
    #expect(try deframer.next() == nil)
    #expect(deframer.creditReceived() == 60)
    #expect(deframer.creditReceived() == 0)
    deframer.append(ByteBuffer(bytes: stream[60...]))
    #expect(try deframer.next()?.readableBytes == 100)
    #expect(deframer.creditDelivered() == 45)
    #expect(try deframer.next()?.readableBytes == 50)
    #expect(deframer.creditDelivered() == 55)
    #expect(deframer.creditReceived() == 0)
  }

  @Test func unreadMessagesGetNoCredit() throws {
    var deframer = MessageDeframer()
    deframer.append(ByteBuffer(bytes: Self.frame(10) + Self.frame(10)))
    #expect(deframer.creditDelivered() == 0)
    _ = try deframer.next()
    #expect(deframer.creditDelivered() == 15)
  }

  @Test func limitIsExact() throws {
    var deframer = MessageDeframer(limit_bytes: 10)
    deframer.append(ByteBuffer(bytes: Self.frame(10)))
    #expect(try deframer.next()?.readableBytes == 10)
    deframer.append(ByteBuffer(bytes: Self.frame(11)[..<5]))
    #expect(throws: MessageDeframer.Failure.tooLong(length_bytes: 11, limit_bytes: 10)) { try deframer.next() }
  }

  @Test(arguments: [(UInt8(1), MessageDeframer.Failure.compressed), (2, .badFlag(2)), (255, .badFlag(255))])
  func flagsAreRefused(flag: UInt8, failure: MessageDeframer.Failure) {
    var deframer = MessageDeframer()
    deframer.append(ByteBuffer(bytes: [flag, 0, 0, 0, 0]))
    #expect(throws: failure) { try deframer.next() }
  }

  @Test(
    arguments: [
      (frame(3), 3), (frame(0), 0), (frame(3) + [0], nil), (Array(frame(3).dropLast()), nil), ([1, 0, 0, 0, 0], nil),
      ([0, 0, 0], nil), (frame(11), nil),
    ] as [([UInt8], Int?)])
  func oneRegularMessageIsTakenAtOnce(bytes: [UInt8], length: Int?) {
    #expect(MessageDeframer(limit_bytes: 10).only(ByteBuffer(bytes: bytes))?.readableBytes == length)
  }
}
