import CNGHTTP2
import Glibc
import Synchronization

/// Where nghttp2 sessions live: the session, its tables, its first stream and its frame buffer, side by side in pages of
/// their own.
///
/// The frame buffer is 16 KiB, and an idle connection touches the first few hundred bytes of it. From malloc it is soon
/// made of pages that were in use before, and costs 16 KiB for nothing; here the untouched pages stay untouched
/// (docs/PERFORMANCE.md, idle streams). What does not fit comes from malloc.
///
/// Any thread.
final class SessionMemory: Sendable {
  static let shared = SessionMemory()

  /// Seven pages, of which an idle connection touches three.
  private static let slab_bytes = 28 << 10
  /// Where the frame buffer begins: the rest of the third page takes the frames of an idle connection. What lies
  /// before it takes the 9.1 KiB of a session of nghttp2 1.52, and its first streams.
  private static let frameBuffer_offset = 11 << 10
  /// Whatever is larger is the frame buffer.
  private static let frame_bytes = 16 << 10
  private static let slabsInRegion = 64

  private struct Unused: ~Copyable, @unchecked Sendable {  // addresses; their memory belongs to whoever takes one
    var slabs: [UnsafeMutableRawPointer] = []
  }

  private let unused = Mutex(Unused())

  /// Zeroed memory for one session; nil when the system has none.
  func take() -> Slab? {
    unused.withLock { unused in
      if unused.slabs.isEmpty { unused.slabs = Self.map() }
      return unused.slabs.popLast().map { Slab(base: $0) }
    }
  }

  /// After the session was deleted.
  func giveBack(_ slab: Slab) {
    madvise(slab.base, Self.slab_bytes, MADV_DONTNEED)
    unused.withLock { $0.slabs.append(slab.base) }
  }

  private static func map() -> [UnsafeMutableRawPointer] {
    let pages = mmap(
      nil, slab_bytes * slabsInRegion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let pages, pages != MAP_FAILED else { return [] }
    return (0..<slabsInRegion).map { pages + $0 * slab_bytes }
  }

  /// One session's part. It begins with its `Header`; no part of it is used twice.
  struct Slab: @unchecked Sendable {  // an address; only the session's owner uses it
    fileprivate let base: UnsafeMutableRawPointer

    /// For nghttp2, which copies it.
    var allocator: nghttp2_mem {
      nghttp2_mem(
        mem_user_data: base,
        malloc: { count, slab in SessionMemory.allocate(count, slab) ?? malloc(count) },
        free: { pointer, slab in if !SessionMemory.owns(pointer, slab) { Glibc.free(pointer) } },
        // Fresh pages are zero.
        calloc: { count, size, slab in
          let (total, overflows) = count.multipliedReportingOverflow(by: size)
          return (overflows ? nil : SessionMemory.allocate(total, slab)) ?? calloc(count, size)
        },
        realloc: { pointer, count, slab in
          guard let pointer else { return SessionMemory.allocate(count, slab) ?? malloc(count) }
          return SessionMemory.owns(pointer, slab) ? SessionMemory.move(pointer, count, slab) : realloc(pointer, count)
        })
    }
  }

  private struct Header {
    /// Bytes taken before the frame buffer; 0 in a fresh slab.
    var used_bytes = 0
    var isFrameBufferTaken = false
  }

  private static func allocate(_ count: Int, _ slab: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let slab, count > 0, count <= slab_bytes else { return nil }
    let header = slab.assumingMemoryBound(to: Header.self)
    if count > frame_bytes {
      guard !header.pointee.isFrameBufferTaken, frameBuffer_offset + count <= slab_bytes else { return nil }
      header.pointee.isFrameBufferTaken = true
      return slab + frameBuffer_offset
    }
    let used = max(header.pointee.used_bytes, MemoryLayout<Header>.stride)
    let end = (used + count + 15) & ~15
    guard end <= frameBuffer_offset else { return nil }
    header.pointee.used_bytes = end
    return slab + used
  }

  private static func owns(_ pointer: UnsafeMutableRawPointer?, _ slab: UnsafeMutableRawPointer?) -> Bool {
    guard let pointer, let slab else { return false }
    return pointer >= slab && pointer < slab + slab_bytes
  }

  /// Out of the slab; copies as much as may be there, which is at most what lies before the slab's end.
  private static func move(
    _ pointer: UnsafeMutableRawPointer, _ count: Int, _ slab: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let slab, let moved = malloc(count) else { return nil }
    memcpy(moved, pointer, min(count, slab + slab_bytes - pointer))
    return moved
  }
}
