// What a request may cost before it is sent, and what has become of that.

extension Configuration.Model {
    /// The routes that the client of an order may use: where the price of it is unknown, only some may.
    ///
    /// - Throws: A 403 when there is none.
    func routes(for submission: Submission) throws(GatewayError) -> [Configuration.Route] {
        guard !submission.allowsUnknownPrices else { return routes }
        let question = Price.Question(submission.order)
        let priced = routes.filter { $0.price?.most(for: question) != nil }
        guard !priced.isEmpty else { throw .unknownPrice(model: name) }
        return priced
    }

    /// The most that an order can cost, whichever of its routes is taken; `nil` when no price of it is known.
    func most(for submission: Submission) -> Money? {
        let question = Price.Question(submission.order)
        return routes.compactMap { $0.price?.most(for: question) }.max()
    }
}

extension Price {
    /// What came of an attempt costs: the images that have to be taken for charged, stored or not.
    func cost(of outcome: AttemptOutcome, for job: JobRecord) -> Money? {
        let stored = outcome.images.map { Dimensions(width: $0.blob.width, height: $0.blob.height) }
        let unseen = max(0, outcome.charged - stored.count)
        let answered = max(1, outcome.failures.count { $0?.boughtNothing != true })
        return cost(
            of: stored + Array(repeating: Dimensions?.none, count: unseen),
            // Reading what was asked for is needless where every answer to it costs the same.
            to: isFlat ? Question() : Question(job), requests: answered)
    }
}
