import Crypto
import HTTP
import LibEvent

@testable import Easel

// What holds in every history. Each check speaks of one sentence of the promise.

// While it goes on.
extension World {
    /// Nothing is bought before it is written down, and nothing again unless nothing was bought before.
    func checkOrder(_ sale: Sale) {
        let what = "order \(sale.number) of \(sale.jobID) at \(sale.language)"
        let earlier = sales.filter { $0.jobID == sale.jobID }
        guard let story = rows.stories[sale.jobID], story.attempts.last?.provider == sale.language.rawValue,
            story.attempts.last?.state == .submitted, !story.job.state.isFinished
        else { return violate("an order is written down before it is placed", what) }
        for other in earlier where other.language != sale.language && other.verdict != .refused {
            violate("nothing is bought again unless the earlier attempt provably bought nothing", what)
        }
        checkRetry(sale)
        for other in earlier where other.life !== sale.life {
            violate("nothing is bought again after a crash", what)
        }
        let wanted = story.job.wantedImages
        let requests = (wanted + sale.language.atOnce - 1) / sale.language.atOnce
        if earlier.count(where: { $0.language == sale.language }) >= requests {
            violate("each request of a plan is sent once", what)
        }
    }

    /// A crash between the order and the poll must not lose the task.
    func checkPoll(_ sale: Sale) {
        guard !hasFullDisks, !isDurable(taskOf: sale) else { return }
        violate("a task is written down before its first poll", "order \(sale.number)")
    }

    /// A crash between the answer and the download must not lose the address.
    func checkDownload(_ url: String, by life: Life) {
        let isDurable = rows.unfinished.contains { story in
            story.attempts.contains { $0.pending?.contains(url) ?? false }
        }
        if !hasFullDisks, !life.isOver, !isDurable {
            violate("an address is written down before it is fetched from", url)
        }
    }

    /// What has ended stays as it was told.
    func checkUnfinished(_ jobID: String, _ what: String) {
        guard let state = rows.stories[jobID]?.job.state, state.isFinished else { return }
        violate("a job that has ended stays as it is", "\(what) of \(jobID), which is \(state)")
    }

    /// What was bought for a wish is not bought again for a retry, as long as the gateway can know that it is one.
    private func checkRetry(_ sale: Sale) {
        guard let request = requests[sale.jobID] else { return }
        for other in sales where other.jobID != sale.jobID && other.isCharged {
            guard requests[other.jobID]?.wish == request.wish else { continue }
            let endedAt = rows.stories[other.jobID]?.job.finishedAt ?? now
            if request.manner == .counted, now - endedAt > Repetition.retryWindow { continue }
            violate("a retry buys nothing again", "order \(sale.number) of \(sale.jobID) after \(other.jobID)")
        }
    }

    /// An answer is in the ledger before a client has it, and is about what the client wants.
    func check(_ ending: JobEnding, ofWish wish: String, _ jobID: String) {
        if requests[jobID]?.wish != wish { violate("a client is told of its own job", "\(jobID) for \(wish)") }
        if told[jobID] == nil { told[jobID] = Answered(ending: ending, life: engine?.life.number ?? 0) }
        checkTold(ending, jobID)
    }

    func checkTold(_ ending: JobEnding, _ jobID: String) {
        let story = rows.stories[jobID]
        switch ending {
        case .done(let told):
            guard let story, story.job.state == .done, story.images.map(\.token) == told.images.map(\.token) else {
                return violate("images that a client was told of are in the ledger", jobID)
            }
            for image in told.images where image.blob.content == .file && shelf[image.blob.digest] == nil {
                violate("images that a client was told of are on disk", "\(name(of: image.blob.digest)) of \(jobID)")
            }
        case .failed(let error):
            guard let story else {
                if sales.contains(where: { $0.jobID == jobID }) {
                    violate("an order that was placed is in the ledger", jobID)
                }
                return
            }
            let isWritten = story.job.error == error.json.text && story.job.errorStatus == error.status.rawValue
            guard story.job.state.isFinished, story.job.state != .done, isWritten else {
                return violate("an error that a client was told is in the ledger", "\(jobID): \(error.message)")
            }
        }
    }

    /// Whoever is sent away will find the job.
    func checkLateness(of job: Job) {
        guard let lateness = job.lateness else { return violate("a client is sent away with a reason", job.id) }
        if lateness.location == nil {
            if sales.contains(where: { $0.jobID == job.id }) {
                violate("what may have cost something is told of", job.id)
            }
            return
        }
        guard rows.stories[job.id] != nil else {
            return violate("a job that a client is told of is in the ledger", job.id)
        }
    }

    func checkReceipt(of job: Job) {
        guard rows.stories[job.id] == nil else { return }
        violate("a job whose id a client was given is in the ledger", job.id)
    }
}

// At a crash.
extension World {
    /// Notes what can no longer be asked of the gateway: what was only in memory.
    func settleDebts() {
        for story in rows.unfinished where !story.attempts.isEmpty {
            let sales = sales.filter {
                $0.jobID == story.job.id && $0.language.rawValue == story.attempts.last?.provider
            }
            var isKnown = true
            for sale in sales {
                let hasTask = isDurable(taskOf: sale)
                for picture in sale.pictures where !isDurable(picture, of: story) {
                    picture.isOwed = false
                    // The task will be asked again, and may have more to say or less.
                    sale.task?.isHeard = false
                    if !hasTask { isKnown = false }
                }
                if !hasTask, sale.verdict != .delivered { isKnown = false }
            }
            for sale in sales where !hasFullDisks { checkStored(sale, story) }
            let atOnce = sales.first?.language.atOnce ?? 1
            let requests = (story.job.wantedImages + atOnce - 1) / atOnce
            if !isKnown || sales.count < requests { doubts.insert(story.job.id) }
        }
    }

    /// Images of a request that is over are written down, whatever the others of their job still wait for.
    private func checkStored(_ sale: Sale, _ story: JobStory) {
        let moment = now - Self.noticePeriod
        let stored = sale.pictures.map { shelf[$0.file.digest] ?? taken[$0.file.digest] }
        // Of an image that was made twice nobody can tell which one is stored.
        guard sale.verdict == .delivered, sale.pictures.allSatisfy({ !twins.contains($0.file.digest) }),
            stored.allSatisfy({ $0.map { $0.at <= moment && $0.life.number == lifeCount } ?? false })
        else { return }
        for picture in sale.pictures where !isDurable(picture, of: story) {
            violate("an image that is stored is written down at once", "\(picture.name) of \(story.job.id)")
        }
    }

    private func isDurable(_ picture: Picture, of story: JobStory) -> Bool {
        story.images.contains { $0.blob.digest == picture.file.digest }
            || picture.url.map { url in story.attempts.contains { $0.pending?.contains(url) ?? false } } ?? false
    }

    private func isDurable(taskOf sale: Sale) -> Bool {
        guard let task = sale.task?.id else { return false }
        return rows.stories[sale.jobID]?.attempts.contains { $0.task?.contains(task) ?? false } ?? false
    }
}

// In the end.
extension World {
    func checkEnd() {
        if let engine {
            if engine.jobs.count > 0 { violate("every job ends", "\(engine.jobs.count) are under way") }
            if !engine.shelf.pins.isEmpty {
                violate("images are let go of", "\(engine.shelf.pins.keys.map(name(of:)).sorted())")
            }
        } else {
            violate("a gateway that crashed is started again", "")
        }
        if scheduler.count > 0 { violate("nothing is left to wait for", "\(scheduler.count)") }
        checkGhosts()
        for story in rows.stories.values.sorted(by: { $0.job.id < $1.job.id }) { checkEnd(of: story) }
        for (jobID, answered) in told.sorted(by: { $0.key < $1.key }) { checkTold(answered.ending, jobID) }
        checkShelf()
        checkMoney()
    }

    private func checkEnd(of story: JobStory) {
        let job = story.job
        let sales = sales.filter { $0.jobID == job.id }
        let isCharged = sales.contains(where: \.isCharged)
        checkRows(of: story)
        switch job.state {
        case .accepted, .submitted, .storing: violate("every job ends", "\(job.id) is \(job.state)")
        case .done: if story.images.isEmpty { violate("a job that is done has images", job.id) }
        case .failed, .cancelled:
            if job.cost == Money(microunits: 0), isCharged {
                violate("what is said to be free was not charged", job.id)
            }
            if job.cost == nil, !sales.contains(where: { $0.verdict == .delivered || $0.task?.isHeard == true }) {
                violate("a job that failed before anything was bought says that it is free", job.id)
            }
        case .unknown:
            let isOpen = sales.contains { sale in
                sale.task.map { !$0.isHeard && ($0.end != .images || isExcused(sale, $0, story)) } ?? false
            }
            if !isOpen, !doubts.contains(job.id) { violate("only what nobody can know is unknown", job.id) }
        }
        for sale in sales { checkDelivery(of: sale, story) }
        checkCost(of: story, sales)
    }

    private func checkRows(of story: JobStory) {
        let (job, images) = (story.job, story.images)
        if job.state.isFinished, job.finishedAt == nil { violate("a job that has ended says when", job.id) }
        if images.count != job.images {
            violate("a job counts its images", "\(job.id): \(job.images), not \(images.count)")
        }
        if images.reduce(0, { $0 + $1.blob.length }) != job.imageLength { violate("a job counts its bytes", job.id) }
        if Set(images.map(\.position)).count != images.count { violate("images have places of their own", job.id) }
        if story.attempts.contains(where: { $0.pending != nil }) { violate("nothing is pending in the end", job.id) }
        if job.state.isFinished, story.attempts.contains(where: { $0.state == .submitted }) {
            violate("attempts end with their job", job.id)
        }
        if (job.error != nil) == (job.state == .done) { violate("a job has images or an error", job.id) }
    }

    /// A paid image that the gateway has heard of is stored, unless its link has died.
    private func checkDelivery(of sale: Sale, _ story: JobStory) {
        if let task = sale.task, task.end == .images, task.cancelledAt == nil, isDurable(taskOf: sale),
            !isExcused(sale, task, story)
        {
            for picture in sale.pictures { picture.isOwed = true }
        }
        for picture in sale.pictures where picture.isOwed && picture.excuse == nil {
            if !story.images.contains(where: { $0.blob.digest == picture.file.digest }) {
                violate("a paid image is stored", "\(picture.name) of order \(sale.number) of \(story.job.id)")
            }
        }
        let heard = sale.pictures.count(where: \.isOwed)
        if story.job.state == .done, heard > story.images.count, story.job.missing.isEmpty {
            violate("a job that is done says what is missing", story.job.id)
        }
    }

    /// Whether a task came to its end too late to be found.
    private func isExcused(_ sale: Sale, _ task: Sale.Work, _ story: JobStory) -> Bool {
        if task.isHeard { return false }
        if task.goneAt != nil { return true }
        let attempt = story.attempts.first { $0.provider == sale.language.rawValue }
        let start = engine?.life === sale.life ? sale.orderedAt : attempt?.submittedAt ?? sale.orderedAt
        // As long as so many polls in a row can take.
        let slack = Duration.seconds((Self.lostPollsInRow + 1) * (6 + 2 * faults.slowness))
        return task.endsAt + slack > start + Self.jobTimeout
            || (engine?.bootedAt ?? start) + slack > start + Self.jobTimeout
    }

    /// What was charged is written down, and no more than what may have been.
    private func checkCost(of story: JobStory, _ sales: [Sale]) {
        let (job, provider) = (story.job, story.attempts.last?.provider)
        guard let cost = job.cost else { return }
        let route = configuration.model(named: job.model)?.routes.first { $0.provider == provider }
        guard let price = route?.price?.image else {
            if cost != Money(microunits: 0) { violate("an unknown price is no cost", job.id) }
            return
        }
        let charged = sales.reduce(0) { $0 + $1.chargedImages }
        if cost.microunits < price.microunits * Int64(charged) {
            violate("what was charged is written down", "\(job.id): \(cost) for \(charged) images")
        }
        let isKnown =
            !doubts.contains(job.id)
            && sales.allSatisfy { sale in
                sale.life === engine?.life && sale.task?.isHeard ?? (sale.verdict != .unheard)
            }
        let heard = sales.flatMap(\.pictures).count { $0.heardAt != nil }
        if cost.microunits > price.microunits * Int64(isKnown ? heard : job.wantedImages) {
            violate("what provably was not made costs nothing", "\(job.id): \(cost) for \(heard) images")
        }
    }

    /// Ledger and shelf agree, but for what a crash left between the two.
    private func checkShelf() {
        var named: Set<Digest> = []
        for story in rows.stories.values {
            for image in story.images {
                named.insert(image.blob.digest)
                if image.blob.content == .file, shelf[image.blob.digest] == nil {
                    violate("every image of the ledger is on disk", "\(name(of: image.blob.digest)) of \(story.job.id)")
                }
                let isOurs = sales.contains { sale in
                    sale.jobID == story.job.id && sale.pictures.contains { $0.file.digest == image.blob.digest }
                }
                if !isOurs { violate("a job has its own images", story.job.id) }
            }
        }
        for (digest, stored) in shelf where !named.contains(digest) && !stored.life.isOver {
            violate("every image on disk is in the ledger", name(of: digest))
        }
    }

    /// The budget is kept, by the books and by what providers charge.
    func checkMoney() {
        guard let budget else { return }
        let used = rows.spending(of: Client.keyID, in: .total, on: Day(of: now))
        if used.total > budget { violate("what is spent and reserved is within the budget", "\(used)") }
        let charged = sales.reduce(0 as Int64) { sum, sale in
            let model = rows.stories[sale.jobID]?.job.model ?? ""
            let route = configuration.model(named: model)?.routes.first { $0.provider == sale.language.rawValue }
            return sum + (route?.price?.image?.microunits ?? 0) * Int64(sale.chargedImages)
        }
        if charged > budget.microunits {
            violate("what providers charge is within the budget", "\(Money(microunits: charged)) of \(budget)")
        }
    }
}
