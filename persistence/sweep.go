package persistence

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// One sweep takes at most so much of what may be without bound; the next ones
// take the rest.
const (
	endedPerSweep  = 5000 // sessions in one transaction, whose locks others wait for
	prunedPerSweep = 10_000
)

// clockStep is the step of SQLite's clock. A lease is over when the step has
// passed that it ends in.
const clockStep = time.Millisecond

// Swept is what a sweep removed, and put back.
type Swept struct {
	Nodes    []string // dead ones, whose sessions it ended
	Sessions int      // of these
	Orphans  int      // active connections without a session
	Missing  int      // active connections that it put back, of users with a session
}

// Sweep ends the sessions of nodes whose lease has run out by the clock of the
// database, and tells when the next lease will have. It also deletes history that is
// older than the node keeps, and from time to time mends what a hand in the database
// has done to active connections. That comes last, as it may take long; each is a
// transaction of its own, so that what one has done stays done.
func (n *Node) Sweep(ctx context.Context) (rollcall.Swept, error) {
	var removed Swept
	err := n.db.sweepNodes(ctx, n.id, &removed)
	swept := rollcall.Swept{Sessions: removed.Sessions}
	if err == nil && n.config.HistoryFor > 0 {
		err = n.db.prune(ctx, now().Add(-n.config.HistoryFor), prunedPerSweep)
	}
	if err == nil {
		err = n.db.forgetNotices(ctx, prunedPerSweep)
	}
	if err == nil {
		swept.Next, err = n.db.nextDeath(ctx, n.id)
	}
	if err == nil && n.mendIsDue() {
		_, err = n.db.mend(ctx, n.config.Announce)
	}
	if err != nil {
		return swept, fmt.Errorf("sweep as node %s: %w", n.config.Name, err)
	}
	return swept, nil
}

// nextDeath is how long the shortest lease of the other nodes runs; zero if none
// has one. A lease may be over that was not swept, since somebody else holds its
// row: what is left of it is the least there is.
func (d *Database) nextDeath(ctx context.Context, sweeper int64) (time.Duration, error) {
	var lease struct {
		Ends time.Time `bun:"ends"`
		At   time.Time `bun:"at"`
	}
	err := d.bun.NewSelect().Model((*nodeRow)(nil)).
		ColumnExpr("min(lease_expires_at) AS ends").ColumnExpr("? AS at", d.dialect.clock(0)).
		Where("id <> ?", sweeper).Scan(ctx, &lease)
	if err != nil {
		return 0, fmt.Errorf("look for the next lease to run out: %w", err)
	}
	if lease.Ends.IsZero() {
		return 0, nil
	}
	return max(0, lease.Ends.Sub(lease.At)) + clockStep, nil
}

// Sweep removes what a node's sweep would, without being a node, and all of it:
// for an operator, where no server runs that would.
func (d *Database) Sweep(ctx context.Context) (all Swept, err error) {
	announced, err := d.announced(ctx)
	if err != nil {
		return all, fmt.Errorf("sweep the %s database: %w", d.dialect, err)
	}
	err = d.sweepNodes(ctx, nobody, &all)
	if err == nil {
		var m mended
		m, err = d.mend(ctx, announced)
		all.Orphans, all.Missing = m.orphans, m.missing
	}
	if err != nil {
		return all, fmt.Errorf("sweep the %s database: %w", d.dialect, err)
	}
	return all, nil
}

// nobody is the number of no node.
const nobody = 0

// sweepNodes takes one dead node after the other, and a long one in pieces, each
// in a transaction of its own: what is done stays done when time runs out. It spares
// the node that sweeps: a slow one would end its own sessions.
func (d *Database) sweepNodes(ctx context.Context, sweeper int64, swept *Swept) error {
	for more := true; more; {
		err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
			dead, err := d.lockDead(ctx, tx, sweeper)
			if more = len(dead) > 0; err != nil || !more {
				return err
			}
			ended, err := d.endSome(ctx, tx, dead[0])
			if err != nil {
				return err
			}
			swept.Sessions += ended
			if !slices.Contains(swept.Nodes, dead[0].Name) {
				swept.Nodes = append(swept.Nodes, dead[0].Name)
			}
			return markSwept(ctx, tx, []int64{dead[0].ID})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// endSome ends the next sessions of a node whose row the caller has locked. Who has
// announced that its users joined would announce that they left.
func (d *Database) endSome(ctx context.Context, tx bun.Tx, dead nodeRow) (int, error) {
	var rows []sessionRow
	err := tx.NewSelect().Model(&rows).Column("id", "email").
		Where("node_id = ?", dead.ID).Order("id").Limit(endedPerSweep).Scan(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the sessions of a dead node: %w", err)
	}
	deletes := make([]rollcall.Change, len(rows))
	for i, row := range rows {
		deletes[i] = rollcall.Change{Session: row.ID, Email: row.Email, EndedAt: now(), Reason: rollcall.CauseNodeLost}
	}
	emails := changedEmails(deletes)
	if err := d.lockConnections(ctx, tx, emails); err != nil {
		return 0, err
	}
	if err := d.endSessions(ctx, tx, deletes); err != nil {
		return 0, err
	}
	return len(rows), d.dismiss(ctx, tx, dead.Announces, endingsNow(emails, rollcall.CauseNodeLost))
}

// lockDead leaves nodes to others who sweep or commit them at this moment. A
// node with sessions and no lease is dead as well: only a hand in the database
// makes one.
func (d *Database) lockDead(ctx context.Context, tx bun.Tx, sweeper int64) (dead []nodeRow, err error) {
	owned := tx.NewSelect().Model((*sessionRow)(nil)).ColumnExpr("1").Where("s.node_id = n.id")
	err = d.dialect.lockFree(tx.NewSelect().Model(&dead).Column("id", "name", "announces").
		Where("lease_expires_at < ? OR lease_expires_at IS NULL AND EXISTS (?)", d.dialect.clock(0), owned).
		Where("id <> ?", sweeper).
		Order("id").Limit(1)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for dead nodes: %w", err)
	}
	return dead, nil
}

// markSwept tells a node that was only paused, in its next commit, that its rows
// are gone.
func markSwept(ctx context.Context, tx bun.Tx, nodes []int64) error {
	_, err := tx.NewUpdate().Model((*nodeRow)(nil)).
		Set("lease_expires_at = NULL").Set("sweeps = sweeps + 1").
		Where("id IN (?)", bun.List(nodes)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("mark %d nodes as swept: %w", len(nodes), err)
	}
	return nil
}

// endNodes ends all sessions of nodes whose rows the caller has locked, so that
// no commit of theirs comes between, and returns how many that were.
func (d *Database) endNodes(ctx context.Context, tx bun.Tx, announce bool, nodes []int64, reason string) (int, error) {
	emails, err := nodeEmails(ctx, tx, nodes)
	if err != nil {
		return 0, err
	}
	if err := d.lockConnections(ctx, tx, emails); err != nil {
		return 0, err
	}
	if err := d.recordNodes(ctx, tx, nodes, reason); err != nil {
		return 0, err
	}
	ended, err := deleteNodeSessions(ctx, tx, nodes)
	if err != nil {
		return 0, err
	}
	return ended, d.dismiss(ctx, tx, announce, endingsNow(emails, reason))
}
