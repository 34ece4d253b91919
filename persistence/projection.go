package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

const (
	// lookEvery is how long a node leaves active connections and sessions uncompared:
	// that reads both tables, which commits keep equal, so that only a hand in the
	// database is found. The next sweep looks, which comes within a third of a lease:
	// what was deleted by hand is back within a minute, with leases up to 30 s.
	lookEvery = 50 * time.Second
	// mendedAtOnce is how many users one transaction mends. It is followed by another
	// as long as it finds so many.
	mendedAtOnce = 1000
)

// mended is what a comparison of the two tables has changed.
type mended struct {
	orphans int // active connections without a session, which are gone now
	missing int // users with a session and without an active connection, who have one now
}

// mendIsDue reports whether it is time for a look, and takes it for done, whatever
// comes of it: one that is too long for a sweep would else be in each.
func (n *Node) mendIsDue() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.looked) < lookEvery {
		return false
	}
	n.looked = time.Now()
	return true
}

// mend makes active connections what they should be: those of the users who have a
// session. Orphans are nobody's, so that whoever mends says whether they are announced.
func (d *Database) mend(ctx context.Context, announce bool) (m mended, err error) {
	if m.orphans, err = repeat(func() (int, error) { return d.deleteOrphans(ctx, announce) }); err != nil {
		return m, err
	}
	m.missing, err = repeat(func() (int, error) { return d.insertMissing(ctx) })
	return m, err
}

// repeat mends until less is found than one transaction takes.
func repeat(mend func() (found int, err error)) (all int, err error) {
	for {
		found, err := mend()
		if all += found; err != nil || found < mendedAtOnce {
			return all, err
		}
	}
}

// deleteOrphans judges each row twice: to find it, and again when it is locked.
// It returns how many it found.
func (d *Database) deleteOrphans(ctx context.Context, announce bool) (found int, err error) {
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		orphans, err := d.lockOrphans(ctx, tx)
		if err != nil {
			return err
		}
		found = len(orphans)
		return d.dismiss(ctx, tx, announce, endingsNow(orphans, rollcall.CauseNodeLost))
	})
	return found, err
}

// lockOrphans finds active connections without a session. It passes over rows that
// somebody is writing.
func (d *Database) lockOrphans(ctx context.Context, tx bun.Tx) (emails []rollcall.Email, err error) {
	err = d.dialect.lockFree(tx.NewSelect().Model((*connectionRow)(nil)).Column("email").
		Where("NOT EXISTS (?)", sessionsOf(tx)).
		Order("email").Limit(mendedAtOnce)).Scan(ctx, &emails)
	if err != nil {
		return nil, fmt.Errorf("look for active connections without a session: %w", err)
	}
	return emails, nil
}

// insertMissing judges each row twice as well, since the last session of a user may
// go meanwhile: whoever deletes it does not see the row yet. Once the sessions are
// kept, such a one is either seen here, or waits and sees the row. Nobody joins over
// it: that the user had gone was not announced.
func (d *Database) insertMissing(ctx context.Context) (found int, err error) {
	err = d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		emails, err := insertConnections(ctx, tx)
		if found = len(emails); err != nil || found == 0 {
			return err
		}
		if err := d.keepSessions(ctx, tx, emails); err != nil {
			return err
		}
		_, err = deleteAbandoned(ctx, tx, emails)
		return err
	})
	return found, err
}

// insertConnections inserts, in order, active connections for users who have sessions
// and none: since the first of the sessions that there are, active as in the last.
func insertConnections(ctx context.Context, tx bun.Tx) (emails []rollcall.Email, err error) {
	missing := tx.NewSelect().Model((*sessionRow)(nil)).Column("s.email").
		ColumnExpr("min(s.connected_at) AS connected_at").ColumnExpr("max(s.last_activity) AS last_activity").
		Where("NOT EXISTS (?)", connectionOf(tx)).
		Group("s.email").Order("s.email").Limit(mendedAtOnce)
	err = tx.NewInsert().With("missing", missing).Model((*connectionRow)(nil)).
		Column("email", "connected_at", "last_activity").
		TableExpr("missing WHERE TRUE"). // without WHERE, SQLite reads ON CONFLICT as the ON of a join
		On("CONFLICT (email) DO NOTHING").
		Returning("email").Scan(ctx, &emails)
	if err != nil {
		return nil, fmt.Errorf("insert active connections that are missing: %w", err)
	}
	return emails, nil
}

// keepSessions waits for whoever deletes a session of these users, and keeps others
// from it.
func (d *Database) keepSessions(ctx context.Context, tx bun.Tx, emails []rollcall.Email) error {
	if d.dialect == SQLite { // its transactions wait for each other as a whole
		return nil
	}
	_, err := tx.NewSelect().Model((*sessionRow)(nil)).ColumnExpr("1").
		Where("email IN (?)", bun.List(emails)).Order("email", "id").For("KEY SHARE").Exec(ctx)
	if err != nil {
		return fmt.Errorf("keep the sessions of %d users: %w", len(emails), err)
	}
	return nil
}

// connectionOf selects the active connection of the session s.
func connectionOf(tx bun.Tx) *bun.SelectQuery {
	return tx.NewSelect().Model((*connectionRow)(nil)).ColumnExpr("1").Where("c.email = s.email")
}
