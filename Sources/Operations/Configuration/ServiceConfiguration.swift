package import Logging

/// All settings of `lifeecho serve`, read and checked. `Settings` documents each.
package struct ServiceConfiguration: Sendable, Equatable {
  package struct GRPC: Sendable, Equatable {
    package var address: Endpoint
    /// 0: one per core.
    package var eventLoopCount: Int
    package var connectionIdle: Duration
  }

  package struct TLS: Sendable, Equatable {
    package var certificateFile: String
    package var keyFile: String

    package init(certificateFile: String, keyFile: String) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
    }
  }

  package enum ConsoleChoice: String, Sendable, CaseIterable {
    case auto
    case on
    case off
  }

  package struct Bridge: Sendable, Equatable {
    package var address: Endpoint
    package var console: ConsoleChoice
    package var piecePause: Duration
    package var legacySession_max: Duration
    /// Empty: all.
    package var origins: [String]
    /// 0: no limit.
    package var connectionsPerAddress: Int
  }

  package struct Database: Sendable, Equatable {
    /// nil: the private cluster.
    package var url: String?
    package var poolSize: Int
    package var statementTimeout: Duration
    package var connectTimeout: Duration
  }

  package struct DataDirectory: Sendable, Equatable {
    package var path: String
    package var isEphemeral: Bool
  }

  package struct JWT: Sendable, Equatable {
    /// nil: `jwt-secret` in the data directory, generated on first use.
    package var secretFile: String?
    package var keyFiles: [String]
    package var jwksFile: String?
    package var issuer: String?
    package var audience: String?
    package var leeway: Duration
    package var cacheSize: Int
  }

  package enum ChatEngine: String, Sendable, CaseIterable {
    case builtin
    case openai
  }

  package struct OpenAIChat: Sendable, Equatable {
    package var url: String
    package var model: String
    package var apiKeyFile: String?
    package var temperature: Double
    package var maxTokens: Int
    package var connectTimeout: Duration
    package var firstTokenTimeout: Duration
    package var idleTimeout: Duration
    package var totalTimeout: Duration
    package var retries: Int
  }

  package enum Chat: Sendable, Equatable {
    case builtin
    case openai(OpenAIChat)
  }

  package struct Chips: Sendable, Equatable {
    package var isEnabled: Bool
    package var count_max: Int
  }

  package struct Regreeting: Sendable, Equatable {
    package var isEnabled: Bool
    package var idle: Duration
  }

  package struct Connect: Sendable, Equatable {
    package var heartbeat: Duration
    package var bufferEvents: Int
    package var buffer_bytes: Int
  }

  package struct QuotaTier: Sendable, Equatable {
    package var turns: Int
    package var speech: Duration
  }

  package struct Quota: Sendable, Equatable {
    package var free: QuotaTier
    package var premium: QuotaTier
  }

  package struct Log: Sendable, Equatable {
    package var level: Logger.Level
    package var format: LogFormat
  }

  package var grpc: GRPC
  package var bridge: Bridge
  package var admin: Endpoint
  /// nil: plaintext.
  package var tls: TLS?
  package var database: Database
  package var data: DataDirectory
  package var jwt: JWT
  package var chat: Chat
  package var chips: Chips
  package var regreeting: Regreeting
  package var connect: Connect
  package var turnLease: Duration
  package var voice: Voice
  package var speech: Speech
  package var quota: Quota
  package var log: Log
  package var shutdownGrace: Duration
}
