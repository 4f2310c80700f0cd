package import ConversationAPI
package import RPC

/// `lifeecho.memoir.v1.MemoirIngestService`: not built yet; the outbox fills meanwhile.
package struct MemoirIngestHandler: MemoirV1.MemoirIngestServiceHandler {
  package init() {}

  package func leaseBatches(
    _ request: MemoirV1.LeaseBatchesRequest, context: ServerContext
  ) async throws -> MemoirV1.LeaseBatchesResponse {
    throw ErrorStatus.unimplemented("LeaseBatches")
  }

  package func acknowledgeBatch(
    _ request: MemoirV1.AcknowledgeBatchRequest, context: ServerContext
  ) async throws -> MemoirV1.AcknowledgeBatchResponse {
    throw ErrorStatus.unimplemented("AcknowledgeBatch")
  }

  package func extendLease(
    _ request: MemoirV1.ExtendLeaseRequest, context: ServerContext
  ) async throws -> MemoirV1.ExtendLeaseResponse {
    throw ErrorStatus.unimplemented("ExtendLease")
  }

  package func releaseBatch(
    _ request: MemoirV1.ReleaseBatchRequest, context: ServerContext
  ) async throws -> MemoirV1.ReleaseBatchResponse {
    throw ErrorStatus.unimplemented("ReleaseBatch")
  }
}
