import Crypto
import LibEvent

/// The input images that providers may download from here, each under an address that nobody can guess.
///
/// Some providers take images only as URLs. An image is published while its job runs and at no other time; nothing of it
/// is written down.
@EventLoop
final class PublishedInputs {
    /// What addresses begin with, without a slash at the end.
    private let publicURL: String
    private let images: Images

    init(publicURL: String, images: Images = Images()) {
        self.publicURL = publicURL
        self.images = images
    }

    /// What is published now, by token: an address stays good when the configuration changes.
    @EventLoop
    final class Images {
        fileprivate var byToken: [String: ImageFile] = [:]
    }

    /// One published image.
    struct Publication: Sendable, Hashable {
        var token: String
        var url: String
    }

    /// Publishes an image until ``withdraw(_:)``; its file must exist until then.
    func publish(_ image: ImageFile) -> Publication {
        let token = Random.token(bytes: 24)
        images.byToken[token] = image
        let name = "\(token).\(FileServer.fileExtension(of: image.mediaType))"
        return Publication(token: token, url: "\(publicURL)/files/inputs/\(name)")
    }

    func withdraw(_ publication: Publication) { images.byToken[publication.token] = nil }

    /// The image of an address; `nil` when there is none, or none any more.
    subscript(token: String, fileExtension: String) -> ImageFile? {
        images.byToken[token].flatMap { FileServer.fileExtension(of: $0.mediaType) == fileExtension ? $0 : nil }
    }

    /// Why a provider cannot download from here, for the client and the owner; `nil` when it may be able to.
    func obstacle(for provider: ImageRecipient) -> String? {
        guard Reach(of: publicURL) == .local, Reach(of: provider.baseURL) == .anywhere else { return nil }
        return """
            The provider '\(provider.name)' takes input images only as URLs, and cannot download from this gateway: \
            its 'public_url' is \(publicURL), which only this machine or its network can reach. Send the image as a \
            public URL, or have the gateway's owner set 'public_url' to an address that the provider can reach.
            """
    }
}
