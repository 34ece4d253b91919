package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rollcall/rollcall"
)

// Commit applies the batch in one transaction, which also renews the node's
// lease; an empty batch does only that. A batch that was applied before changes
// nothing.
func (n *Node) Commit(ctx context.Context, batch rollcall.Batch) (rollcall.Result, error) {
	var result rollcall.Result
	err := checkEmails(batch)
	if err == nil {
		err = n.db.transact(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			if result.Sweeps, err = n.renew(ctx, tx); err != nil {
				return err
			}
			if result.Users, err = n.write(ctx, tx, batch); err != nil || !batch.Count {
				return err
			}
			result.Sessions, err = countSessions(ctx, tx, n.id)
			return err
		})
	}
	if errors.Is(err, rollcall.ErrSuperseded) {
		return rollcall.Result{}, rollcall.ErrSuperseded // is the end of the server, which shows it as it is
	}
	if err != nil {
		return rollcall.Result{}, fmt.Errorf("commit %d changes of node %s: %w", batch.Len(), n.config.Name, rejection(err))
	}
	return result, nil
}

// write applies the changes in the order in which they happened. Sessions that were
// admitted before are written first, so that none lets go of its user who stays. Then
// sessions go. New ones come last: one is admitted after its commit, when those that
// go had long left, so that a user who comes back has left and joins anew.
func (n *Node) write(ctx context.Context, tx bun.Tx, batch rollcall.Batch) (map[rollcall.Email]rollcall.Entry, error) {
	users, err := n.users(ctx, tx, batch.Inserts)
	if err != nil {
		return nil, err
	}
	again, fresh := sortInserts(batch.Inserts, users)
	gone := sessionIDs(batch.Deletes)
	// A client that was never admitted leaves under its own spelling, so that
	// the rows of its sessions are asked too.
	leaving, err := sessionEmails(ctx, tx, gone)
	if err != nil {
		return nil, err
	}
	ends := endings(batch.Deletes, leaving)
	left := slices.Collect(maps.Keys(ends))
	old, err := oldSpellings(ctx, tx, again)
	if err != nil {
		return nil, err
	}

	// What is of one kind alone locks in order as it is, if nothing is deleted.
	if len(batch.Deletes)+len(old) > 0 || mixed(batch.Touches, again, fresh) {
		locks := slices.Concat(left, old, changedEmails(again), changedEmails(fresh), changedEmails(batch.Touches))
		if err := n.db.lockConnections(ctx, tx, locks); err != nil {
			return nil, err
		}
	}
	var online []connectionRow
	for _, step := range []func() error{
		func() error { return touchConnections(ctx, tx, connectionRows(batch.Touches)) },
		func() error { return touchSessions(ctx, tx, batch.Touches) },
		func() error { return insertSessions(ctx, tx, newSessionRows(n.id, again)) },
		func() error { return n.db.dismiss(ctx, tx, n.config.Announce, endingsNow(old, reasonRespelled)) },
		func() error { _, err := n.upsert(ctx, tx, again); return err },
		func() error { return n.db.endSessions(ctx, tx, batch.Deletes) },
		func() error { return n.db.dismiss(ctx, tx, n.config.Announce, ends) },
		func() error { return insertSessions(ctx, tx, newSessionRows(n.id, fresh)) },
		func() (err error) { online, err = n.upsert(ctx, tx, fresh); return err },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return entries(users, online), nil
}

// upsert writes the rows of the users of inserts, and returns them. It comes after the
// touches, so that these rows are as they stay.
func (n *Node) upsert(ctx context.Context, tx bun.Tx, inserts []rollcall.Change) ([]connectionRow, error) {
	rows, err := n.db.upsertConnections(ctx, tx, connectionRows(inserts))
	if err != nil {
		return nil, err
	}
	return rows, n.db.announceJoins(ctx, tx, n.config.Announce, rows, inserts)
}

// reasonRespelled ends the old spelling of a user who goes on under a new one.
const reasonRespelled = "replaced"

// oldSpellings returns the e-mails under which sessions are in the table that are
// written again under another: an operator has corrected their user's.
func oldSpellings(ctx context.Context, tx bun.Tx, again []rollcall.Change) ([]rollcall.Email, error) {
	emails := make(map[rollcall.SessionID]rollcall.Email, len(again))
	for _, c := range again {
		emails[c.Session] = c.Email
	}
	rows, err := sessionEmails(ctx, tx, sessionIDs(again))
	if err != nil {
		return nil, err
	}
	var old []rollcall.Email
	for _, row := range rows {
		if row.Email != emails[row.ID] {
			old = append(old, row.Email)
		}
	}
	slices.Sort(old)
	return slices.Compact(old), nil
}

// entries gives each e-mail that was asked for the row of its user.
func entries(users map[rollcall.Email]rollcall.Email, rows []connectionRow) map[rollcall.Email]rollcall.Entry {
	bySpelling := make(map[rollcall.Email]rollcall.Entry, len(rows))
	for _, row := range rows {
		bySpelling[row.Email] = rollcall.Entry{
			Email: row.Email, ConnectedAt: row.ConnectedAt.UTC(), LastActivity: row.LastActivity.UTC(),
		}
	}
	all := make(map[rollcall.Email]rollcall.Entry, len(users))
	for asked, spelling := range users {
		all[asked] = bySpelling[spelling]
	}
	return all
}

// users answers which of the inserts that were not admitted before are of active
// users, and how those spell themselves.
func (n *Node) users(
	ctx context.Context, tx bun.Tx, inserts []rollcall.Change,
) (map[rollcall.Email]rollcall.Email, error) {
	var asked []rollcall.Email
	for _, c := range inserts {
		if !c.Admitted {
			asked = append(asked, c.Email)
		}
	}
	if n.config.Match == MatchCasefold {
		return activeUsersFolded(ctx, tx, asked)
	}
	return activeUsers(ctx, tx, asked)
}

// sortInserts tells the inserts of sessions that were admitted before from those that are
// to be, each of which gets its user's spelling; without a user, it is left out.
func sortInserts(
	inserts []rollcall.Change, users map[rollcall.Email]rollcall.Email,
) (again, fresh []rollcall.Change) {
	fresh = make([]rollcall.Change, 0, len(inserts)) // as a rule all of them
	for _, c := range inserts {
		if c.Admitted {
			again = append(again, c)
		} else if spelling, ok := users[c.Email]; ok {
			c.Email = spelling
			fresh = append(fresh, c)
		}
	}
	return again, fresh
}

// mixed reports whether there are changes of more than one kind.
func mixed(kinds ...[]rollcall.Change) bool {
	some := 0
	for _, changes := range kinds {
		some += min(1, len(changes))
	}
	return some > 1
}

func changedEmails(changes []rollcall.Change) []rollcall.Email {
	emails := make([]rollcall.Email, len(changes))
	for i, c := range changes {
		emails[i] = c.Email
	}
	return emails
}

func sessionIDs(changes []rollcall.Change) []rollcall.SessionID {
	ids := make([]rollcall.SessionID, len(changes))
	for i, c := range changes {
		ids[i] = c.Session
	}
	return ids
}

// checkEmails refuses what cannot be an e-mail before it becomes part of a
// statement. SQLite would take it, and Bun would make a malformed statement of
// a NUL, which looks like a fault that passes.
func checkEmails(b rollcall.Batch) error {
	for _, changes := range [][]rollcall.Change{b.Inserts, b.Touches, b.Deletes} {
		for _, c := range changes {
			if _, err := rollcall.ParseEmail(string(c.Email)); err != nil {
				return fmt.Errorf("%w: session %s has no valid e-mail", rollcall.ErrRejected, c.Session)
			}
		}
	}
	return nil
}

// rejection marks an error that the same batch would meet for ever: of the data
// or a constraint (in PostgreSQL by the class of its SQLSTATE).
func rejection(err error) error {
	rejected := false
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		rejected = slices.Contains([]string{"21", "22", "23"}, e.Code[:2])
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		primary := e.Code() & 0xff // the rest is its extension
		rejected = slices.Contains([]int{sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}, primary)
	}
	if rejected {
		return fmt.Errorf("%w: %w", rollcall.ErrRejected, err)
	}
	return err
}
