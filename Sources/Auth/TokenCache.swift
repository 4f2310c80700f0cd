import Crypto
import Foundation

/// Verified tokens by SHA-256 of the token, so that a call costs one hash instead of one signature.
/// Bounded; the oldest entry goes first. A value type: the verifier holds it in a lock.
struct TokenCache {
  let capacity: Int
  private var principals: [SHA256Digest: Principal] = [:]
  /// Insertion order, a ring of at most `capacity` keys.
  private var order: [SHA256Digest] = []
  private var oldest = 0

  init(capacity: Int) {
    self.capacity = max(capacity, 0)
  }

  var count: Int { principals.count }

  static func key(of token: String) -> SHA256Digest {
    SHA256.hash(data: Array(token.utf8))
  }

  func principal(for key: SHA256Digest) -> Principal? {
    principals[key]
  }

  mutating func insert(_ principal: Principal, for key: SHA256Digest) {
    guard capacity > 0, principals.updateValue(principal, forKey: key) == nil else { return }
    if order.count < capacity {
      order.append(key)
    } else {
      principals.removeValue(forKey: order[oldest])
      order[oldest] = key
      oldest = (oldest + 1) % capacity
    }
  }
}
