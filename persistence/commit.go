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

// write applies the changes in an order that never lets go of a user who stays:
// sessions come before they go, and rows are judged last.
func (n *Node) write(ctx context.Context, tx bun.Tx, batch rollcall.Batch) (map[rollcall.Email]rollcall.Entry, error) {
	users, err := n.users(ctx, tx, batch.Inserts)
	if err != nil {
		return nil, err
	}
	inserts := admitted(batch.Inserts, users)
	gone := sessionIDs(batch.Deletes)
	// A client that was never admitted leaves under its own spelling, so that
	// the rows of its sessions are asked too.
	leaving, err := sessionEmails(ctx, tx, gone)
	if err != nil {
		return nil, err
	}
	ends := endings(batch.Deletes, leaving)
	left := slices.Collect(maps.Keys(ends))
	old, err := oldSpellings(ctx, tx, inserts)
	if err != nil {
		return nil, err
	}

	if len(batch.Touches)+len(batch.Deletes)+len(old) > 0 { // inserts alone lock in order as they are
		locks := slices.Concat(left, old, changedEmails(inserts), changedEmails(batch.Touches))
		if err := n.db.lockConnections(ctx, tx, locks); err != nil {
			return nil, err
		}
	}
	rows := make([]sessionRow, len(inserts))
	for i, c := range inserts {
		rows[i] = newSessionRow(n.id, c)
	}
	var online []connectionRow
	for _, step := range []func() error{
		func() error { return touchSessions(ctx, tx, batch.Touches) },
		func() error { return touchConnections(ctx, tx, connectionRows(batch.Touches)) },
		func() error { return insertSessions(ctx, tx, rows) },
		func() error { return n.db.dismiss(ctx, tx, n.config.Announce, endingsNow(old, reasonRespelled)) },
		func() (err error) { // after the touches, so that these rows are as they stay
			online, err = n.db.upsertConnections(ctx, tx, connectionRows(inserts))
			return err
		},
		func() error { return n.db.announceJoins(ctx, tx, n.config.Announce, online, inserts) },
		func() error { return n.db.endSessions(ctx, tx, batch.Deletes) },
		func() error { return n.db.dismiss(ctx, tx, n.config.Announce, ends) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return entries(users, online), nil
}

// reasonRespelled ends the old spelling of a user who goes on under a new one.
const reasonRespelled = "replaced"

// oldSpellings returns the e-mails under which sessions are in the table that are
// written again under another: an operator has corrected their user's.
func oldSpellings(ctx context.Context, tx bun.Tx, inserts []rollcall.Change) ([]rollcall.Email, error) {
	again := make(map[rollcall.SessionID]rollcall.Email)
	for _, c := range inserts {
		if c.Admitted {
			again[c.Session] = c.Email
		}
	}
	rows, err := sessionEmails(ctx, tx, slices.Collect(maps.Keys(again)))
	if err != nil {
		return nil, err
	}
	var old []rollcall.Email
	for _, row := range rows {
		if row.Email != again[row.ID] {
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

// admitted returns the inserts that are to be written, each with its user's
// spelling.
func admitted(inserts []rollcall.Change, users map[rollcall.Email]rollcall.Email) []rollcall.Change {
	var known []rollcall.Change
	for _, c := range inserts {
		if !c.Admitted {
			spelling, ok := users[c.Email]
			if !ok {
				continue
			}
			c.Email = spelling
		}
		known = append(known, c)
	}
	return known
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
