package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// maxNodeName is the length of the name's column in characters. Joining under a
// longer name fails.
const maxNodeName = 255

// firstLookTimeout bounds the look at active connections as a node joins: who has its
// name serves, and does not wait for tables of any length.
const firstLookTimeout = 4 * time.Second

// EmailMatch says when the e-mail of a client is that of a user.
type EmailMatch string

// The matches. The zero value is MatchExact.
const (
	MatchExact    EmailMatch = "exact"
	MatchCasefold EmailMatch = "casefold" // the ASCII letters A to Z count as a to z
)

// NodeConfig is what a server says of itself when it joins.
type NodeConfig struct {
	Name       string
	Lease      time.Duration // after a commit, how long the others take the node for alive
	Match      EmailMatch
	HistoryFor time.Duration // how long ended sessions are kept; for ever if it is zero
	Announce   bool          // write the joins and leaves of users into the outbox
}

// Node is one running server's hand on the database. It implements
// [rollcall.Store].
type Node struct {
	db     *Database
	config NodeConfig
	id     int64
	epoch  int64

	mu     sync.Mutex
	looked time.Time // when active connections were last compared with sessions
}

var _ rollcall.Store = (*Node)(nil)

// nodeRow is one server, running or not.
type nodeRow struct {
	bun.BaseModel `bun:"table:nodes,alias:n"`

	ID             int64     `bun:"id,pk,autoincrement"`
	Name           string    `bun:"name"`
	Epoch          int64     `bun:"epoch"`
	StartedAt      time.Time `bun:"started_at"`
	LeaseExpiresAt time.Time `bun:"lease_expires_at"`
	Sweeps         int64     `bun:"sweeps"`
	Announces      bool      `bun:"announces"`
}

// Join takes the node's name, from a predecessor if there is one, and ends the
// sessions that the predecessor left. Should it be alive after all, its next
// commit returns [rollcall.ErrSuperseded]. It mends active connections, too.
func (d *Database) Join(ctx context.Context, config NodeConfig) (*Node, error) {
	if config.Match == "" {
		config.Match = MatchExact
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	n := &Node{db: d, config: config}
	err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if n.id, n.epoch, err = d.takeName(ctx, tx, config); err != nil {
			return err
		}
		_, err = d.endNodes(ctx, tx, config.Announce, []int64{n.id}, rollcall.CauseNodeLost)
		if err != nil || !config.Announce {
			return err
		}
		return endPause(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("join as node %s: %w", config.Name, err)
	}
	look, cancel := context.WithTimeout(ctx, firstLookTimeout)
	defer cancel()
	if _, err := d.mend(look, config.Announce); err == nil { // else the first sweep looks
		n.looked = time.Now()
	}
	return n, nil
}

// Name is the name that the node joined under.
func (n *Node) Name() string { return n.config.Name }

// Epoch counts the servers that have joined under the node's name, this one
// included.
func (n *Node) Epoch() int64 { return n.epoch }

// Leave ends the sessions that the node still has and gives up its lease. It
// returns [rollcall.ErrSuperseded], and has done nothing, when the name is
// another server's by now.
func (n *Node) Leave(ctx context.Context) error {
	err := n.db.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := n.dropLease(ctx, tx); err != nil {
			return err
		}
		_, err := n.db.endNodes(ctx, tx, n.config.Announce, []int64{n.id}, rollcall.CloseGoingAway.Cause())
		return err
	})
	if err != nil {
		return fmt.Errorf("leave as node %s: %w", n.config.Name, err)
	}
	return nil
}

func (c NodeConfig) check() error {
	switch {
	case c.Name == "" || clean(c.Name, maxNodeName) != c.Name:
		return fmt.Errorf("a node's name must be text of 1 to %d characters, not %d",
			maxNodeName, utf8.RuneCountInString(c.Name))
	case c.Lease <= 0:
		return fmt.Errorf("a node's lease must be positive, not %s", c.Lease)
	case c.Match != MatchExact && c.Match != MatchCasefold:
		return fmt.Errorf("e-mails match %s or %s, not %q", MatchExact, MatchCasefold, c.Match)
	}
	return nil
}

func (d *Database) takeName(ctx context.Context, tx bun.Tx, c NodeConfig) (id, epoch int64, err error) {
	row := &nodeRow{Name: c.Name, Epoch: 1, StartedAt: now(), Announces: c.Announce}
	err = tx.NewInsert().Model(row).
		Column("name", "epoch", "started_at", "lease_expires_at", "sweeps", "announces").
		Value("lease_expires_at", "?", d.dialect.clock(c.Lease)).
		On("CONFLICT (name) DO UPDATE").
		Set("epoch = n.epoch + 1").
		Set("started_at = EXCLUDED.started_at").
		Set("lease_expires_at = EXCLUDED.lease_expires_at").
		Set("sweeps = EXCLUDED.sweeps").
		Set("announces = EXCLUDED.announces").
		Returning("id, epoch").
		Scan(ctx, &id, &epoch)
	if err != nil {
		return 0, 0, fmt.Errorf("take the name: %w", err)
	}
	return id, epoch, nil
}

// announced reports whether any node announces who joins and leaves.
func (d *Database) announced(ctx context.Context) (bool, error) {
	n, err := d.bun.NewSelect().Model((*nodeRow)(nil)).Where("announces").Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look for nodes that announce: %w", err)
	}
	return n > 0, nil
}

// renew is the first statement of every commit, on purpose. It locks the node's
// row, so that a commit whose answer was lost is over before a later one begins;
// and the node that finds its epoch gone writes nothing.
func (n *Node) renew(ctx context.Context, tx bun.Tx) (sweeps int64, err error) {
	err = n.own(tx).Conn(newParameters(tx)).Set("lease_expires_at = ?", n.db.dialect.clock(n.config.Lease)).
		Returning("sweeps").Scan(ctx, &sweeps)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, rollcall.ErrSuperseded
	}
	if err != nil {
		return 0, fmt.Errorf("renew the lease: %w", err)
	}
	return sweeps, nil
}

func (n *Node) dropLease(ctx context.Context, tx bun.Tx) error {
	result, err := n.own(tx).Set("lease_expires_at = NULL").Exec(ctx)
	if err != nil {
		return fmt.Errorf("give up the lease: %w", err)
	}
	if count, err := result.RowsAffected(); err == nil && count == 0 {
		return rollcall.ErrSuperseded
	}
	return nil
}

// own is an update of the node's row as long as the name is its own.
func (n *Node) own(tx bun.Tx) *bun.UpdateQuery {
	return tx.NewUpdate().Model((*nodeRow)(nil)).Where("id = ?", n.id).Where("epoch = ?", n.epoch)
}
