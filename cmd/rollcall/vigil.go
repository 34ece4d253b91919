package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

const (
	// reachLeast and reachMost bound the pause after a failed attempt, which
	// doubles with each: a database that starts is found soon, and many servers
	// that wait for one do not all come at once.
	reachLeast = 100 * time.Millisecond
	reachMost  = 2 * time.Second
	// joinTimeout is how long one attempt may take to read the schema's state and
	// to take the server's name, behind a lock perhaps; then it counts as failed.
	joinTimeout = 15 * time.Second
	// quietly is how long the first attempt may take before the log says that
	// the server waits.
	quietly = 3 * time.Second
)

// vigil is a server's wait for its database, which may be started after it. It
// is over when the database has answered, its schema is up to date, and the
// server has its name there.
type vigil struct {
	url     string
	wait    time.Duration // at the most; zero is one attempt
	migrate bool
	node    persistence.NodeConfig
	address string // where the server listens meanwhile
	log     *slog.Logger

	said   atomic.Bool // that it waits
	blamed bool        // and for what
}

// keep tries until an attempt succeeds, and waits only for what may pass by
// itself. However long a database was silent, the error of the end is one.
func (v *vigil) keep(ctx context.Context) (*persistence.Database, *persistence.Node, error) {
	began := time.Now()
	notice := time.AfterFunc(quietly, func() { v.say(nil) })
	defer notice.Stop()
	for pause := reachLeast; ; pause = min(2*pause, reachMost) {
		db, node, err := v.attempt(ctx, began)
		switch waited := time.Since(began); {
		case err == nil:
			if v.said.Load() {
				v.log.Info("database answers", "after", waited.Round(time.Millisecond))
			}
			return db, node, nil
		case ctx.Err() != nil:
			return nil, nil, fmt.Errorf("waiting for the database: %w", context.Cause(ctx))
		case v.wait == 0 || !persistence.Away(err):
			return nil, nil, err
		case waited >= v.wait:
			return nil, nil, fmt.Errorf("waiting for the database for %s: %w", v.wait, err)
		}
		v.say(err)
		select {
		case <-time.After(min(pause/2+rand.N(pause/2), time.Until(began.Add(v.wait)))):
		case <-ctx.Done():
		}
	}
}

// attempt goes all the way or leaves nothing behind but, if its last answer was
// lost, the name: the next attempt takes it over from itself.
func (v *vigil) attempt(ctx context.Context, began time.Time) (*persistence.Database, *persistence.Node, error) {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if v.wait > 0 {
		waiting, cancel = context.WithTimeout(ctx, max(v.wait-time.Since(began), reachLeast))
	}
	defer cancel()
	db, err := reachDatabase(waiting, v.url)
	if err != nil {
		return nil, nil, err
	}
	node, err := v.join(ctx, waiting, db)
	if err != nil {
		go func() { _ = db.Close() }() // a silent database is not waited for
		return nil, nil, err
	}
	return db, node, nil
}

// join makes sure of the schema and takes the name. A migration is not cut short
// by the end of the wait: it works, however long.
func (v *vigil) join(ctx, waiting context.Context, db *persistence.Database) (*persistence.Node, error) {
	waiting, cancel := context.WithTimeout(waiting, joinTimeout)
	defer cancel()
	pending, err := db.Pending(waiting)
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		if err := bringUpToDate(ctx, db, mayMigrate(v.url, v.migrate), v.log); err != nil {
			return nil, err
		}
		waiting, cancel = context.WithTimeout(ctx, joinTimeout)
		defer cancel()
	}
	return db.Join(waiting, v.node)
}

// say writes into the log that the server waits, and why when that is known: once
// each.
func (v *vigil) say(err error) {
	switch first := !v.said.Swap(true); {
	case first && err == nil:
		v.log.Warn("listening; waiting for the database", "address", v.address, "at_most", v.wait)
	case first:
		v.log.Warn("listening; waiting for the database", "address", v.address, "at_most", v.wait, "error", err)
	case err != nil && !v.blamed:
		v.log.Warn("the database does not answer", "error", err)
	}
	v.blamed = v.blamed || err != nil
}
