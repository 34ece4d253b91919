package persistence

import (
	"context"
	"time"
)

// Prepared is how many statements PostgreSQL keeps for the connection that was used
// last.
func (d *Database) Prepared(ctx context.Context) (int, error) {
	n, err := d.bun.NewSelect().TableExpr("pg_prepared_statements").Count(ctx)
	return int(n), err
}

// LookedEarlier makes the last look at active connections so much longer ago.
func (n *Node) LookedEarlier(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looked = n.looked.Add(-by)
}

// LookEvery is how long there is none.
const LookEvery = lookEvery
