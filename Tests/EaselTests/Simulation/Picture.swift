import Crypto
import LibEvent

@testable import Easel

/// An image that a provider has made, and what its link will do.
@EventLoop
final class Picture {
    let name: String
    let file: SpooledFile
    /// The link to it; `nil` for one whose bytes are in the answer.
    let url: String?
    /// When the gateway may take its link for dead, from when it first hears of it.
    let expires: Duration

    // What its link does.
    var deadStatus: Int?
    var comesLate: Duration?
    var brokenDownloads = 0
    var downloadsWithoutImage = 0
    /// Bytes in the answer that are no image; the link, if any, leads to it all the same.
    var isInlineFlawed = false

    // What the gateway knows of it.
    private(set) var heardAt: Timestamp?
    /// The gateway has to store it.
    var isOwed = false
    /// Why it need not.
    private(set) var excuse: String?

    private var firstTry: (life: Life, at: Timestamp)?
    private var flawsSeen = 0
    private let scheduler: Scheduler

    init(_ name: String, _ file: SpooledFile, url: String?, expires: Duration, _ scheduler: Scheduler) {
        self.name = name
        self.file = file
        self.url = url
        self.expires = expires
        self.scheduler = scheduler
    }

    /// Its answer has arrived whole.
    func isHeard() {
        heardAt = heardAt ?? scheduler.time.now
        isOwed = true
        if isInlineFlawed, url == nil { excuse = "it is no image" }
    }

    func forgive(_ reason: String) { excuse = excuse ?? reason }

    /// Its link is asked, and will be answered in a while.
    func isAsked(by life: Life) {
        guard firstTry?.life !== life else { return }
        firstTry = (life, scheduler.time.now)
        flawsSeen = 0
    }

    /// What its link answers.
    func download(in world: World) throws(FetchFailure) -> SpooledFile {
        let now = scheduler.time.now
        let tryingFor = now - (firstTry?.at ?? now)
        let age = now - (heardAt ?? now)
        do throws(FetchFailure) {
            let file = try attempt(age: age, in: world)
            world.trace("link of \(name): downloaded")
            return file
        } catch {
            world.trace("link of \(name): \(error.reason)")
            // From here on the gateway may give it up; its longest pause is a minute.
            if error.isFinal { forgive("its link is dead") }
            if error.isLikelyGone, tryingFor >= Results.settlingTime - .seconds(65) { forgive("its link stayed away") }
            if age >= expires - .seconds(65) { forgive("its link has expired") }
            throw error
        }
    }

    private func attempt(age: Duration, in world: World) throws(FetchFailure) -> SpooledFile {
        if let deadStatus {
            throw FetchFailure(reason: "\(deadStatus)", isFinal: deadStatus == 410, isLikelyGone: deadStatus != 410)
        }
        if let comesLate, age < comesLate { throw FetchFailure(reason: "404", isFinal: false, isLikelyGone: true) }
        if brokenDownloads > 0 {
            brokenDownloads -= 1
            throw FetchFailure(reason: "it broke off", isFinal: false)
        }
        if downloadsWithoutImage > 0 {
            downloadsWithoutImage -= 1
            flawsSeen += 1
            if age >= expires - .seconds(65) { forgive("its link has expired") }
            if flawsSeen >= Results.flawedTries { forgive("its link leads to no image") }
            return world.tools.noImage
        }
        return file
    }
}
