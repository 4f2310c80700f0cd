/// Times and switches of speech (design §7, §9).
package struct VoiceSettings: Sendable {
  /// After `recording_started` without the last segment.
  package var feedbackDelay_ms: Int64 = 8_000
  package var feedbackText = "嗯,我在听,您慢慢说"
  /// Segments recognised at the same time by this server.
  package var workers = 4
  /// The longest one recognition may take, beside the length of the recording.
  package var recognitionTimeout_ms: Int64 = 300_000
  /// Before the second attempt; doubled before the third.
  package var recognitionBackoff_ms: Int64 = 1_000
  package var lease_ms: Int64 = 15_000
  package var leaseRenewal_ms: Int64 = 5_000
  /// How often segments of other servers and endings are looked for; own segments wake the workers.
  package var claimInterval_ms: Int64 = 5_000
  /// Without another segment and without the last one, a session is abandoned.
  package var abandonment_ms: Int64 = 10 * 60_000
  /// After the last segment, missing ones are waited for.
  package var gapPatience_ms: Int64 = 5 * 60_000
  /// Audio is kept after its recognition, and longer when that failed.
  package var audioRetention_ms: Int64 = 30 * 86_400_000
  package var failedAudioRetention_ms: Int64 = 90 * 86_400_000

  package init() {}
}
