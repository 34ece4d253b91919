package persistence

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// auditExamples is how many e-mails of each kind an audit names. It counts no
// further.
const auditExamples = 100

// Audit is the state of the invariant at one moment: the e-mails of the active
// connections are exactly those of the sessions, and a node that may be alive
// owns each session.
type Audit struct {
	At           time.Time // by the clock of the database
	Users        int
	Sessions     int
	Connections  int         // active ones
	LastActivity time.Time   // the newest of all sessions; zero if there are none
	Nodes        []NodeState // those that have a lease or sessions, by name

	Unlisted []rollcall.Email // e-mails with a session and without an active connection
	Orphaned []rollcall.Email // e-mails with an active connection and without a session
	Unowned  int              // sessions of nodes without a lease, which none has by itself

	Outbox OutboxState
}

// OutboxState is how far the joins and leaves are that are to be posted.
type OutboxState struct {
	Waiting  int
	Oldest   time.Time // when the one that waits longest was written; zero if none does
	Failures int       // how often that was tried in vain
	Until    time.Time // when it is tried next, at the earliest; zero if that is now
	GivenUp  int       // since there is an outbox
}

// NodeState is one node in an audit.
type NodeState struct {
	Name           string    `bun:"name"`
	Epoch          int64     `bun:"epoch"`
	StartedAt      time.Time `bun:"started_at"`
	LeaseExpiresAt time.Time `bun:"lease_expires_at"` // zero if it has none
	Sessions       int       `bun:"sessions"`
	LastActivity   time.Time `bun:"last_activity"` // zero without sessions
}

// Holds reports whether the audit found nothing wrong. A lease that has run out
// is not: for a moment that is how every death looks.
func (a Audit) Holds() bool { return len(a.Unlisted) == 0 && len(a.Orphaned) == 0 && a.Unowned == 0 }

// Ghosts counts the sessions whose node has no live lease, and tells for how
// long the oldest has been one: since the lease ran out or, where that is not
// known, since the node's last activity.
func (a Audit) Ghosts() (count int, oldest time.Duration) {
	for _, n := range a.Nodes {
		if n.Sessions == 0 || n.Alive(a.At) {
			continue
		}
		count += n.Sessions
		since := n.LeaseExpiresAt
		if since.IsZero() {
			since = n.LastActivity
		}
		oldest = max(oldest, a.At.Sub(since))
	}
	return count, oldest
}

// Alive reports whether the node's lease runs at a time.
func (n NodeState) Alive(at time.Time) bool { return !n.LeaseExpiresAt.Before(at) }

// Audit reads the state of the invariant, all at one moment. It reads nodes before
// sessions, in the order of everybody else: a migration may lock both.
func (d *Database) Audit(ctx context.Context) (Audit, error) {
	var a Audit
	err := d.bun.RunInTx(ctx, d.dialect.snapshot(), func(ctx context.Context, tx bun.Tx) error {
		for _, read := range []func(context.Context, bun.Tx, *Audit) error{d.auditNodes, auditCounts, auditEmails, auditOutbox} {
			if err := read(ctx, tx, &a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Audit{}, fmt.Errorf("audit the %s database: %w", d.dialect, err)
	}
	return a, nil
}

func auditCounts(ctx context.Context, tx bun.Tx, a *Audit) error {
	for _, count := range []struct {
		of any
		to *int
	}{
		{(*userRow)(nil), &a.Users},
		{(*sessionRow)(nil), &a.Sessions},
		{(*connectionRow)(nil), &a.Connections},
	} {
		n, err := tx.NewSelect().Model(count.of).Count(ctx)
		if err != nil {
			return err
		}
		*count.to = int(n)
	}
	return nil
}

// auditNodes reads the clock after the leases, so that none seems to end later
// than it does.
func (d *Database) auditNodes(ctx context.Context, tx bun.Tx, a *Audit) error {
	err := tx.NewSelect().Model((*nodeRow)(nil)).
		Column("n.name", "n.epoch", "n.started_at", "n.lease_expires_at").
		ColumnExpr("count(s.id) AS sessions").ColumnExpr("max(s.last_activity) AS last_activity").
		Join("LEFT JOIN sessions AS s ON s.node_id = n.id").
		Group("n.id").Having("n.lease_expires_at IS NOT NULL OR count(s.id) > 0").
		Order("n.name").Scan(ctx, &a.Nodes)
	if err != nil {
		return err
	}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		if n.LeaseExpiresAt.IsZero() {
			a.Unowned += n.Sessions
		}
		if n.LastActivity.After(a.LastActivity) {
			a.LastActivity = n.LastActivity
		}
	}
	var clock struct {
		At time.Time `bun:"at"`
	}
	err = tx.NewSelect().ColumnExpr("? AS at", d.dialect.clock(0)).Scan(ctx, &clock)
	a.At = clock.At.UTC()
	return err
}

func auditEmails(ctx context.Context, tx bun.Tx, a *Audit) error {
	err := tx.NewSelect().Model((*sessionRow)(nil)).Distinct().Column("email").
		Where("NOT EXISTS (?)", connectionOf(tx)).
		Order("email").Limit(auditExamples).Scan(ctx, &a.Unlisted)
	if err != nil {
		return err
	}
	return tx.NewSelect().Model((*connectionRow)(nil)).Column("email").
		Where("NOT EXISTS (?)", sessionsOf(tx)).
		Order("email").Limit(auditExamples).Scan(ctx, &a.Orphaned)
}

func auditOutbox(ctx context.Context, tx bun.Tx, a *Audit) error {
	var waiting struct {
		Count  int       `bun:"count"`
		Oldest time.Time `bun:"oldest"`
	}
	err := tx.NewSelect().Model((*noticeRow)(nil)).
		ColumnExpr("count(*) AS count").ColumnExpr("min(written_at) AS oldest").Scan(ctx, &waiting)
	if err != nil {
		return err
	}
	var turn turnRow
	if err := tx.NewSelect().Model(&turn).Column("failures", "not_before", "given_up").Limit(1).Scan(ctx); err != nil {
		return err
	}
	a.Outbox = OutboxState{Waiting: waiting.Count, Failures: turn.Failures, GivenUp: turn.GivenUp}
	if waiting.Count > 0 {
		a.Outbox.Oldest = waiting.Oldest.UTC()
		if turn.NotBefore.After(a.At) {
			a.Outbox.Until = turn.NotBefore.UTC()
		}
	}
	return nil
}

// NodeEmails returns the e-mails that have sessions on a node, in order, each
// once.
func (d *Database) NodeEmails(ctx context.Context, node string) (emails []rollcall.Email, err error) {
	err = d.bun.NewSelect().Model((*nodeRow)(nil)).Distinct().Column("s.email").
		Join("JOIN sessions AS s ON s.node_id = n.id").
		Where("n.name = ?", node).Order("s.email").Scan(ctx, &emails)
	if err != nil {
		return nil, fmt.Errorf("read the e-mails of node %s: %w", node, err)
	}
	return emails, nil
}
