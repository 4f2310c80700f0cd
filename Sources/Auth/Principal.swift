package import struct Foundation.Date

/// What an internal service may do (claim `scope`, space-separated; names unknown here are ignored).
package enum Scope: String, Sendable, Hashable, CaseIterable {
  case conversations
  case memoir
  case users
}

/// Who a verified token speaks for (design §5 "Who may call").
package struct Principal: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// A person's token: acts as that user and nobody else.
    case access(userID: String)
    /// An internal service; the user it acts for is named by the request.
    case service(scopes: Set<Scope>)
  }

  package let kind: Kind
  /// The token's `exp`. It is accepted until ``TokenPolicy/leeway`` later.
  package let expiry: Date

  package init(kind: Kind, expiry: Date) {
    self.kind = kind
    self.expiry = expiry
  }

  package func allows(_ scope: Scope) -> Bool {
    switch kind {
    case .access: false
    case .service(let scopes): scopes.contains(scope)
    }
  }
}
