import Foundation

/// When a failed try is worth another one, and after what pause. Pure: chance and time come in.
struct RetryPolicy {
  let retries: Int

  /// nil: the failure is final.
  /// - Parameters:
  ///   - attempt: 0 for the first try.
  ///   - retryAfter: what the server asked for.
  ///   - chance: from 0 to 1.
  func pause(after error: some TransientFailure, attempt: Int, retryAfter: Duration?, chance: Double) -> Duration? {
    guard attempt < retries, error.isTransient else { return nil }
    if let retryAfter { return retryAfter <= Limits.retryAfter ? max(retryAfter, .zero) : nil }
    let longest = min(Limits.backoff * (1 << min(attempt, 16)), Limits.backoff_max)
    return longest * (0.5 + 0.5 * chance)
  }

  /// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
  static func retryAfter(_ field: String?, now: Date) -> Duration? {
    guard let field else { return nil }
    if let seconds = Double(field), seconds.isFinite, seconds >= 0 {
      return .milliseconds(Int64(min(seconds, 86_400) * 1000))
    }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    guard let date = format.date(from: field) else { return nil }
    return .milliseconds(Int64(min(max(date.timeIntervalSince(now), 0), 86_400) * 1000))
  }
}
