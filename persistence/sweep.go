package persistence

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// One sweep takes at most so much of what may be without bound; the next ones
// take the rest.
const (
	orphansPerSweep = 1000
	prunedPerSweep  = 10_000
)

// Sweep ends the sessions of nodes whose lease has run out by the clock of the
// database, and returns how many that were. It also deletes active connections
// that have no session, and history that is older than the node keeps. Each of
// the three is a transaction of its own, so that what one has done stays done.
func (n *Node) Sweep(ctx context.Context) (int, error) {
	swept, err := n.sweepNodes(ctx)
	if err == nil {
		err = n.db.sweepOrphans(ctx)
	}
	if err == nil && n.config.HistoryFor > 0 {
		err = n.db.prune(ctx, now().Add(-n.config.HistoryFor), prunedPerSweep)
	}
	if err != nil {
		return swept, fmt.Errorf("sweep as node %s: %w", n.config.Name, err)
	}
	return swept, nil
}

func (n *Node) sweepNodes(ctx context.Context) (swept int, err error) {
	err = n.db.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		dead, err := n.lockDead(ctx, tx)
		if err != nil || len(dead) == 0 {
			return err
		}
		if swept, err = n.db.endNodes(ctx, tx, dead, rollcall.CauseNodeLost); err != nil {
			return err
		}
		return markSwept(ctx, tx, dead)
	})
	if err != nil {
		return 0, err
	}
	return swept, nil
}

// lockDead leaves nodes to others who sweep or commit them at this moment.
func (n *Node) lockDead(ctx context.Context, tx bun.Tx) (dead []int64, err error) {
	d := n.db.dialect
	err = d.lockFree(tx.NewSelect().Model((*nodeRow)(nil)).Column("id").
		Where("lease_expires_at < ?", d.clock(0)).
		Where("id <> ?", n.id).
		Order("id")).Scan(ctx, &dead)
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
func (d *Database) endNodes(ctx context.Context, tx bun.Tx, nodes []int64, reason string) (int, error) {
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
	return ended, deleteAbandoned(ctx, tx, emails)
}

// sweepOrphans judges each row twice: to find it, and again when it is locked.
func (d *Database) sweepOrphans(ctx context.Context) error {
	return d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		orphans, err := d.lockOrphans(ctx, tx, orphansPerSweep)
		if err != nil {
			return err
		}
		return deleteAbandoned(ctx, tx, orphans)
	})
}
