import CSQLite

/// A write that waits for its turn, whatever type its body returns.
struct Write: Sendable {
    /// What became of the body, before the commit.
    struct Outcome {
        let failure: (any Error)?
        /// Tells the caller, who gets the error of the commit only if the body itself went well.
        let answer: (_ commitFailure: (any Error)?) -> Void
    }

    /// Runs the body in the open transaction, perhaps so that it can be undone alone.
    let perform: @Sendable (_ connection: borrowing Connection, _ alone: Bool) -> Outcome
    /// Tells the caller that the body was never run.
    let refuse: @Sendable (DatabaseError) -> Void

    init<Output: Sendable>(
        _ body: @escaping @Sendable (borrowing Connection) throws -> Output,
        answer: @escaping @Sendable (Result<Output, any Error>) -> Void
    ) {
        perform = { connection, alone in
            do {
                let value = try alone ? connection.savepoint(body) : body(connection)
                return Outcome(failure: nil) { answer($0.map { .failure($0) } ?? .success(value)) }
            } catch {
                return Outcome(failure: error) { _ in answer(.failure(error)) }
            }
        }
        refuse = { answer(.failure($0)) }
    }
}

extension Connection {
    /// Runs writes in one transaction and answers every one of them after its commit.
    borrowing func commitTogether(_ writes: [Write], committed: () -> Void) {
        // Nearly always all of them go well, and none has to be undone alone.
        if commitAll(writes, committed) { return }
        var rest = writes[...]
        while !rest.isEmpty {
            guard begin(rest) else { return }
            let outcomes = perform(&rest)
            let failure = isInTransaction ? commit() : outcomes.last?.failure ?? lostTransaction
            if failure == nil { committed() }
            for outcome in outcomes { outcome.answer(failure) }
        }
    }

    /// Runs writes in one transaction and answers them, unless one of them fails: then all are undone, and it says false.
    private borrowing func commitAll(_ writes: [Write], _ committed: () -> Void) -> Bool {
        guard begin(writes[...]) else { return true }
        var outcomes: [Write.Outcome] = []
        for write in writes {
            outcomes.append(write.perform(self, false))
            guard isInTransaction, outcomes.last?.failure == nil else { break }
        }
        guard isInTransaction, outcomes.last?.failure == nil, !hasUnresolvedForeignKeys else {
            rollBack()
            return false
        }
        let failure = commit()
        if failure == nil { committed() }
        for outcome in outcomes { outcome.answer(failure) }
        return true
    }

    /// Begins a transaction, or tells writes why it cannot, and says false.
    private borrowing func begin(_ writes: ArraySlice<Write>) -> Bool {
        do throws(DatabaseError) {
            try run("BEGIN IMMEDIATE")
            return true
        } catch {
            for write in writes { write.refuse(error) }
            return false
        }
    }

    /// Runs writes one after the other; stops early if one of them has cost the whole transaction.
    ///
    /// A full disk, for one, makes SQLite roll everything back, not only the statement that met it.
    private borrowing func perform(_ writes: inout ArraySlice<Write>) -> [Write.Outcome] {
        var outcomes: [Write.Outcome] = []
        while isInTransaction, let write = writes.popFirst() {
            outcomes.append(write.perform(self, true))
        }
        return outcomes
    }

    private borrowing func commit() -> DatabaseError? {
        do throws(DatabaseError) {
            try run("COMMIT")
            return nil
        } catch {
            rollBack()
            return error
        }
    }

    /// Undoes the open transaction, if there still is one.
    borrowing func rollBack() {
        guard isInTransaction else { return }
        // Should even this fail, closing the connection rolls back, and the next BEGIN fails and says why.
        do { try run("ROLLBACK") } catch {}
    }

    /// Runs a body so that it can be undone alone.
    fileprivate borrowing func savepoint<Output>(
        _ body: (borrowing Connection) throws -> Output
    ) throws -> Output {
        try run("SAVEPOINT body")
        do {
            let value = try body(self)
            guard isInTransaction else { throw lostTransaction }
            // Deferred constraints are otherwise checked by COMMIT, where they would fail every write.
            guard !hasUnresolvedForeignKeys else {
                throw error(ResultCode.constraintForeignKey, "FOREIGN KEY constraint failed")
            }
            try run("RELEASE body")
            return value
        } catch {
            undoSavepoint()
            throw error
        }
    }

    private borrowing func undoSavepoint() {
        guard isInTransaction else { return }
        do {
            try run("ROLLBACK TO body")
            try run("RELEASE body")
        } catch {
            rollBack()
        }
    }

    private var lostTransaction: DatabaseError {
        error(ResultCode.abortRollback, "the transaction was ended by the body of a write")
    }
}
