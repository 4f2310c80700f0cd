import Metrics

/// The metrics of speech out; their labels are listed in README.md.
struct SpeechMetrics: Sendable {
  /// From the delivery of a reply's first piece to that of its first chunk.
  let firstChunk = Timer(label: "lifeecho.speech.first_chunk.duration")
  /// One sentence in the engine, from the request to its last byte.
  let synthesis = Timer(label: "lifeecho.speech.synthesis.duration")
  let cacheHits = Counter(label: "lifeecho.speech.cache.hits")
  let cacheMisses = Counter(label: "lifeecho.speech.cache.misses")
  let failures = Counter(label: "lifeecho.speech.synthesis.failures")
  let chunksSent = Counter(label: "lifeecho.speech.chunks.sent")
  /// Made, and not sent because the speech was cancelled.
  let chunksDropped = Counter(label: "lifeecho.speech.chunks.dropped")
  /// Pieces not read aloud because too many were waiting.
  let piecesSkipped = Counter(label: "lifeecho.speech.pieces.skipped")
  let cancels = Counter(label: "lifeecho.speech.cancels")
}
