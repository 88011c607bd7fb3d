import HTTP

extension ClientRequest {
    /// The request that a response asks to make instead; `nil` if the response is the answer.
    ///
    /// - Throws: A redirect that may not be followed.
    func redirected(by head: ResponseHead, from url: TargetURL) throws(ClientError) -> ClientRequest? {
        guard redirects > 0, method == .get || method == .head, Self.redirectCodes.contains(head.status.rawValue),
            let location = head.fields["Location"]
        else { return nil }
        let target: TargetURL
        do {
            target = try url.resolving(location)
        } catch {
            throw self.error(.redirectRefused("its Location: \(error.reason)"), reached: .maybe, at: url)
        }
        guard target.origin.scheme == "https" || url.origin.scheme == "http" else {
            throw error(.redirectRefused("it leaves https"), reached: .maybe, at: url)
        }
        var next = self
        next.url = target.text
        if target.origin != url.origin {
            next.fields = [:]
            for field in fields.all where Self.impersonalFields.contains(field.name.lowercased()) {
                next.fields.append(field.name, field.value)
            }
        }
        return next
    }

    private static let redirectCodes: Set = [301, 302, 303, 307, 308]

    /// The fields that say what is wanted, and nothing about who wants it.
    private static let impersonalFields: Set = [
        "accept", "accept-language", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "range", "user-agent",
    ]
}
