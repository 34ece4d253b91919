package persistence

import (
	"context"
	"fmt"

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
	Users       int
	Sessions    int
	Connections int // active ones
	Leased      int // nodes that have a lease, run out or not

	Unlisted []rollcall.Email // e-mails with a session and without an active connection
	Orphaned []rollcall.Email // e-mails with an active connection and without a session
	Unowned  int              // sessions of nodes without a lease, which nobody would ever sweep
}

// Holds reports whether the audit found nothing wrong.
func (a Audit) Holds() bool { return len(a.Unlisted) == 0 && len(a.Orphaned) == 0 && a.Unowned == 0 }

// Audit reads the state of the invariant, all at one moment.
func (d *Database) Audit(ctx context.Context) (Audit, error) {
	var a Audit
	err := d.bun.RunInTx(ctx, d.dialect.snapshot(), func(ctx context.Context, tx bun.Tx) error {
		sessions := tx.NewSelect().Model((*sessionRow)(nil))
		for _, count := range []struct {
			of *bun.SelectQuery
			to *int
		}{
			{tx.NewSelect().Model((*userRow)(nil)), &a.Users},
			{sessions.Clone(), &a.Sessions},
			{tx.NewSelect().Model((*connectionRow)(nil)), &a.Connections},
			{tx.NewSelect().Model((*nodeRow)(nil)).Where("lease_expires_at IS NOT NULL"), &a.Leased},
			{sessions.Clone().Join("JOIN nodes AS n ON n.id = s.node_id").
				Where("n.lease_expires_at IS NULL"), &a.Unowned},
		} {
			n, err := count.of.Count(ctx)
			if err != nil {
				return err
			}
			*count.to = int(n)
		}
		err := sessions.Clone().Distinct().Column("email").
			Where("NOT EXISTS (?)", tx.NewSelect().Model((*connectionRow)(nil)).ColumnExpr("1").
				Where("c.email = s.email")).
			Order("email").Limit(auditExamples).Scan(ctx, &a.Unlisted)
		if err != nil {
			return err
		}
		return tx.NewSelect().Model((*connectionRow)(nil)).Column("email").
			Where("NOT EXISTS (?)", sessionsOf(tx)).
			Order("email").Limit(auditExamples).Scan(ctx, &a.Orphaned)
	})
	if err != nil {
		return Audit{}, fmt.Errorf("audit the %s database: %w", d.dialect, err)
	}
	return a, nil
}
