import NIOCore
import Testing

@testable import HTTP2

@Suite struct OutboundQueueTests {
  /// Any pattern of appends and takes yields the same bytes in the same order.
  @Test(arguments: [1, 3, 7, 100, 1_000])
  func keepsBytesAndOrder(_ step: Int) {
    var queue = OutboundQueue()
    var expected: [UInt8] = []
    var got: [UInt8] = []
    for index in 0..<300 {
      let piece = [UInt8](repeating: UInt8(index & 0xff), count: index % 17)
      expected += piece
      queue.append(ByteBuffer(bytes: piece))
      if index % 2 == 1 { got += take(&queue, step) }
    }
    while !queue.isEmpty { got += take(&queue, step) }
    #expect(got == expected)
    #expect(queue.byteCount == 0)
  }

  @Test func takingFromAnEmptyQueueGivesNothing() {
    var queue = OutboundQueue()
    queue.append(ByteBuffer())
    let taken = take(&queue, 5)
    #expect(taken.isEmpty)
    #expect(queue.isEmpty)
  }

  private func take(_ queue: inout OutboundQueue, _ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { target, taken in
      taken = target.baseAddress.map { queue.take(into: $0, capacity: count) } ?? 0
    }
  }
}
